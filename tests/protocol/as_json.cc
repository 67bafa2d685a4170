#include "protocol/as_json.h"

#include <ctime>
#include <nlohmann/json.hpp>

#include "protocol/scalar.h"

namespace sparc::protocol::native::testing {
namespace {

using nlohmann::json;

template <class Range>
json hexes(const Range& attachments) {
  json out = json::array();
  for (const auto& attachment : attachments) out.push_back(hex(attachment));
  return out;
}

json as_json(const Position& position) { return {{"epoch", position.epoch}, {"offset", position.offset}}; }

json as_json(const Filter& filter) {
  json out = json::object();
  for (const auto& [name, values] : filter.fields) {
    out[name] = json::array();
    for (const auto& value : values) {
      std::string text;
      append_scalar(text, value);
      out[name].push_back(json::parse(text));
    }
  }
  if (filter.every_ms != 0) out["everyMs"] = filter.every_ms;
  return out;
}

struct RequestJson {
  json out = json::object();

  void put(const char* key, const std::string& value) {
    if (!value.empty()) out[key] = value;
  }
  template <class T>
  void arguments(const T& carrier) {
    put("event", carrier.event);
    put("dataText", carrier.data);
    if (!carrier.more_args.empty()) out["argsText"] = "[" + carrier.more_args + "]";
    if (!carrier.attachments.empty()) out["attachmentsHex"] = hexes(carrier.attachments);
  }
  void wants(const Subscribe& wants) {
    out["namespace"] = wants.ns;
    if (!wants.rooms.empty()) out["rooms"] = wants.rooms;
    if (wants.topics.kind == Choice<std::string>::Kind::everything) out["topics"] = nullptr;
    if (wants.topics.kind == Choice<std::string>::Kind::list) out["topics"] = wants.topics.items;
    if (wants.filters.kind == Choice<Filter>::Kind::everything) out["filters"] = nullptr;
    if (wants.filters.kind == Choice<Filter>::Kind::list) {
      out["filters"] = json::array();
      for (const auto& filter : wants.filters.items) out["filters"].push_back(as_json(filter));
    }
  }
  void operator()(const Auth& auth) { out = {{"type", "auth"}, {"token", auth.token}}; }
  void operator()(const Join& join) {
    out["type"] = "join";
    wants(join.wants);
    if (join.recover) out["recover"] = as_json(*join.recover);
  }
  void operator()(const Leave& leave) { out = {{"type", "leave"}, {"namespace", leave.ns}}; }
  void operator()(const Subscribe& subscribe) {
    out["type"] = "subscribe";
    wants(subscribe);
  }
  void operator()(const Unsubscribe& unsubscribe) {
    out = {{"type", "unsubscribe"}, {"namespace", unsubscribe.ns}, {"rooms", unsubscribe.rooms}};
  }
  void operator()(const Event& event) {
    out = {{"type", "event"}, {"namespace", event.ns}};
    arguments(event);
  }
  void operator()(const Presence& presence) { out = {{"type", "presence"}, {"namespace", presence.ns}, {"room", presence.room}}; }
  void operator()(const History& history) {
    out = {{"type", "history"}, {"namespace", history.ns}};
    if (history.since) out["since"] = as_json(*history.since);
    if (history.limit != 0) out["limit"] = history.limit;
  }
  void operator()(const Pong&) { out["type"] = "pong"; }
  void operator()(const Publish& publish) {
    out = {{"type", "publish"}, {"namespace", publish.ns}, {"rooms", publish.rooms}};
    arguments(publish);
    if (!publish.except.empty()) out["except"] = publish.except;
    put("publicationId", publish.publication_id);
    put("tenantId", publish.tenant);
  }
  void operator()(const Ask& ask) {
    out = {{"type", "ask"}, {"namespace", ask.ns}};
    put("connectionId", ask.connection);
    if (!ask.rooms.empty()) out["rooms"] = ask.rooms;
    arguments(ask);
    if (!ask.except.empty()) out["except"] = ask.except;
    put("tenantId", ask.tenant);
    if (ask.timeout_ms != 0) out["timeoutMs"] = ask.timeout_ms;
  }
  void operator()(const Handle& handle) {
    out = {{"type", "handle"}, {"group", handle.group}, {"events", handle.events}, {"retryable", handle.retryable}};
  }
  void operator()(const Result& result) {
    out = {{"type", "result"}, {"callId", result.call_id}};
    put("dataText", result.data);
    if (!result.attachments.empty()) out["attachmentsHex"] = hexes(result.attachments);
    if (!result.error_code.empty()) out["error"] = {{"code", result.error_code}, {"message", result.error_message}};
  }
  void operator()(const Watch& watch) { out = {{"type", "watch"}, {"hooks", watch.hooks}}; }
};

struct PushJson {
  json out = json::object();

  void put(const char* key, std::string_view value) {
    if (!value.empty()) out[key] = value;
  }
  void put(const char* key, std::uint64_t value) {
    if (value != 0) out[key] = value;
  }
  void operator()(const Welcome& welcome) {
    out["type"] = "welcome";
    put("connectionId", welcome.connection_id);
    put("userId", welcome.user_id);
    put("tenantId", welcome.tenant_id);
    put("service", welcome.service);
    if (!welcome.scopes.empty()) out["scopes"] = welcome.scopes;
    out["pingInterval"] = welcome.ping_interval_ms;
    out["pingTimeout"] = welcome.ping_timeout_ms;
    out["maxPayload"] = welcome.max_payload_bytes;
    if (welcome.expires_in_s) out["expiresIn"] = *welcome.expires_in_s;
    out["reconnectDelayMs"] = welcome.reconnect_delay_ms;
  }
  void operator()(const Reply& reply) {
    out = {{"type", "reply"}, {"id", reply.id}, {"dataText", reply.data}};
    if (!reply.attachments.empty()) out["attachmentsHex"] = hexes(reply.attachments);
    if (!reply.attached.empty()) out["attachedHex"] = hex(reply.attached);
  }
  void operator()(const ErrorReply& error) {
    out = {{"type", "error"}, {"error", {{"code", error.code}, {"message", error.message}}}};
    if (error.id) out["id"] = *error.id;
    if (error.retry_after_ms != 0) out["error"]["retryAfterMs"] = error.retry_after_ms;
  }
  void operator()(const EventPush& event) {
    out["type"] = "event";
    put("namespace", event.ns);
    put("room", event.room);
    put("event", event.event);
    put("timestamp", event.timestamp);
    put("id", event.id);
    put("offset", event.offset);
    if (event.provisional) out["provisional"] = true;
    put("dataText", event.data);
    if (!event.more_args.empty()) out["argsText"] = "[" + std::string(event.more_args) + "]";
    if (!event.attachments.empty()) out["attachmentsHex"] = hexes(event.attachments);
  }
  void operator()(const PositionPush& push) {
    out = as_json(push.position);
    out["type"] = "position";
    out["namespace"] = push.ns;
  }
  void operator()(const GapPush& gap) {
    out = {{"type", "gap"}, {"namespace", gap.ns}, {"count", gap.count}, {"reason", gap.reason}};
    put("room", gap.room);
    put("from", gap.from);
    put("to", gap.to);
  }
  void operator()(const Ping&) { out["type"] = "ping"; }
  void operator()(const Evicted& evicted) {
    out = {{"type", "evicted"}, {"namespace", evicted.ns}, {"rooms", evicted.rooms}, {"code", evicted.code}};
  }
  void operator()(const TokenExpiring& token) { out = {{"type", "token_expiring"}, {"expiresIn", token.expires_in_s}}; }
  void operator()(const Reconnect& reconnect) {
    out = {{"type", "reconnect"}, {"afterMs", reconnect.after_ms}, {"reason", reconnect.reason}};
  }
  void operator()(const Invoke& invoke) {
    out = {{"type", "invoke"}, {"callId", invoke.call_id}, {"event", invoke.event}, {"deadlineMs", invoke.deadline_ms}};
    put("namespace", invoke.ns);
    put("dataText", invoke.data);
    if (!invoke.more_args.empty()) out["argsText"] = "[" + std::string(invoke.more_args) + "]";
    if (!invoke.attachments.empty()) out["attachmentsHex"] = hexes(invoke.attachments);
  }
  void operator()(const Hook& hook) {
    out = {{"type", "hook"}, {"hook", hook.hook}, {"namespace", hook.ns}, {"clientText", hook.client}};
    put("reason", hook.reason);
  }
  void operator()(const UnknownPush& unknown) { out = {{"type", "unknown"}, {"name", unknown.type}}; }
};

/// Unix milliseconds of `2026-01-01T00:00:00.000Z`.
std::int64_t unix_ms(std::string_view iso) {
  std::tm tm{};
  const std::string text(iso);
  const char* rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &tm);
  return timegm(&tm) * 1000 + std::stoll(rest + 1);
}

struct Renderer {
  std::string out;

  void operator()(const Welcome& welcome) { append_welcome(out, welcome); }
  void operator()(const Reply& reply) {
    if (!reply.attachments.empty()) {
      return append_binary_answer(out, reply.id, reply.data,
                                  std::vector<std::string>(reply.attachments.begin(), reply.attachments.end()));
    }
    if (reply.attached.empty()) return append_reply(out, reply.id, reply.data);
    append_binary_reply(out, reply.id, reply.data, reply.attached);
  }
  void operator()(const ErrorReply& error) {
    append_error(out, error.id, Fault{code_named(error.code).value(), error.message, error.retry_after_ms});
  }
  void operator()(const EventPush& event) {
    Publication publication;
    publication.event = event.event;
    publication.timestamp_ms = unix_ms(event.timestamp);
    publication.id = event.id;
    publication.offset = event.offset;
    publication.provisional = event.provisional;
    publication.data = event.data;
    publication.more_args = event.more_args;
    publication.attachments.assign(event.attachments.begin(), event.attachments.end());
    const auto append = publication.attachments.empty() ? append_event : append_binary_event;
    append(out, event.ns, event.room, publication);
  }
  void operator()(const PositionPush& push) { append_position(out, push.ns, push.position.epoch, push.position.offset); }
  void operator()(const GapPush& gap) { append_gap(out, gap.ns, Gap{gap.room, gap.count, gap.from, gap.to, gap.reason}); }
  void operator()(const Ping&) { append_ping(out); }
  void operator()(const Evicted& evicted) { append_evicted(out, evicted.ns, evicted.rooms, code_named(evicted.code).value()); }
  void operator()(const TokenExpiring& token) { append_token_expiring(out, token.expires_in_s); }
  void operator()(const Reconnect& reconnect) { append_reconnect(out, reconnect.after_ms, reconnect.reason); }
  void operator()(const Invoke& invoke) {
    const std::vector<std::string> attachments(invoke.attachments.begin(), invoke.attachments.end());
    const auto append = attachments.empty() ? append_invoke : append_binary_invoke;
    append(out, {invoke.call_id, invoke.ns, invoke.event, invoke.data, invoke.more_args, attachments, invoke.deadline_ms});
  }
  void operator()(const Hook& hook) { append_hook(out, hook.hook, hook.ns, hook.client, hook.reason); }
  void operator()(const UnknownPush&) {}
};

}  // namespace

json as_json(const Request& request) {
  RequestJson visitor;
  std::visit(visitor, request.command);
  if (request.id) visitor.out["id"] = *request.id;
  return visitor.out;
}

json as_json(const Push& push) {
  PushJson visitor;
  std::visit(visitor, push);
  return visitor.out;
}

std::string rendered(const Push& push) {
  Renderer renderer;
  std::visit(renderer, push);
  return renderer.out;
}

std::string hex(std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    out.push_back(digits[static_cast<unsigned char>(c) >> 4]);
    out.push_back(digits[c & 15]);
  }
  return out;
}

std::string unhex(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    out.push_back(static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
  }
  return out;
}

}  // namespace sparc::protocol::native::testing
