#pragma once
// Certificates, keys and rules of TLS; the streams themselves belong to Sockets.

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"

struct ssl_ctx_st;

namespace sparc::net {

/// An immutable TLS configuration: 1.2 and 1.3, no renegotiation, forward-secret AEAD ciphers, ALPN `http/1.1`.
///
/// Reload:   make a new one and give it to new connections; those that are open keep the old one alive as long as they need it.
/// Lifetime: shared; a connection needs it only in the call that opens it.
/// Errors:   of files, as one sentence that names the file.
/// Thread:   any, concurrently. One context for all shards, so that a session ticket of one is good on the others.
class TlsContext {
 public:
  struct Server {
    std::string certificate_file;  // PEM: the certificate, then the chain
    std::string key_file;          // PEM, without passphrase
  };
  enum class Verify : std::uint8_t { peer, none };
  struct Client {
    Verify verify = Verify::peer;  // none: anybody may answer; only by explicit configuration
    std::string ca_file;           // PEM; empty: the system's
    std::string certificate_file;  // of this client, if the server asks for one; empty: none
    std::string key_file;
    std::string alpn = "http/1.1";  // empty: not offered
  };

  [[nodiscard]] static Result<std::shared_ptr<const TlsContext>> server(const Server& options);
  [[nodiscard]] static Result<std::shared_ptr<const TlsContext>> client(const Client& options);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  /// Unix milliseconds after which the own certificate is not valid any more; 0 without one.
  [[nodiscard]] std::int64_t certificate_expires_ms() const { return certificate_expires_ms_; }
  [[nodiscard]] Verify verify() const { return verify_; }
  [[nodiscard]] ssl_ctx_st* handle() const { return handle_; }

 private:
  explicit TlsContext(ssl_ctx_st* handle) : handle_(handle) {}
  [[nodiscard]] Result<void> load_certificate(const std::string& certificate_file, const std::string& key_file);

  ssl_ctx_st* handle_;  // owned, one reference
  Verify verify_ = Verify::none;
  std::int64_t certificate_expires_ms_ = 0;
};

}  // namespace sparc::net
