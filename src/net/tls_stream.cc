#include "net/tls_stream.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>

namespace sparc::net {

struct BioMethod {
  BioMethod() : method(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket")) {
    BIO_meth_set_read(method, TlsStream::bio_read);
    BIO_meth_set_write(method, TlsStream::bio_write);
    BIO_meth_set_ctrl(method, TlsStream::bio_control);
  }
  ~BioMethod() { BIO_meth_free(method); }
  BIO_METHOD* method;
};

bio_st* TlsStream::make_bio(TlsStream* stream) {
  static const BioMethod shared;
  BIO* bio = BIO_new(shared.method);
  if (bio == nullptr) return nullptr;
  BIO_set_data(bio, stream);
  BIO_set_init(bio, 1);
  return bio;
}

int TlsStream::bio_read(BIO* bio, char* out, int size) {
  auto& stream = *static_cast<TlsStream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (stream.drained_) {
    BIO_set_retry_read(bio);
    return -1;
  }
  ssize_t got = 0;
  do {
    got = ::recv(stream.fd_, out, static_cast<std::size_t>(size), 0);
  } while (got < 0 && errno == EINTR);
  if (got > 0) {
    stream.drained_ = got < size && stream.until_ == Until::empty;
    return static_cast<int>(got);
  }
  if (got == 0) {
    BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  } else if (errno == EAGAIN) {
    BIO_set_retry_read(bio);
  } else {
    stream.error_number_ = errno;
  }
  return static_cast<int>(got);
}

int TlsStream::bio_write(BIO* bio, const char* data, int size) {
  auto& stream = *static_cast<TlsStream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  ssize_t sent = 0;
  do {
    sent = ::send(stream.fd_, data, static_cast<std::size_t>(size), MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) {
    if (errno == EAGAIN) {
      BIO_set_retry_write(bio);
    } else {
      stream.error_number_ = errno;
    }
  }
  return static_cast<int>(sent);
}

long TlsStream::bio_control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
  return 0;
}

Result<std::unique_ptr<TlsStream>> TlsStream::make(const TlsContext& context, int fd) {
  ERR_clear_error();
  std::unique_ptr<TlsStream> stream(new TlsStream(fd));
  stream->ssl_ = SSL_new(context.handle());
  BIO* bio = stream->ssl_ == nullptr ? nullptr : make_bio(stream.get());
  if (bio == nullptr) {
    ERR_clear_error();
    return fail("cannot set up TLS for a connection: out of memory");
  }
  SSL_set_bio(stream->ssl_, bio, bio);
  return stream;
}

Result<std::unique_ptr<TlsStream>> TlsStream::accept(const TlsContext& context, int fd) {
  auto stream = make(context, fd);
  if (stream) SSL_set_accept_state((*stream)->ssl_);
  return stream;
}

Result<std::unique_ptr<TlsStream>> TlsStream::connect(const TlsContext& context, int fd, const std::string& server_name) {
  auto stream = make(context, fd);
  if (!stream) return stream;
  SSL* ssl = (*stream)->ssl_;
  SSL_set_connect_state(ssl);
  unsigned char number[16];
  const bool is_ip =
      inet_pton(AF_INET, server_name.c_str(), number) == 1 || inet_pton(AF_INET6, server_name.c_str(), number) == 1;
  bool ok = true;
  if (context.verify() == TlsContext::Verify::peer) {
    // An empty name would check nothing.
    if (server_name.empty()) return fail("a verified TLS connection needs the name of its server");
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    ok = is_ip ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), server_name.c_str()) == 1
               : SSL_set1_host(ssl, server_name.c_str()) == 1;
  }
  if (ok && !is_ip && !server_name.empty()) ok = SSL_set_tlsext_host_name(ssl, server_name.c_str()) == 1;
  if (!ok) {
    ERR_clear_error();
    return fail("'" + server_name + "' cannot be the name of a TLS server");
  }
  return stream;
}

TlsStream::~TlsStream() { SSL_free(ssl_); }

const std::string& TlsStream::error_text() const {
  static const std::string none;
  return error_text_ ? *error_text_ : none;
}

TlsStream::Outcome TlsStream::classify(int result) {
  wants_write_ = false;
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_NONE: return Outcome::done;
    case SSL_ERROR_WANT_READ: return Outcome::would_block;
    case SSL_ERROR_WANT_WRITE: wants_write_ = true; return Outcome::would_block;
    case SSL_ERROR_ZERO_RETURN: return Outcome::ended;
    default: break;
  }
  const long verified = SSL_get_verify_result(ssl_);
  const unsigned long code = ERR_peek_error();
  const char* reason = ERR_reason_error_string(code);
  std::string text = "the TLS connection ended early";
  if (error_number_ != 0) {
    text = std::strerror(error_number_);
  } else if (ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED && verified != X509_V_OK) {
    text = std::string("the server's certificate is refused: ") + X509_verify_cert_error_string(verified);
  } else if (reason != nullptr) {
    text = reason;
  }
  error_text_ = std::make_unique<std::string>(std::move(text));
  ERR_clear_error();
  return Outcome::failed;
}

TlsStream::Outcome TlsStream::handshake(Until until) {
  drained_ = false;
  until_ = until;
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_);
  const Outcome outcome = classify(result);
  handshaken_ = outcome == Outcome::done;
  return outcome;
}

TlsStream::Transfer TlsStream::read(char* out, std::size_t capacity, Until until) {
  Transfer transfer;
  drained_ = false;
  until_ = until;
  while (transfer.bytes < capacity) {
    std::size_t got = 0;
    ERR_clear_error();
    const int result = SSL_read_ex(ssl_, out + transfer.bytes, capacity - transfer.bytes, &got);
    if (result == 1) {
      transfer.bytes += got;
      continue;
    }
    transfer.outcome = classify(result);
    return transfer;
  }
  return transfer;
}

TlsStream::Transfer TlsStream::write(const char* data, std::size_t size) {
  Transfer transfer;
  transfer.outcome = flush();
  while (transfer.outcome == Outcome::done && transfer.bytes < size) {
    const std::size_t record = std::min(size - transfer.bytes, record_bytes_max);
    std::size_t sent = 0;
    ERR_clear_error();
    const int result = SSL_write_ex(ssl_, data + transfer.bytes, record, &sent);
    if (result == 1) {
      transfer.bytes += sent;
      continue;
    }
    transfer.outcome = classify(result);
    if (transfer.outcome != Outcome::would_block) break;
    committed_ = std::make_unique_for_overwrite<char[]>(record);
    std::memcpy(committed_.get(), data + transfer.bytes, record);
    committed_bytes_ = static_cast<std::uint16_t>(record);
    transfer.bytes += record;
  }
  return transfer;
}

TlsStream::Outcome TlsStream::flush() {
  if (committed_bytes_ == 0) return Outcome::done;
  std::size_t sent = 0;
  ERR_clear_error();
  const int result = SSL_write_ex(ssl_, committed_.get(), committed_bytes_, &sent);
  if (result != 1) return classify(result);
  assert(sent == committed_bytes_);
  committed_bytes_ = 0;
  committed_.reset();
  return Outcome::done;
}

void TlsStream::finish() {
  if (!handshaken_ || committed_bytes_ != 0 || error_text_) return;
  ERR_clear_error();
  (void)SSL_shutdown(ssl_);
  ERR_clear_error();
}

}  // namespace sparc::net
