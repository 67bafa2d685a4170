#pragma once
// Binary messages: uint32 big-endian header length | header JSON | attachments.

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace sparc::protocol::native {

/// Views the message.
struct Envelope {
  std::string_view header;
  std::string_view rest;  // the attachments, one behind the other
};

/// The error says what was wrong and what is allowed.
[[nodiscard]] std::expected<Envelope, std::string> open_envelope(std::string_view message);

/// Takes from the front of `rest` what the lengths in `lengths` say, the JSON of the field `attachments` (empty: none).
[[nodiscard]] std::expected<std::vector<std::string_view>, std::string> take_attachments(std::string_view lengths,
                                                                                         std::string_view& rest);
/// Cuts `rest` by the lengths in `lengths`, the JSON of the field `attachments` (empty: none). Together they are `rest`, exactly.
[[nodiscard]] std::expected<std::vector<std::string_view>, std::string> cut_attachments(std::string_view lengths,
                                                                                        std::string_view rest);

/// Writes the header's length over the four bytes at `at`, with which the message in `out` begins.
void patch_header_length(std::string& out, std::size_t at, std::size_t length);

}  // namespace sparc::protocol::native
