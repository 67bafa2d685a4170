#include "auth/token_verifier.h"

#include <algorithm>
#include <array>
#include <cassert>

#include "auth/base64url.h"

namespace sparc::auth {
namespace {

constexpr std::size_t signature_bytes_max = 1'024;  // RSA of 8192 bits

std::unexpected<Refusal> refuse(std::string message, bool unknown_key = false) {
  return std::unexpected(Refusal{Fault{Code::UNAUTHENTICATED, std::move(message)}, unknown_key});
}
std::unexpected<Refusal> refuse(Fault fault) { return std::unexpected(Refusal{std::move(fault)}); }

std::unexpected<Refusal> expired() { return refuse(Fault{Code::TOKEN_EXPIRED, "The token has expired."}); }

}  // namespace

bool looks_like_token(std::string_view text) { return text.starts_with("eyJ") && std::count(text.begin(), text.end(), '.') == 2; }

TokenVerifier::TokenVerifier(std::shared_ptr<const KeySet> keys, std::size_t cache_entries_max, std::size_t bytes_max)
    : signatures_(std::move(keys)), bytes_max_(bytes_max), reader_(bytes_max), cache_(cache_entries_max) {}

void TokenVerifier::set_keys(std::shared_ptr<const KeySet> keys) {
  assert(keys);
  if (keys->fingerprint() == signatures_.keys().fingerprint()) return;
  signatures_ = SignatureVerifier(std::move(keys));
  cache_.clear();
}

std::expected<TokenVerifier::Parts, Refusal> TokenVerifier::split(std::string_view token) const {
  if (token.size() > bytes_max_)
    return refuse("The token is longer than " + std::to_string(bytes_max_) + " bytes (limits.token_bytes_max).");
  const std::size_t first = token.find('.');
  const std::size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) {
    return refuse("The token is malformed: it must have three parts.");
  }
  return Parts{token.substr(0, first), token.substr(first + 1, second - first - 1), token.substr(second + 1),
               token.substr(0, second)};
}

std::expected<void, Refusal> TokenVerifier::check_signature(const Parts& parts, const TokenHeader& header, KeyPurpose purpose) {
  std::array<char, signature_bytes_max> buffer;
  const auto size = base64url_decode(parts.signature, std::span(buffer));
  if (!size) return refuse("The token's signature is malformed.");
  const std::string_view signature(buffer.data(), *size);
  const std::vector<VerificationKey>& keys = signatures_.keys().keys();
  bool named = false, fitting = false;
  // Keys with the token's id first, then those without any.
  for (const bool by_id : {true, false}) {
    if (by_id && !header.kid) continue;
    std::size_t tried = 0;
    for (std::size_t i = 0; i < keys.size() && tried < keys_tried_max; ++i) {
      const VerificationKey& key = keys[i];
      if (key.purpose != purpose) continue;
      if (by_id ? key.kid.empty() || key.kid != *header.kid : header.kid && !key.kid.empty()) continue;
      named |= by_id;
      if (key.algorithm != header.algorithm) continue;
      fitting = true;
      ++tried;
      if (signatures_.verify(i, parts.signed_part, signature)) return {};
    }
  }
  const bool unknown = header.kid ? !named : !fitting;
  if (unknown) return refuse("The token is signed with a key that is not known here.", true);
  if (!fitting) return refuse("The token's algorithm is not that of its key.");
  return refuse("The token's signature does not verify.");
}

std::expected<Identity, Refusal> TokenVerifier::verify_user(std::string_view token,
                                                            const std::shared_ptr<const ClaimRules>& rules, Now now) {
  assert(rules);
  const auto parts = split(token);
  if (!parts) return std::unexpected(parts.error());
  const auto header = reader_.header(parts->header);
  if (!header) return refuse(header.error());
  const bool cached = !is_symmetric(header->algorithm);
  TokenHash text;
  if (cached) {
    text = hash_text(token);
    if (const TokenCache::Entry* entry = cache_.find(text, rules.get())) {
      ++cache_hits_;
      if (entry->refused_from_ms == 0 || now.wall_ms < entry->refused_from_ms) return entry->identity;
      cache_.erase(text, rules.get());
      return expired();
    }
  }
  if (auto checked = check_signature(*parts, *header, KeyPurpose::user); !checked) return std::unexpected(checked.error());
  auto identity = reader_.user(parts->claims, *rules, now);
  if (!identity) return refuse(identity.error());
  const TokenHash hash = hash_token(token);
  std::copy(std::begin(hash.words), std::end(hash.words), identity->token_hash);
  if (cached) cache_.store(text, rules, {*identity, identity->expires_ms == 0 ? 0 : identity->expires_ms + rules->leeway_ms});
  return std::move(*identity);
}

std::expected<std::variant<Identity, ServiceIdentity>, Refusal> TokenVerifier::verify(
    std::string_view token, const std::shared_ptr<const ClaimRules>& rules, Now now) {
  auto user = verify_user(token, rules, now);
  if (user) return std::move(*user);
  if (!signatures_.keys().serves(KeyPurpose::service)) return std::unexpected(std::move(user.error()));
  auto service = verify_service(token, now, rules->leeway_ms);
  if (service) return std::move(*service);
  const bool unknown = user.error().unknown_key || service.error().unknown_key;
  Refusal& told = service.error().fault.code == Code::TOKEN_EXPIRED ? service.error() : user.error();
  told.unknown_key = unknown && told.fault.code != Code::TOKEN_EXPIRED;
  return std::unexpected(std::move(told));
}

std::expected<ServiceIdentity, Refusal> TokenVerifier::verify_service(std::string_view token, Now now, std::int64_t leeway_ms) {
  const auto parts = split(token);
  if (!parts) return std::unexpected(parts.error());
  const auto header = reader_.header(parts->header);
  if (!header) return refuse(header.error());
  if (auto checked = check_signature(*parts, *header, KeyPurpose::service); !checked) return std::unexpected(checked.error());
  auto identity = reader_.service(parts->claims, leeway_ms, now);
  if (!identity) return refuse(identity.error());
  const TokenHash hash = hash_token(token);
  std::copy(std::begin(hash.words), std::end(hash.words), identity->token_hash);
  return std::move(*identity);
}

}  // namespace sparc::auth
