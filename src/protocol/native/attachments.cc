#include "protocol/native/attachments.h"

#include "protocol/json_scan.h"
#include "protocol/native/codec.h"

namespace sparc::protocol::native {

std::expected<Envelope, std::string> open_envelope(std::string_view message) {
  constexpr std::size_t prefix = 4;
  if (message.size() < prefix) return std::unexpected("a binary message begins with the length of its header in four bytes");
  std::uint32_t length = 0;
  for (std::size_t i = 0; i < prefix; ++i) length = length << 8 | static_cast<unsigned char>(message[i]);
  message.remove_prefix(prefix);
  if (length > message.size()) {
    return std::unexpected("the header length " + std::to_string(length) + " is beyond the message's end; " +
                           std::to_string(message.size()) + " bytes follow");
  }
  return Envelope{message.substr(0, length), message.substr(length)};
}

std::expected<std::vector<std::string_view>, std::string> take_attachments(std::string_view lengths, std::string_view& rest) {
  std::vector<std::string_view> out;
  const auto rule = [] {
    return "\"attachments\" must be an array of at most " + std::to_string(attachments_max) + " lengths in bytes";
  };
  if (!lengths.empty() && lengths != "null") {
    if (json::kind_of(lengths) != json::Kind::array) return std::unexpected(rule());
    json::Walker items(lengths);
    while (items.next()) {
      const auto length = json::read_integer(items.value);
      if (!length || *length < 0 || out.size() == attachments_max) return std::unexpected(rule());
      if (static_cast<std::uint64_t>(*length) > rest.size())
        return std::unexpected("\"attachments\" are longer than the message");
      out.push_back(rest.substr(0, static_cast<std::size_t>(*length)));
      rest.remove_prefix(static_cast<std::size_t>(*length));
    }
  }
  return out;
}

std::expected<std::vector<std::string_view>, std::string> cut_attachments(std::string_view lengths, std::string_view rest) {
  auto out = take_attachments(lengths, rest);
  if (out && !rest.empty())
    return std::unexpected("\"attachments\" leave " + std::to_string(rest.size()) + " bytes of the message over");
  return out;
}

void patch_header_length(std::string& out, std::size_t at, std::size_t length) {
  for (std::size_t i = 0; i < 4; ++i) out[at + i] = static_cast<char>(length >> (24 - 8 * i) & 0xff);
}

}  // namespace sparc::protocol::native
