sparc_fuzz(net_address SOURCE net_address_fuzz.cc LAYERS net base)
sparc_fuzz(net_timer_wheel SOURCE net_timer_wheel_fuzz.cc LAYERS net base)
