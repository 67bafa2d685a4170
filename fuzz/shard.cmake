sparc_fuzz(shard SOURCE shard_fuzz.cc LAYERS shard broker auth ws base)
