#include "shard/native_wire.h"

#include "shard/shard.h"
#include "ws/frame_writer.h"

namespace sparc::shard {

namespace native_codec = protocol::native;

void NativeWire::on_message(ConnectionId id, Connection& c, ws::MessageType type, std::string_view payload) {
  if (type == ws::MessageType::binary) return shard_.arrive(id, c, shard_.decoder_.binary(payload));
  for (auto& decoded : shard_.decoder_.text(payload, shard_.settings_->limits.message_frames_max)) {
    if (c.phase == Connection::Phase::closing) return;
    shard_.arrive(id, c, std::move(decoded));
  }
}

void NativeWire::welcome(ConnectionId id, Connection& c) {
  const session::Session& session = *c.session;
  native_codec::Welcome w;
  w.connection_id = shard_.public_id(id);
  std::int64_t expires = session.identity.expires_ms;
  if (session.service) {
    static constexpr std::pair<Scope, const char*> names[] = {{Scope::publish, "publish"},
                                                              {Scope::read, "read"},
                                                              {Scope::disconnect, "disconnect"},
                                                              {Scope::rollout, "rollout"},
                                                              {Scope::handle, "handle"}};
    w.service = session.service->name;
    for (const auto& [scope, name] : names) {
      if (session.service->may(scope)) w.scopes.emplace_back(name);
    }
    expires = session.service->expires_ms;
  } else {
    w.user_id = session.identity.user_id;
    w.tenant_id = session.identity.tenant_id;
  }
  w.ping_interval_ms = shard_.settings_->ping_interval_ms;
  w.ping_timeout_ms = shard_.settings_->ping_timeout_ms;
  w.max_payload_bytes = shard_.settings_->limits.message_bytes_max;
  if (expires != 0) w.expires_in_s = std::max<std::int64_t>(0, (expires - shard_.now_.wall_ms) / 1000);
  // A node that dies sends its clients elsewhere: spread over as long as a second per thousand of them.
  w.reconnect_delay_ms = static_cast<std::uint32_t>(shard_.parts_.entropy.below(500 + shard_.connections_.live()));
  std::string json;
  native_codec::append_welcome(json, w);
  shard_.control(id, c, json);
}

void NativeWire::reply(ConnectionId id, Connection& c, std::int64_t request, std::string_view data) {
  std::string& json = shard_.json_scratch_;
  json.clear();
  native_codec::append_reply(json, request, data);
  shard_.control(id, c, json);
}

void NativeWire::reply_with_attachments(ConnectionId id, Connection& c, std::int64_t request, std::string_view data,
                                        std::string_view attached) {
  render_reply(c, request, data, attached);
  shard_.control_raw(id.slot, c, shard_.render_);
}

void NativeWire::reply_binary(ConnectionId id, Connection& c, std::int64_t request, std::string_view data,
                              std::span<const std::string> attachments) {
  std::string& message = shard_.json_scratch_;
  message.clear();
  native_codec::append_binary_answer(message, request, data, attachments);
  control_binary(id, c, message);
}

void NativeWire::control_binary(ConnectionId id, Connection& c, std::string_view message) {
  std::string& frame = shard_.render_;
  frame.clear();
  shard_.append_frame(frame, c.form, message, ws::MessageType::binary);
  shard_.control_raw(id.slot, c, frame);
}

void NativeWire::refuse(ConnectionId id, Connection& c, std::optional<std::int64_t> request, const Fault& fault) {
  std::string& json = shard_.json_scratch_;
  json.clear();
  native_codec::append_error(json, request, fault);
  shard_.control(id, c, json);
}

void NativeWire::last_words(ConnectionId id, Connection& c, const Fault& fault) { refuse(id, c, std::nullopt, fault); }

void NativeWire::close(ConnectionId id, Connection& c, std::uint16_t code, std::string_view reason) {
  std::string frame;
  ws::append_close_frame(frame, code, reason);
  shard_.control_raw(id.slot, c, frame);
}

bool NativeWire::ping(ConnectionId id, Connection& c) {
  std::string json;
  native_codec::append_ping(json);
  shard_.control(id, c, json);
  return true;
}

void NativeWire::token_expiring(ConnectionId id, Connection& c, std::int64_t expires_in_s) {
  std::string json;
  native_codec::append_token_expiring(json, expires_in_s);
  shard_.control(id, c, json);
}

void NativeWire::reconnect(ConnectionId id, Connection& c, std::uint32_t after_ms, std::string_view reason) {
  std::string json;
  native_codec::append_reconnect(json, after_ms, reason);
  shard_.control(id, c, json);
}

void NativeWire::render_reply(const Connection& c, std::int64_t request, std::string_view data, std::string_view attached) {
  std::string& message = shard_.json_scratch_;
  message.clear();
  shard_.render_.clear();
  if (attached.empty()) {
    native_codec::append_reply(message, request, data);
    shard_.append_frame(shard_.render_, c.form, message, ws::MessageType::text);
  } else {
    native_codec::append_binary_reply(message, request, data, attached);
    shard_.append_frame(shard_.render_, c.form, message, ws::MessageType::binary);
  }
}

void NativeWire::append_invoke(std::string& out, std::uint16_t form, const native_codec::InvokeFrame& invoke) {
  std::string& message = shard_.json_scratch_;
  message.clear();
  if (invoke.attachments.empty()) {
    native_codec::append_invoke(message, invoke);
    shard_.append_frame(out, form, message, ws::MessageType::text);
  } else {
    native_codec::append_binary_invoke(message, invoke);
    shard_.append_frame(out, form, message, ws::MessageType::binary);
  }
}

void NativeWire::append_question(std::string& out, std::uint16_t form, std::uint64_t number, const Publication& what,
                                 std::uint32_t timeout_ms) {
  const std::string call_id = std::to_string(number);
  const std::string& ns = shard_.settings_->namespaces[what.ns].name;
  append_invoke(out, form, {call_id, ns, what.event, what.data, what.more_args, what.attachments, timeout_ms});
}

void NativeWire::append_evicted(std::string& out, const Connection& c, std::string_view ns, std::span<const std::string> rooms,
                                Code code) {
  std::string& json = shard_.json_scratch_;
  json.clear();
  native_codec::append_evicted(json, ns, rooms, code);
  shard_.append_frame(out, c.form, json, ws::MessageType::text);
}

void NativeWire::append_publication(std::string& out, std::uint16_t form, const Publication& publication, std::string_view room) {
  const std::string& ns = shard_.settings_->namespaces[publication.ns].name;
  std::string& json = shard_.json_scratch_;
  json.clear();
  if (publication.attachments.empty()) {
    native_codec::append_event(json, ns, room, publication);
    shard_.append_frame(out, form, json, ws::MessageType::text);
  } else {
    native_codec::append_binary_event(json, ns, room, publication);
    shard_.append_frame(out, form, json, ws::MessageType::binary);
  }
}

void NativeWire::append_position(std::string& out, std::uint16_t form, NamespaceId ns, const Position& position) {
  std::string& json = shard_.json_scratch_;
  json.clear();
  native_codec::append_position(json, shard_.settings_->namespaces[ns].name, position.epoch, position.offset);
  shard_.append_frame(out, form, json, ws::MessageType::text);
}

void NativeWire::append_gap(std::string& out, std::uint16_t form, NamespaceId ns, const session::GapRun& gap) {
  std::string& json = shard_.json_scratch_;
  json.clear();
  const native_codec::Gap shown{gap.room, gap.count, gap.from, gap.to, session::name_of(gap.reason)};
  native_codec::append_gap(json, shard_.settings_->namespaces[ns].name, shown);
  shard_.append_frame(out, form, json, ws::MessageType::text);
}

}  // namespace sparc::shard
