sparc_fuzz(ws_receiver SOURCE ws/receiver_fuzz.cc LAYERS ws base)
sparc_fuzz(ws_extension SOURCE ws/extension_fuzz.cc LAYERS ws base)
sparc_fuzz(ws_inflate SOURCE ws/inflate_fuzz.cc LAYERS ws base)
sparc_fuzz(ws_upgrade SOURCE ws/upgrade_fuzz.cc LAYERS ws http base)
