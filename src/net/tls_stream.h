#pragma once
// The TLS state of one connection. Only socket.cc includes this.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "net/tls.h"

struct ssl_st;
struct bio_st;

namespace sparc::net {

/// One TLS session over a non-blocking socket that it does not own. Reads and writes the descriptor itself, through a BIO of its
/// own: OpenSSL's socket BIO raises SIGPIPE, and asks the kernel once more after a read that has emptied the socket.
/// Thread: its loop's.
class TlsStream {
 public:
  static constexpr std::size_t record_bytes_max = 16 * 1024;

  enum class Outcome : std::uint8_t {
    done,         // all that was asked
    would_block,  // the socket is empty or full, as the call wanted
    ended,        // the peer has finished
    failed,       // see `error_text`
  };
  struct Transfer {
    std::size_t bytes = 0;
    Outcome outcome = Outcome::done;
  };

  [[nodiscard]] static Result<std::unique_ptr<TlsStream>> accept(const TlsContext& context, int fd);
  /// `server_name` is a host name or an IP address: sent as SNI (names only) and checked against the certificate.
  [[nodiscard]] static Result<std::unique_ptr<TlsStream>> connect(const TlsContext& context, int fd,
                                                                  const std::string& server_name);
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  [[nodiscard]] bool handshaken() const { return handshaken_; }
  /// Whether the last call stopped because the socket is full; the caller then waits for it to become writable and calls again.
  [[nodiscard]] bool wants_write() const { return wants_write_; }
  /// errno of a failed call where the socket failed, 0 where TLS did.
  [[nodiscard]] int error_number() const { return error_number_; }
  [[nodiscard]] const std::string& error_text() const;

  /// `end`: the kernel has reported the end of the stream, so a short read does not mean that the socket is empty.
  enum class Until : std::uint8_t { empty, end };
  Outcome handshake(Until until);
  /// Fills `out` as far as the socket allows: `done` when it is full, with more perhaps to come.
  Transfer read(char* out, std::size_t capacity, Until until);
  /// What it has taken it sends, unchanged and in order: a record that the socket took only in part is kept here.
  Transfer write(const char* data, std::size_t size);
  /// Sends what `write` has kept.
  Outcome flush();
  [[nodiscard]] bool has_unsent() const { return committed_bytes_ != 0; }
  /// Sends close_notify if the socket takes it. After it, nothing may be written.
  void finish();

 private:
  explicit TlsStream(int fd) : fd_(fd) {}
  [[nodiscard]] static Result<std::unique_ptr<TlsStream>> make(const TlsContext& context, int fd);
  Outcome classify(int result);
  static bio_st* make_bio(TlsStream* stream);
  static int bio_read(bio_st* bio, char* out, int size);
  static int bio_write(bio_st* bio, const char* data, int size);
  static long bio_control(bio_st* bio, int command, long number, void* pointer);
  friend struct BioMethod;

  ssl_st* ssl_ = nullptr;                    // owned
  std::unique_ptr<char[]> committed_;        // the plaintext of a begun record; OpenSSL wants to see it again
  std::unique_ptr<std::string> error_text_;  // only after a failure
  int fd_;
  int error_number_ = 0;
  std::uint16_t committed_bytes_ = 0;
  bool handshaken_ = false;
  bool wants_write_ = false;
  bool drained_ = false;  // a read of this event emptied the socket
  Until until_ = Until::empty;
};

}  // namespace sparc::net
