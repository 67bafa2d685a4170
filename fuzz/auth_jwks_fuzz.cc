// Key documents: a JWKS, or PEM where the text holds a block.

#include <cstdlib>
#include <string_view>

#include "auth/key_set.h"
#include "auth/signature.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sparc::auth;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  KeySetBuilder builder;
  const bool pem = text.find("-----BEGIN ") != std::string_view::npos;
  const bool added = (pem ? builder.add_pem(KeyPurpose::user, text) : builder.add_jwks(KeyPurpose::user, text)).has_value();
  if (added != (builder.size() != 0) || builder.size() > KeySetBuilder::keys_max) std::abort();
  const auto set = builder.build();
  SignatureVerifier verifier(set);
  for (std::size_t i = 0; i < set->keys().size(); ++i) {
    const VerificationKey& key = set->keys()[i];
    if (is_symmetric(key.algorithm) != (key.public_key == nullptr)) std::abort();
    if (verifier.verify(i, "input", text.substr(0, 64))) std::abort();
  }
  return 0;
}
