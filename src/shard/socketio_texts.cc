#include "shard/socketio_texts.h"

#include <charconv>

#include "base/json_text.h"

namespace sparc::shard::socketio_texts {

void append_fault_members(std::string& out, const Fault& fault) {
  out += "\"code\":\"" + std::string(name_of(fault.code)) + "\",\"message\":";
  append_json_string(out, fault.message);
  if (fault.retry_after_ms != 0) out += ",\"retryAfterMs\":" + std::to_string(fault.retry_after_ms);
}

std::string error_argument(const Fault& fault, std::string_view event) {
  std::string out = "{";
  append_fault_members(out, fault);
  if (!event.empty()) {
    out += ",\"event\":";
    append_json_string(out, event);
  }
  return out + "}";
}

std::string offset_text(const Position& position) { return position.epoch + ':' + std::to_string(position.offset); }

std::optional<Position> position_of(std::string_view offset) {
  const std::size_t colon = offset.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || colon > 64) return std::nullopt;
  Position out{std::string(offset.substr(0, colon)), 0};
  const std::string_view digits = offset.substr(colon + 1);
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), out.offset);
  if (digits.empty() || read.ec != std::errc{} || read.ptr != digits.data() + digits.size()) return std::nullopt;
  return out;
}

}  // namespace sparc::shard::socketio_texts
