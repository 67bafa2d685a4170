sparc_fuzz(config SOURCE config_fuzz.cc LAYERS server_config)
