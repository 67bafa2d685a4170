#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

namespace sparc::net {
namespace {

constexpr char ciphers_of_1_2[] = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr unsigned char http_1_1[] = "\x08http/1.1";
constexpr long session_seconds = 7'200;

std::string last_error() {
  const unsigned long code = ERR_get_error();
  const char* reason = ERR_reason_error_string(code);
  const std::string text = reason != nullptr        ? reason
                           : ERR_SYSTEM_ERROR(code) ? std::strerror(ERR_GET_REASON(code))
                                                    : "unknown error";
  ERR_clear_error();
  return text;
}

// Without it OpenSSL would ask the terminal.
int no_passphrase(char*, int, int, void*) { return -1; }

int select_http_1_1(SSL*, const unsigned char** out, unsigned char* out_length, const unsigned char* in, unsigned int in_length,
                    void*) {
  unsigned char* selected = nullptr;
  if (SSL_select_next_proto(&selected, out_length, http_1_1, sizeof http_1_1 - 1, in, in_length) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = selected;
  return SSL_TLSEXT_ERR_OK;
}

void set_common(SSL_CTX* handle) {
  SSL_CTX_set_min_proto_version(handle, TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(handle, ciphers_of_1_2);
  // Peers that close without close_notify are usual; every protocol above marks the end of its messages itself.
  SSL_CTX_set_options(handle, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF |
                                  SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(handle, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(handle, 1);
  SSL_CTX_set_default_passwd_cb(handle, no_passphrase);
}

std::int64_t unix_ms(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return 0;
  return static_cast<std::int64_t>(timegm(&parts)) * 1000;
}

}  // namespace

TlsContext::~TlsContext() { SSL_CTX_free(handle_); }

Result<std::shared_ptr<const TlsContext>> TlsContext::server(const Server& options) {
  ERR_clear_error();
  SSL_CTX* handle = SSL_CTX_new(TLS_server_method());
  if (handle == nullptr) return fail("cannot set up TLS: " + last_error());
  std::shared_ptr<TlsContext> context(new TlsContext(handle));
  set_common(handle);
  if (auto loaded = context->load_certificate(options.certificate_file, options.key_file); !loaded) {
    return std::unexpected(loaded.error());
  }
  // Sessions live in tickets that the clients keep; a cache here would be memory for each of them and a lock for all shards.
  SSL_CTX_set_session_cache_mode(handle, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(handle, 1);
  SSL_CTX_set_timeout(handle, session_seconds);
  SSL_CTX_set_session_id_context(handle, http_1_1, sizeof http_1_1 - 1);
  SSL_CTX_set_alpn_select_cb(handle, select_http_1_1, nullptr);
  return context;
}

Result<std::shared_ptr<const TlsContext>> TlsContext::client(const Client& options) {
  ERR_clear_error();
  SSL_CTX* handle = SSL_CTX_new(TLS_client_method());
  if (handle == nullptr) return fail("cannot set up TLS: " + last_error());
  std::shared_ptr<TlsContext> context(new TlsContext(handle));
  set_common(handle);
  context->verify_ = options.verify;
  SSL_CTX_set_verify(handle, options.verify == Verify::peer ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  if (options.verify == Verify::peer) {
    const bool loaded = options.ca_file.empty() ? SSL_CTX_set_default_verify_paths(handle) == 1
                                                : SSL_CTX_load_verify_file(handle, options.ca_file.c_str()) == 1;
    if (!loaded) return fail("cannot read certificate authorities from '" + options.ca_file + "': " + last_error());
  }
  if (!options.certificate_file.empty()) {
    if (auto loaded = context->load_certificate(options.certificate_file, options.key_file); !loaded) {
      return std::unexpected(loaded.error());
    }
  }
  if (!options.alpn.empty()) {
    if (options.alpn.size() > 255) return fail("an ALPN name has at most 255 bytes");
    const std::string wire = static_cast<char>(options.alpn.size()) + options.alpn;
    SSL_CTX_set_alpn_protos(handle, reinterpret_cast<const unsigned char*>(wire.data()), static_cast<unsigned>(wire.size()));
  }
  return context;
}

Result<void> TlsContext::load_certificate(const std::string& certificate_file, const std::string& key_file) {
  if (SSL_CTX_use_certificate_chain_file(handle_, certificate_file.c_str()) != 1) {
    return fail("cannot read the certificate from '" + certificate_file + "': " + last_error());
  }
  if (SSL_CTX_use_PrivateKey_file(handle_, key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    const unsigned long code = ERR_peek_error();
    if (ERR_GET_LIB(code) == ERR_LIB_X509 && ERR_GET_REASON(code) == X509_R_KEY_VALUES_MISMATCH) {
      ERR_clear_error();
      return fail("the private key in '" + key_file + "' does not belong to the certificate in '" + certificate_file + "'");
    }
    return fail("cannot read the private key from '" + key_file + "' (PEM, without passphrase): " + last_error());
  }
  certificate_expires_ms_ = unix_ms(X509_get0_notAfter(SSL_CTX_get0_certificate(handle_)));
  return {};
}

}  // namespace sparc::net
