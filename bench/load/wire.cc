#include "load/wire.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstdio>

namespace bench {
namespace {

void append_length(std::string& out, std::size_t length, unsigned mask_bit) {
  if (length < 126) {
    out += static_cast<char>(mask_bit | length);
    return;
  }
  const unsigned width = length < 65536 ? 2 : 8;
  out += static_cast<char>(mask_bit | (width == 2 ? 126u : 127u));
  for (unsigned i = width; i-- > 0;) out += static_cast<char>(static_cast<std::uint64_t>(length) >> (8 * i) & 0xff);
}

std::string base64url(std::string_view bytes) {
  std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                     reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(length));
  while (out.ends_with('=')) out.pop_back();
  for (char& c : out) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return out;
}

}  // namespace

void append_client_frame(std::string& out, Opcode opcode, std::string_view payload) {
  static constexpr char mask[4] = {0x37, static_cast<char>(0xfa), 0x21, 0x3d};
  out += static_cast<char>(0x80u | static_cast<unsigned>(opcode));
  append_length(out, payload.size(), 0x80);
  out.append(mask, 4);
  const std::size_t at = out.size();
  out.append(payload);
  for (std::size_t i = 0; i < payload.size(); ++i) out[at + i] = static_cast<char>(out[at + i] ^ mask[i % 4]);
}

void append_server_frame(std::string& out, Opcode opcode, std::string_view payload) {
  out += static_cast<char>(0x80u | static_cast<unsigned>(opcode));
  append_length(out, payload.size(), 0);
  out.append(payload);
}

std::string mint_token(std::string_view secret, std::string_view claims_json) {
  std::string token = base64url(R"({"alg":"HS256","typ":"JWT"})") + "." + base64url(claims_json);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), reinterpret_cast<const unsigned char*>(token.data()),
       token.size(), digest, &length);
  return token + "." + base64url({reinterpret_cast<const char*>(digest), length});
}

std::string payload_json(Stamp stamp, std::size_t size) {
  char head[128];
  const int length = std::snprintf(head, sizeof head, R"({"type":"security","priority":"high","bench":"%08x%016llx","text":")",
                                   stamp.sequence, static_cast<unsigned long long>(stamp.sent_ns));
  std::string out(head, static_cast<std::size_t>(length));
  if (out.size() + 2 < size) out.append(size - 2 - out.size(), 'x');
  return out + "\"}";
}

}  // namespace bench
