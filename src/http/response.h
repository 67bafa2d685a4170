#pragma once
// Writing HTTP/1.1 responses.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/header.h"
#include "http/refusal.h"

namespace sparc::http {

enum class Connection : bool { close, keep_alive };
enum class BodyKind : std::uint8_t {
  whole,
  left_out,  // the answer to HEAD: Content-Length of the body, without it
};

struct Reply {
  std::uint16_t status = 200;
  std::string_view content_type;  // empty: left out
  Headers headers;                // further ones
  std::string_view body;
  Connection connection = Connection::keep_alive;
  BodyKind body_kind = BodyKind::whole;
};

/// "Not Found"; "Unknown" for a status without a registered phrase.
[[nodiscard]] std::string_view reason_of(std::uint16_t status);

/// Whether a field may be written: the name is a token, the value has no CR, LF, NUL or other control character.
[[nodiscard]] bool valid_header(const Header& header);

/// Appends `name: value CRLF`. False, and nothing appended, for a field that is not valid: a value can never begin a new line.
[[nodiscard]] bool append_header(std::string& out, const Header& header);

/// Appends the whole response. Content-Length and Connection are written by this function; fields that are not valid, or have
/// one of these two names or Transfer-Encoding, are left out. 1xx, 204 and 304 have neither body nor Content-Length.
void append_reply(std::string& out, const Reply& reply);

/// The whole response, behind which the connection ends.
[[nodiscard]] std::string closing_reply(std::uint16_t status, std::string_view content_type, std::string_view body,
                                        Headers headers = {});

/// `HTTP/1.1 100 Continue`.
void append_continue(std::string& out);

/// The answer to what a RequestParser refused: `{"error":{"code","message"}}` with BAD_REQUEST or PAYLOAD_TOO_LARGE, and close.
void append_refusal(std::string& out, const Refusal& refusal);

}  // namespace sparc::http
