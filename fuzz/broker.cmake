sparc_fuzz(broker_snapshot SOURCE broker/snapshot_fuzz.cc LAYERS broker base)
