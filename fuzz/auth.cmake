sparc_fuzz(auth_jwt SOURCE auth_jwt_fuzz.cc LAYERS auth base)
sparc_fuzz(auth_jwks SOURCE auth_jwks_fuzz.cc LAYERS auth base)
