#include "protocol/native/push.h"

#include <array>

#include "protocol/json_checker.h"
#include "protocol/json_scan.h"
#include "protocol/native/attachments.h"
#include "protocol/native/field_reader.h"
#include "protocol/native/frame_fields.h"

namespace sparc::protocol::native {
namespace {

constexpr std::size_t text_bytes_max = 1'024;  // of a room, hook or reason
constexpr std::int64_t any = INT64_MAX;

/// A text without a copy, unless it has escapes.
std::string_view view(FieldReader& in, Field field, std::deque<std::string>& storage) {
  const std::string_view raw = in.raw(field);
  if (raw.empty()) return {};
  if (raw.size() >= 2 && raw.front() == '"' && raw.find('\\') == std::string_view::npos) return raw.substr(1, raw.size() - 2);
  storage.push_back(in.text(field, Need::required));
  return storage.back();
}

std::string_view inner(std::string_view array) {
  return array.size() < 2 ? std::string_view{} : json::trimmed(array.substr(1, array.size() - 2));
}

std::uint64_t count_of(FieldReader& in, Field field, Need need) {
  return static_cast<std::uint64_t>(in.integer(field, 0, any, need));
}

std::uint32_t count32_of(FieldReader& in, Field field) {
  return static_cast<std::uint32_t>(in.integer(field, 0, UINT32_MAX, Need::required));
}

std::string read_namespace(FieldReader& in) { return in.name(Field::ns, name_bytes_max, Need::required); }

std::string_view read_more_args(FieldReader& in) {
  if (!in.has(Field::args)) return {};
  if (json::kind_of(in.raw(Field::args)) != json::Kind::array) in.set_fault("\"args\" must be an array");
  return inner(in.raw(Field::args));
}

EventPush read_event_fields(FieldReader& in, std::deque<std::string>& storage) {
  EventPush out;
  out.ns = view(in, Field::ns, storage);
  out.room = view(in, Field::room, storage);
  out.event = view(in, Field::event, storage);
  out.timestamp = view(in, Field::timestamp, storage);
  out.id = view(in, Field::id, storage);
  out.offset = count_of(in, Field::offset, Need::optional);
  out.provisional = in.boolean(Field::provisional);
  out.data = in.raw(Field::data);
  out.more_args = read_more_args(in);
  if (out.ns.empty()) in.set_fault("\"namespace\" is missing");
  if (out.event.empty()) in.set_fault("\"event\" is missing");
  return out;
}

Push read_event(FieldReader& in, std::deque<std::string>& storage) { return read_event_fields(in, storage); }

Push read_welcome(FieldReader& in, std::deque<std::string>&) {
  Welcome out;
  out.connection_id = in.name(Field::connection_id, text_bytes_max, Need::required);
  out.user_id = in.name(Field::user_id, text_bytes_max, Need::optional);
  out.tenant_id = in.name(Field::tenant_id, text_bytes_max, Need::optional);
  out.service = in.name(Field::service, text_bytes_max, Need::optional);
  out.scopes = in.strings(Field::scopes, Need::optional);
  out.ping_interval_ms = count32_of(in, Field::ping_interval);
  out.ping_timeout_ms = count32_of(in, Field::ping_timeout);
  out.max_payload_bytes = static_cast<std::size_t>(count_of(in, Field::max_payload, Need::required));
  if (in.has(Field::expires_in)) out.expires_in_s = in.integer(Field::expires_in, INT64_MIN, any, Need::required);
  out.reconnect_delay_ms = static_cast<std::uint32_t>(in.integer(Field::reconnect_delay_ms, 0, UINT32_MAX, Need::optional));
  return out;
}

Push read_reply(FieldReader& in, std::deque<std::string>&) {
  return Reply{in.integer(Field::id, -id_max, id_max, Need::required), in.raw(Field::data), {}, {}};
}

Push read_error(FieldReader& in, std::deque<std::string>&) {
  ErrorReply out;
  if (in.has(Field::id)) out.id = in.integer(Field::id, -id_max, id_max, Need::required);
  const std::string_view error = in.raw(Field::error);
  if (!json::read_string(json::find(error, "code"), out.code)) in.set_fault("\"error\" must be an object with \"code\"");
  (void)json::read_string(json::find(error, "message"), out.message);
  out.retry_after_ms = json::read_integer(json::find(error, "retryAfterMs")).value_or(0);
  return out;
}

Push read_position(FieldReader& in, std::deque<std::string>&) {
  PositionPush out;
  out.ns = read_namespace(in);
  out.position.epoch = in.text(Field::epoch, Need::required);
  out.position.offset = count_of(in, Field::offset, Need::required);
  return out;
}

Push read_gap(FieldReader& in, std::deque<std::string>&) {
  GapPush out;
  out.ns = read_namespace(in);
  out.room = in.name(Field::room, text_bytes_max, Need::optional);
  out.count = count_of(in, Field::count, Need::required);
  out.from = count_of(in, Field::from, Need::optional);
  out.to = count_of(in, Field::to, Need::optional);
  out.reason = in.name(Field::reason, text_bytes_max, Need::required);
  return out;
}

Push read_ping(FieldReader&, std::deque<std::string>&) { return Ping{}; }

Push read_evicted(FieldReader& in, std::deque<std::string>&) {
  return Evicted{read_namespace(in), in.strings(Field::rooms, Need::required),
                 in.name(Field::code, text_bytes_max, Need::required)};
}

Push read_token_expiring(FieldReader& in, std::deque<std::string>&) {
  return TokenExpiring{in.integer(Field::expires_in, INT64_MIN, any, Need::required)};
}

Push read_reconnect(FieldReader& in, std::deque<std::string>&) {
  return Reconnect{count32_of(in, Field::after_ms), in.text(Field::reason, Need::optional)};
}

Push read_invoke(FieldReader& in, std::deque<std::string>&) {
  Invoke out;
  out.call_id = in.name(Field::call_id, name_bytes_max, Need::required);
  out.ns = in.name(Field::ns, name_bytes_max, Need::optional);
  out.event = in.name(Field::event, event_name_bytes_max + name_bytes_max + 1, Need::required);
  out.data = in.raw(Field::data);
  out.more_args = read_more_args(in);
  out.deadline_ms = count32_of(in, Field::deadline_ms);
  return out;
}

Push read_hook(FieldReader& in, std::deque<std::string>&) {
  Hook out;
  out.hook = in.name(Field::hook, name_bytes_max, Need::required);
  out.ns = read_namespace(in);
  out.client = in.raw(Field::client);
  out.reason = in.text(Field::reason, Need::optional);
  if (json::kind_of(out.client) != json::Kind::object) in.set_fault("\"client\" must be an object");
  return out;
}

struct Type {
  std::string_view name;
  Push (*read)(FieldReader&, std::deque<std::string>&);
};
constexpr std::array types{
    Type{"event", read_event},         Type{"reply", read_reply},     Type{"ping", read_ping},
    Type{"position", read_position},   Type{"error", read_error},     Type{"gap", read_gap},
    Type{"welcome", read_welcome},     Type{"evicted", read_evicted}, Type{"token_expiring", read_token_expiring},
    Type{"reconnect", read_reconnect}, Type{"invoke", read_invoke},   Type{"hook", read_hook},
};

std::expected<Push, std::string> read_push(const FrameFields& fields, std::deque<std::string>& storage) {
  FieldReader in(fields);
  const std::string_view name = view(in, Field::type, storage);
  if (name.empty()) return std::unexpected("\"type\" must be a string");
  for (const auto& type : types) {
    if (type.name != name) continue;
    Push push = type.read(in, storage);
    if (!in.fault().empty()) return std::unexpected(std::string(name) + ": " + in.fault());
    return push;
  }
  return UnknownPush{std::string(name)};
}

}  // namespace

std::optional<Code> code_named(std::string_view name) {
#define SPARC_CODE(code, close, retry, text) \
  if (name == #code) return Code::code;
#include "base/codes.def"
#undef SPARC_CODE
  return std::nullopt;
}

std::expected<EventPush, std::string> read_event_push(std::string_view object, std::string_view& attached,
                                                      std::deque<std::string>& storage) {
  if (json::kind_of(object) != json::Kind::object) return std::unexpected("an event must be an object");
  const FrameFields fields(object);
  FieldReader in(fields);
  EventPush out = read_event_fields(in, storage);
  if (!in.fault().empty()) return std::unexpected(in.fault());
  auto attachments = take_attachments(fields[Field::attachments], attached);
  if (!attachments) return std::unexpected(std::move(attachments.error()));
  out.attachments = std::move(*attachments);
  return out;
}

struct PushDecoder::Impl {
  JsonCheck check;
  JsonChecker checker;
  std::vector<Push> pushes;
  std::deque<std::string> storage;

  std::expected<void, std::string> begin(std::string_view json) {
    pushes.clear();
    storage.clear();
    if (check == JsonCheck::skip) return {};
    if (const auto fault = checker.fault(json); !fault.empty()) return std::unexpected("invalid JSON: " + std::string(fault));
    return {};
  }

  std::expected<void, std::string> add(std::string_view object) {
    if (json::kind_of(object) != json::Kind::object) return std::unexpected("a frame must be a JSON object");
    auto push = read_push(FrameFields(object), storage);
    if (!push) return std::unexpected(std::move(push.error()));
    pushes.push_back(std::move(*push));
    return {};
  }
};

PushDecoder::PushDecoder(JsonCheck check) : impl_(new Impl{check, {}, {}, {}}) {}
PushDecoder::~PushDecoder() { delete impl_; }

std::expected<std::span<const Push>, std::string> PushDecoder::text(std::string_view message) {
  if (auto begun = impl_->begin(message); !begun) return std::unexpected(std::move(begun.error()));
  const std::string_view value = json::trimmed(message);
  if (json::kind_of(value) != json::Kind::array) {
    if (auto added = impl_->add(value); !added) return std::unexpected(std::move(added.error()));
    return std::span<const Push>(impl_->pushes);
  }
  json::Walker frames(value);
  while (frames.next()) {
    if (auto added = impl_->add(frames.value); !added) return std::unexpected(std::move(added.error()));
  }
  return std::span<const Push>(impl_->pushes);
}

std::expected<std::span<const Push>, std::string> PushDecoder::binary(std::string_view message) {
  const auto envelope = open_envelope(message);
  if (!envelope) return std::unexpected(envelope.error());
  if (auto begun = impl_->begin(envelope->header); !begun) return std::unexpected(std::move(begun.error()));
  const std::string_view header = json::trimmed(envelope->header);
  if (auto added = impl_->add(header); !added) return std::unexpected(std::move(added.error()));
  Push& push = impl_->pushes.front();
  auto* reply = std::get_if<Reply>(&push);
  if (reply != nullptr && FrameFields(header)[Field::attachments].empty()) {
    reply->attached = envelope->rest;
    return std::span<const Push>(impl_->pushes);
  }
  auto attachments = cut_attachments(FrameFields(header)[Field::attachments], envelope->rest);
  if (!attachments) return std::unexpected(std::move(attachments.error()));
  if (auto* event = std::get_if<EventPush>(&push)) {
    event->attachments = std::move(*attachments);
  } else if (auto* invoke = std::get_if<Invoke>(&push)) {
    invoke->attachments = std::move(*attachments);
  } else if (reply != nullptr) {
    reply->attachments = std::move(*attachments);
  } else {
    return std::unexpected("a binary message must hold an event, an invoke or a reply");
  }
  return std::span<const Push>(impl_->pushes);
}

}  // namespace sparc::protocol::native
