sparc_fuzz(client_machine SOURCE client_machine_fuzz.cc LAYERS client protocol ws http base)
