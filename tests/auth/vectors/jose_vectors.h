#pragma once
// Made by make.mjs with npm jose. Claims: {"userId":"u-1","tenantId":"t-1","organizationId":"o-1","roles":["operator","admin"],"iat":1767225600,"exp":4102444800}

namespace sparc::auth::vectors {

struct JoseVector {
  const char* algorithm;
  const char* token;
  const char* pem;  // of the public key; empty: the secret
};

inline constexpr const char* jose_secret = "a secret of thirty-two bytes or so";
inline constexpr const char* jose_jwks =
    R"({"keys":[{"kty":"RSA","n":"l_OGT-OpiET0NbAhDVy_gWgAzhNsmTMcYawGQiYS5ULmaS3jEMNiqhSQ3HX3lDjTjMRhR8CH8vZtCHA87rVTJ53g_oPSIy_9O6dk12wjM5t3ac86F7SkNUCI1WLJay8oQd3Y1TGjJeXSY9gE4dC1r4b5ybYpSXnaucQFyLYs7l2_sjMJecWdAKYY7CTYnknbTM7ykCpXr_zX2DPh6kxR_38p5bc5_CQxL8_Yp0kFc3PRNeKdISfY1p0yeHty1-NCMlHhOtFM1BdrVOKkf7IRSxTjy9RMpRmgxLBggxjS1bf_XF249rvcbh9JNHNp_TpI0iQp4fRuv-5E6oIatIDqvw","e":"AQAB","kid":"key-RS256","alg":"RS256","use":"sig"},{"kty":"RSA","n":"6ySAp9OVCFpU6Q1icxxCj8tIKid0xN2m7KabaBCDtqZTtKHg5zmMVgH95Dih__mV8EubY78XFyAjLyvjxNH_SH2g_EXREtc1LJG2dA1ckd8pD_EAeKz7fdiH0lv2PV88vtmjMNkvya2-nN_YtTLl7uZAf81pnsSqtZ7caX8bN5WnzJyu4nXUiFvKFVkMFoBXwvOwpzLerdv6LTI0d1Y8_7vfUcjJfG0MGH3Ja88lEDz82gpKcv1ODUDAZwLClJHuf-ioQCUXUxhbO_Puwfdq6FNHO0GPHqDE1E_a-Y71lVOtMuS4DQAFndiQVxm8S1991IWCa5QPSWYs6MXIeQhAUw","e":"AQAB","kid":"key-RS384","alg":"RS384","use":"sig"},{"kty":"RSA","n":"n1AjoL1VLU_Bo6KfxhRKrM_WTX1ub88vanf3wJ930aMQJ7ZsSBWZNJ2MiiqDNJLmwSzgs1JYPIbVVOVUo4hV93XshUmVub-jQTXZrpxrufGK4x2xSLvzBdHuuhtX7-hVi_mQUsIBkltw7RJ4FljPdLHoqz7iNMakKB7lG3cQ41Pc0mA4bjnWeEOsmhEbyxPz50gBhBpF7USJEPOtSzA6WtYUm2dKCGEh4fCDRfTFrG_q_GocB2RaiOUWV_kLawgt3A7hWEd7AKG3BnlagRcxrd0IXW7XcpqxR9Hx8L6lyjOh17tyTCIvE2PLoCeBFgS6hPLf67bgNjAJn3a0hw429w","e":"AQAB","kid":"key-RS512","alg":"RS512","use":"sig"},{"kty":"EC","x":"Aylnz7rLewHmmFuUTse-bdhHenRoWcI3Ky2PYNnKf5k","y":"vkllGDkHwR41pvP3hI1jC7j13MYrqfVdm9iGdlcsq9I","crv":"P-256","kid":"key-ES256","alg":"ES256","use":"sig"},{"kty":"EC","x":"HXAudY-EcnjKQZKba-COtD48dy1PhO7ZWoSLwoo7jQLa7KPpZQw3Sc55FLwRK80Z","y":"V_ux7L9iRB4O88kis9TkbbDitPwJWk6zyZr_FvIaTwG-Ks9IgtaQtkUfZ1ZYsuva","crv":"P-384","kid":"key-ES384","alg":"ES384","use":"sig"},{"crv":"Ed25519","x":"j1sM7UjMi47ZONqB8aAw0ARvfghU7ZOCQb4hTQfn9bM","kty":"OKP","kid":"key-EdDSA","alg":"EdDSA","use":"sig"}]})";
inline constexpr JoseVector jose_vectors[] = {
    {"HS256",
     "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
     "eyJ1c2VySWQiOiJ1LTEiLCJ0ZW5hbnRJZCI6InQtMSIsIm9yZ2FuaXphdGlvbklkIjoiby0xIiwicm9sZXMiOlsib3BlcmF0b3IiLCJhZG1pbiJdLCJpYXQiOjE"
     "3NjcyMjU2MDAsImV4cCI6NDEwMjQ0NDgwMH0.-ZeF_B4bI6wxwMmsPR4FeVGj52XII0rB4DTY_Ga7vbs",
     R"()"},
    {"HS384",
     "eyJhbGciOiJIUzM4NCIsInR5cCI6IkpXVCJ9."
     "eyJ1c2VySWQiOiJ1LTEiLCJ0ZW5hbnRJZCI6InQtMSIsIm9yZ2FuaXphdGlvbklkIjoiby0xIiwicm9sZXMiOlsib3BlcmF0b3IiLCJhZG1pbiJdLCJpYXQiOjE"
     "3NjcyMjU2MDAsImV4cCI6NDEwMjQ0NDgwMH0.Xx3SNDqQFsU9hXe7MDLw0ygo2QN7u014ytY1fGQNGpbgsfIdMPDbZgsSGglp4Ge_",
     R"()"},
    {"HS512",
     "eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9."
     "eyJ1c2VySWQiOiJ1LTEiLCJ0ZW5hbnRJZCI6InQtMSIsIm9yZ2FuaXphdGlvbklkIjoiby0xIiwicm9sZXMiOlsib3BlcmF0b3IiLCJhZG1pbiJdLCJpYXQiOjE"
     "3NjcyMjU2MDAsImV4cCI6NDEwMjQ0NDgwMH0.t0qUWJwKgdg8NxuucHM86YdcaujMOixLTjwdwVtyCUEsUW4Td_"
     "Mzi5SCZcncZMvLyQx0wgMUhnXNrGIrMmxwPw",
     R"()"},
    {"RS256",
     "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImtleS1SUzI1NiJ9."
     "eyJ1c2VySWQiOiJ1LTEiLCJ0ZW5hbnRJZCI6InQtMSIsIm9yZ2FuaXphdGlvbklkIjoiby0xIiwicm9sZXMiOlsib3BlcmF0b3IiLCJhZG1pbiJdLCJpYXQiOjE"
     "3NjcyMjU2MDAsImV4cCI6NDEwMjQ0NDgwMH0.Cy-ruo2Zce2nTMx5CVO1__Qz5Qhyf_"
     "V4hi0tRq5gAU0uFhI8NfYcqo09i4Pz0NgpNqldpnQMamq2cqjPn3eNZRLST8ehzPoFu_7x2lPHluYipcvhYhwT5Nh1_N60B1Jqim5gaB5Mj9IoUwzq-"
     "J0d80ANuTLUqdqmFT16fdZ5kceiuoLovXVfIRCFEN1X5GfXqNi6grPUpvFMdwlvAwPWpizZDwc6Uf0dPt8MWGiXCOkxOZ65cGkiYKd5ABH_Ku-"
     "uOY5TKGHqoNYBHdjBCHJdEXe81rlV9rYbh2T9NA4qqlEkZGVYHy74RMeJFoSDUJELjhSWm5S16ubg8p_sLKVtVg",
     R"(-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAl/OGT+OpiET0NbAhDVy/
gWgAzhNsmTMcYawGQiYS5ULmaS3jEMNiqhSQ3HX3lDjTjMRhR8CH8vZtCHA87rVT
J53g/oPSIy/9O6dk12wjM5t3ac86F7SkNUCI1WLJay8oQd3Y1TGjJeXSY9gE4dC1
r4b5ybYpSXnaucQFyLYs7l2/sjMJecWdAKYY7CTYnknbTM7ykCpXr/zX2DPh6kxR
/38p5bc5/CQxL8/Yp0kFc3PRNeKdISfY1p0yeHty1+NCMlHhOtFM1BdrVOKkf7IR
SxTjy9RMpRmgxLBggxjS1bf/XF249rvcbh9JNHNp/TpI0iQp4fRuv+5E6oIatIDq
vwIDAQAB
-----END PUBLIC KEY-----)"},
    {"RS384",
     "eyJhbGciOiJSUzM4NCIsInR5cCI6IkpXVCIsImtpZCI6ImtleS1SUzM4NCJ9."
     "eyJ1c2VySWQiOiJ1LTEiLCJ0ZW5hbnRJZCI6InQtMSIsIm9yZ2FuaXphdGlvbklkIjoiby0xIiwicm9sZXMiOlsib3BlcmF0b3IiLCJhZG1pbiJdLCJpYXQiOjE"
     "3NjcyMjU2MDAsImV4cCI6NDEwMjQ0NDgwMH0.FDavGclQqsVzD_uhtuE0XZlWlEXVCrAcDSz3Ig0rFQu8IG164jQQ2hardZdKpYYMKOXM9J-"
     "BI1Bn2y6bvlXXEEqUn7Pql_4RG9RpNKhvMgFrb8gBmlxD9JE8YdtpqORtz0XFJ_069q4txnNl38d7VRWEkGA12s-VyeUhEhOWJI30oG7jYzMULwKxJeQvFg5W-"
     "WPEKQ0SL4oX2dxqtUGaj7yyn-fCtEBi5n9Uf0M8ek_oYjqnDmuRWvZX2ndaSvJpHfrHX_lr_aTHGOEcpiP0TF-"
     "j5qH7wSTY6BxaJ5QQivQ06OOrSh6v0gAO63ztxlfj7SYc5eYVAcY2o2X0gXpmcg",
     R"(-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA6ySAp9OVCFpU6Q1icxxC
j8tIKid0xN2m7KabaBCDtqZTtKHg5zmMVgH95Dih//mV8EubY78XFyAjLyvjxNH/
SH2g/EXREtc1LJG2dA1ckd8pD/EAeKz7fdiH0lv2PV88vtmjMNkvya2+nN/YtTLl
7uZAf81pnsSqtZ7caX8bN5WnzJyu4nXUiFvKFVkMFoBXwvOwpzLerdv6LTI0d1Y8
/7vfUcjJfG0MGH3Ja88lEDz82gpKcv1ODUDAZwLClJHuf+ioQCUXUxhbO/Puwfdq
6FNHO0GPHqDE1E/a+Y71lVOtMuS4DQAFndiQVxm8S1991IWCa5QPSWYs6MXIeQhA
UwIDAQAB
-----END PUBLIC KEY-----)"},
    {"RS512",
     "eyJhbGciOiJSUzUxMiIsInR5cCI6IkpXVCIsImtpZCI6ImtleS1SUzUxMiJ9."
     "eyJ1c2VySWQiOiJ1LTEiLCJ0ZW5hbnRJZCI6InQtMSIsIm9yZ2FuaXphdGlvbklkIjoiby0xIiwicm9sZXMiOlsib3BlcmF0b3IiLCJhZG1pbiJdLCJpYXQiOjE"
     "3NjcyMjU2MDAsImV4cCI6NDEwMjQ0NDgwMH0.g7riE4aZn1LK3Zcf_txb0YDYnT6RFurg_"
     "rNeHmeV4iWEXfk8aSuCgQ64oPiIZUmmyFHy7DAte8EVAYrHFOyXUbC8mu9EPvfBx5BgRiU55Q4yv4tnzZbTT5MtSw8TyPxwBU4dpgovmg-k_R6ux7_"
     "JC1UqfDg62xdpvN-luU3CXq9oLuV-"
     "oSk2Eocer7HtiTMN7ebCKAs7sICXaMFaSvCwe06AoFNEl9KNbApYMChPxMhFIKCqYshtKnAcPMmgRIsdCobybanZahh8iU6D8XDC6d3l3GgSj13wYNNkUmP32EN"
     "KLRq2kBZIaJatgOJlR04BVk3eg74Ihbf0Otc2e3ib-Q",
     R"(-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAn1AjoL1VLU/Bo6KfxhRK
rM/WTX1ub88vanf3wJ930aMQJ7ZsSBWZNJ2MiiqDNJLmwSzgs1JYPIbVVOVUo4hV
93XshUmVub+jQTXZrpxrufGK4x2xSLvzBdHuuhtX7+hVi/mQUsIBkltw7RJ4FljP
dLHoqz7iNMakKB7lG3cQ41Pc0mA4bjnWeEOsmhEbyxPz50gBhBpF7USJEPOtSzA6
WtYUm2dKCGEh4fCDRfTFrG/q/GocB2RaiOUWV/kLawgt3A7hWEd7AKG3BnlagRcx
rd0IXW7XcpqxR9Hx8L6lyjOh17tyTCIvE2PLoCeBFgS6hPLf67bgNjAJn3a0hw42
9wIDAQAB
-----END PUBLIC KEY-----)"},
    {"ES256",
     "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImtleS1FUzI1NiJ9."
     "eyJ1c2VySWQiOiJ1LTEiLCJ0ZW5hbnRJZCI6InQtMSIsIm9yZ2FuaXphdGlvbklkIjoiby0xIiwicm9sZXMiOlsib3BlcmF0b3IiLCJhZG1pbiJdLCJpYXQiOjE"
     "3NjcyMjU2MDAsImV4cCI6NDEwMjQ0NDgwMH0.DVI4qPtvdDO5Uxub6cysE7-_"
     "hQaPQflglNSGErAzN2nRkFlvLHgbhp5Kr8UzU1zxMpQ9nlTmXcmdaPYCTUR6DQ",
     R"(-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEAylnz7rLewHmmFuUTse+bdhHenRo
WcI3Ky2PYNnKf5m+SWUYOQfBHjWm8/eEjWMLuPXcxiup9V2b2IZ2Vyyr0g==
-----END PUBLIC KEY-----)"},
    {"ES384",
     "eyJhbGciOiJFUzM4NCIsInR5cCI6IkpXVCIsImtpZCI6ImtleS1FUzM4NCJ9."
     "eyJ1c2VySWQiOiJ1LTEiLCJ0ZW5hbnRJZCI6InQtMSIsIm9yZ2FuaXphdGlvbklkIjoiby0xIiwicm9sZXMiOlsib3BlcmF0b3IiLCJhZG1pbiJdLCJpYXQiOjE"
     "3NjcyMjU2MDAsImV4cCI6NDEwMjQ0NDgwMH0.3duB002aJFjQavT0uUbaq1V-uCIKGQ4wk7dOqD-sZF83itthHGhp8VTQCbYWWchUib4IvaMXnERLSrlk-"
     "olGeEMTUC1iwViulXE6TdFus-ggoDOywS2tnim-p977MmKB",
     R"(-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEHXAudY+EcnjKQZKba+COtD48dy1PhO7Z
WoSLwoo7jQLa7KPpZQw3Sc55FLwRK80ZV/ux7L9iRB4O88kis9TkbbDitPwJWk6z
yZr/FvIaTwG+Ks9IgtaQtkUfZ1ZYsuva
-----END PUBLIC KEY-----)"},
    {"EdDSA",
     "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCIsImtpZCI6ImtleS1FZERTQSJ9."
     "eyJ1c2VySWQiOiJ1LTEiLCJ0ZW5hbnRJZCI6InQtMSIsIm9yZ2FuaXphdGlvbklkIjoiby0xIiwicm9sZXMiOlsib3BlcmF0b3IiLCJhZG1pbiJdLCJpYXQiOjE"
     "3NjcyMjU2MDAsImV4cCI6NDEwMjQ0NDgwMH0.Uo1NnL5MkOvUWFF8kGKoIEqi7KJwyvfFVyYIENOLX2lWz-fsyCIiMA0BBIn_"
     "Ej3ac1vtFSGMUGFmfYyicCHIAA",
     R"(-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAj1sM7UjMi47ZONqB8aAw0ARvfghU7ZOCQb4hTQfn9bM=
-----END PUBLIC KEY-----)"},
};

}  // namespace sparc::auth::vectors
