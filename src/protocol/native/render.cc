#include "base/base64.h"
#include "base/json_text.h"
#include "protocol/native/attachments.h"
#include "protocol/native/codec.h"
#include "protocol/native/json_fields.h"

namespace sparc::protocol::native {
namespace {

/// Publications come many a second: within one, only the milliseconds are written anew.
void append_timestamp(std::string& out, std::int64_t unix_ms) {
  struct Last {
    std::int64_t second = INT64_MIN;
    std::string text;
  };
  static thread_local Last last;
  const std::int64_t ms = ((unix_ms % 1000) + 1000) % 1000;
  const std::int64_t second = (unix_ms - ms) / 1000;
  if (second != last.second) {
    last.text.clear();
    append_iso_time(last.text, unix_ms - ms);
    last.second = second;
  }
  constexpr std::size_t tail = 4;  // "000Z"
  const std::size_t at = out.size() + last.text.size() - tail;
  out += last.text;
  out[at] = static_cast<char>('0' + ms / 100);
  out[at + 1] = static_cast<char>('0' + ms / 10 % 10);
  out[at + 2] = static_cast<char>('0' + ms % 10);
}

/// Everything of an event frame but its end.
void append_event_fields(std::string& out, std::string_view ns, std::string_view room, const Publication& publication) {
  append_field(out, R"({"type":"event","namespace":)", ns);
  if (!room.empty()) append_field(out, R"(,"room":)", room);
  append_field(out, R"(,"event":)", publication.event);
  out += R"(,"timestamp":")";
  append_timestamp(out, publication.timestamp_ms);
  out.push_back('"');
  if (!publication.id.empty()) append_field(out, R"(,"id":)", publication.id);
  if (publication.offset != 0) append_field(out, R"(,"offset":)", publication.offset);
  if (publication.provisional) out += R"(,"provisional":true)";
  append_arguments(out, publication.data, publication.more_args);
}

/// Enough for the fields of an event frame beside its payload, where no name needs escapes.
constexpr std::size_t event_frame_bytes = 192;

std::size_t event_bytes(std::string_view ns, std::string_view room, const Publication& publication) {
  return event_frame_bytes + ns.size() + room.size() + publication.event.size() + publication.id.size() +
         publication.data.size() + publication.more_args.size();
}

void append_invoke_fields(std::string& out, const InvokeFrame& invoke) {
  append_field(out, R"({"type":"invoke","callId":)", invoke.call_id);
  if (!invoke.ns.empty()) append_field(out, R"(,"namespace":)", invoke.ns);
  append_field(out, R"(,"event":)", invoke.event);
  append_arguments(out, invoke.data, invoke.more_args);
  append_field(out, R"(,"deadlineMs":)", invoke.deadline_ms);
}

}  // namespace

void append_welcome(std::string& out, const Welcome& welcome) {
  append_field(out, R"({"type":"welcome","connectionId":)", welcome.connection_id);
  if (welcome.service.empty()) {
    append_field(out, R"(,"userId":)", welcome.user_id);
    append_field(out, R"(,"tenantId":)", welcome.tenant_id);
  } else {
    append_field(out, R"(,"service":)", welcome.service);
    out += R"(,"scopes":)";
    append_strings(out, welcome.scopes);
  }
  append_field(out, R"(,"pingInterval":)", welcome.ping_interval_ms);
  append_field(out, R"(,"pingTimeout":)", welcome.ping_timeout_ms);
  append_field(out, R"(,"maxPayload":)", welcome.max_payload_bytes);
  if (welcome.expires_in_s) {
    out += R"(,"expiresIn":)";
    append_number(out, *welcome.expires_in_s);
  }
  append_field(out, R"(,"reconnectDelayMs":)", welcome.reconnect_delay_ms);
  out.push_back('}');
}

void append_reply(std::string& out, std::int64_t id, std::string_view data) {
  out += R"({"type":"reply","id":)";
  append_number(out, id);
  out += R"(,"data":)";
  out += data;
  out.push_back('}');
}

void append_binary_reply(std::string& out, std::int64_t id, std::string_view data, std::string_view attached) {
  const std::size_t begin = out.size();
  out.append(4, '\0');
  append_reply(out, id, data);
  patch_header_length(out, begin, out.size() - begin - 4);
  out += attached;
}

void append_binary_answer(std::string& out, std::int64_t id, std::string_view data, std::span<const std::string> attachments) {
  const std::size_t begin = out.size();
  out.append(4, '\0');
  append_reply(out, id, data);
  out.pop_back();
  append_attachment_lengths(out, attachments);
  out.push_back('}');
  patch_header_length(out, begin, out.size() - begin - 4);
  for (const auto& attachment : attachments) out += attachment;
}

void append_error(std::string& out, std::optional<std::int64_t> id, const Fault& fault) {
  out += R"({"type":"error")";
  if (id) {
    out += R"(,"id":)";
    append_number(out, *id);
  }
  append_field(out, R"(,"error":{"code":)", sparc::name_of(fault.code));
  append_field(out, R"(,"message":)", fault.message);
  if (fault.retry_after_ms > 0) append_field(out, R"(,"retryAfterMs":)", static_cast<std::uint64_t>(fault.retry_after_ms));
  out += "}}";
}

void append_event(std::string& out, std::string_view ns, std::string_view room, const Publication& publication) {
  make_room(out, event_bytes(ns, room, publication));
  append_event_fields(out, ns, room, publication);
  out.push_back('}');
}

void append_binary_event(std::string& out, std::string_view ns, std::string_view room, const Publication& publication) {
  std::size_t attached = 0;
  for (const auto& attachment : publication.attachments) attached += attachment.size() + 21;
  make_room(out, 4 + event_bytes(ns, room, publication) + attached);
  const std::size_t begin = out.size();
  out.append(4, '\0');
  append_event_fields(out, ns, room, publication);
  append_attachment_lengths(out, publication.attachments);
  out.push_back('}');
  patch_header_length(out, begin, out.size() - begin - 4);
  for (const auto& attachment : publication.attachments) out += attachment;
}

void append_kept_event(std::string& out, std::string& attached, std::string_view ns, std::string_view room,
                       const Publication& publication) {
  append_event_fields(out, ns, room, publication);
  if (!publication.attachments.empty()) append_attachment_lengths(out, publication.attachments);
  out.push_back('}');
  for (const auto& attachment : publication.attachments) attached += attachment;
}

void append_event_with_base64(std::string& out, std::string_view ns, std::string_view room, const Publication& publication) {
  append_event_fields(out, ns, room, publication);
  if (!publication.attachments.empty()) {
    out += R"(,"attachments":[)";
    for (const auto& attachment : publication.attachments) {
      if (out.back() != '[') out.push_back(',');
      out.push_back('"');
      append_base64(out, attachment);
      out.push_back('"');
    }
    out.push_back(']');
  }
  out.push_back('}');
}

void append_position(std::string& out, std::string_view ns, std::string_view epoch, std::uint64_t offset) {
  append_field(out, R"({"type":"position","namespace":)", ns);
  append_field(out, R"(,"epoch":)", epoch);
  append_field(out, R"(,"offset":)", offset);
  out.push_back('}');
}

void append_gap(std::string& out, std::string_view ns, const Gap& gap) {
  append_field(out, R"({"type":"gap","namespace":)", ns);
  if (!gap.room.empty()) append_field(out, R"(,"room":)", gap.room);
  append_field(out, R"(,"count":)", gap.count);
  if (gap.from != 0) append_field(out, R"(,"from":)", gap.from);
  if (gap.to != 0) append_field(out, R"(,"to":)", gap.to);
  append_field(out, R"(,"reason":)", gap.reason);
  out.push_back('}');
}

void append_ping(std::string& out) { out += R"({"type":"ping"})"; }

void append_evicted(std::string& out, std::string_view ns, std::span<const std::string> rooms, Code code) {
  append_field(out, R"({"type":"evicted","namespace":)", ns);
  out += R"(,"rooms":)";
  append_strings(out, rooms);
  append_field(out, R"(,"code":)", sparc::name_of(code));
  out.push_back('}');
}

void append_token_expiring(std::string& out, std::int64_t expires_in_s) {
  out += R"({"type":"token_expiring","expiresIn":)";
  append_number(out, expires_in_s);
  out.push_back('}');
}

void append_reconnect(std::string& out, std::uint32_t after_ms, std::string_view reason) {
  append_field(out, R"({"type":"reconnect","afterMs":)", after_ms);
  append_field(out, R"(,"reason":)", reason);
  out.push_back('}');
}

void append_invoke(std::string& out, const InvokeFrame& invoke) {
  append_invoke_fields(out, invoke);
  out.push_back('}');
}

void append_binary_invoke(std::string& out, const InvokeFrame& invoke) {
  const std::size_t begin = out.size();
  out.append(4, '\0');
  append_invoke_fields(out, invoke);
  append_attachment_lengths(out, invoke.attachments);
  out.push_back('}');
  patch_header_length(out, begin, out.size() - begin - 4);
  for (const auto& attachment : invoke.attachments) out += attachment;
}

void append_hook(std::string& out, std::string_view hook, std::string_view ns, std::string_view client, std::string_view reason) {
  append_field(out, R"({"type":"hook","hook":)", hook);
  append_field(out, R"(,"namespace":)", ns);
  out += R"(,"client":)";
  out += client;
  if (!reason.empty()) append_field(out, R"(,"reason":)", reason);
  out.push_back('}');
}

}  // namespace sparc::protocol::native
