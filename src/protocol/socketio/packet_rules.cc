#include "protocol/socketio/packet_rules.h"

#include <algorithm>
#include <array>

#include "protocol/json_checker.h"
#include "protocol/json_scan.h"
#include "protocol/placeholders.h"
#include "protocol/text_rules.h"

namespace sparc::protocol::socketio {
namespace {

using json::Kind;

constexpr std::string_view invalid_payload = "invalid payload";
constexpr std::string_view illegal_attachments = "illegal attachments";

/// Names that a client cannot emit.
bool is_reserved_event(std::string_view name) {
  static constexpr std::array<std::string_view, 6> reserved = {"connect",       "connect_error", "disconnect",
                                                               "disconnecting", "newListener",   "removeListener"};
  return std::ranges::find(reserved, name) != reserved.end();
}

bool is_event_array(std::string_view data) {
  if (json::kind_of(data) != Kind::array) return false;
  json::Walker elements(data);
  if (!elements.next()) return false;
  const Kind kind = json::kind_of(elements.value);
  if (kind == Kind::number) return true;
  std::string storage;
  const auto name = json::view_string(elements.value, storage);
  return name && !is_reserved_event(*name);
}

bool fits_type(PacketType type, std::string_view data) {
  const Kind kind = json::kind_of(data);
  switch (type) {
    case PacketType::connect: return kind == Kind::none || kind == Kind::object;
    case PacketType::disconnect: return kind == Kind::none;
    case PacketType::connect_error: return kind == Kind::none || kind == Kind::string || kind == Kind::object;
    case PacketType::event:
    case PacketType::binary_event: return is_event_array(data);
    case PacketType::ack:
    case PacketType::binary_ack: return kind == Kind::array;
  }
  return false;
}

}  // namespace

std::string_view data_fault(PacketType type, std::string_view data, std::size_t attachments) {
  if (!fits_type(type, data)) return invalid_payload;
  return placeholders_fit({data}, attachments) ? std::string_view{} : illegal_attachments;
}

bool is_namespace(std::string_view nsp) {
  return nsp.starts_with('/') && nsp.find(',') == std::string_view::npos && plain_text(nsp, namespace_bytes_max);
}

bool is_json(std::string_view text) {
  // One a thread: a checker holds memory, and connections are many.
  thread_local JsonChecker checker;
  return checker.fault(text).empty();
}

}  // namespace sparc::protocol::socketio
