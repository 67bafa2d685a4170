#pragma once
// One signature check (RFC 7515 section 5.2), the algorithm being the key's.

#include <memory>
#include <string_view>

#include "auth/key_set.h"

namespace sparc::auth {

/// Holds what each key of a set needs ready for the next check.
/// Thread: confined to one.
class SignatureVerifier {
 public:
  explicit SignatureVerifier(std::shared_ptr<const KeySet> keys);
  ~SignatureVerifier();
  SignatureVerifier(SignatureVerifier&&) noexcept;
  SignatureVerifier& operator=(SignatureVerifier&&) noexcept;

  [[nodiscard]] const KeySet& keys() const { return *keys_; }
  /// Whether `signature` (raw bytes; r and s in equal halves for ES*) is that of `input` by the set's key `index`.
  [[nodiscard]] bool verify(std::size_t index, std::string_view input, std::string_view signature);

 private:
  struct State;
  bool verify_mac(std::size_t index, std::string_view input, std::string_view signature);
  bool verify_public(const VerificationKey& key, std::string_view input, std::string_view signature);

  std::shared_ptr<const KeySet> keys_;
  std::unique_ptr<State> state_;
};

}  // namespace sparc::auth
