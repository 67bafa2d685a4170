#include "server/api.h"

#include <algorithm>
#include <charconv>

#include "base/json_text.h"
#include "http/response.h"
#include "http/target.h"
#include "protocol/json_scan.h"
#include "protocol/native/codec.h"
#include "protocol/room_name.h"
#include "server/dashboard.h"
#include "server/metrics.h"
#include "server/node.h"
#include "server/openapi.h"

namespace sparc::server {

namespace json = protocol::json;

namespace {

int status_of(Code code) {
  switch (code) {
    case Code::BAD_REQUEST: return 400;
    case Code::UNAUTHENTICATED:
    case Code::TOKEN_EXPIRED:
    case Code::REVOKED: return 401;
    case Code::FORBIDDEN:
    case Code::TENANT_INACTIVE: return 403;
    case Code::UNKNOWN_NAMESPACE: return 404;
    case Code::PAYLOAD_TOO_LARGE: return 413;
    case Code::RATE_LIMITED: return 429;
    case Code::NO_HANDLER:
    case Code::TIMEOUT:
    case Code::CONNECTION_LIMIT:
    case Code::SLOW_CONSUMER:
    case Code::UNAVAILABLE: return 503;
    case Code::INTERNAL: return 500;
  }
  return 500;
}

std::string error_object(const Fault& fault) {
  std::string out = "{\"error\":{\"code\":\"" + std::string(name_of(fault.code)) + "\",\"message\":" + json_string(fault.message);
  if (fault.retry_after_ms != 0) out += ",\"retryAfterMs\":" + std::to_string(fault.retry_after_ms);
  return out + "}}";
}

/// Fields of one publication of a broadcast; a fault names the field.
std::expected<shard::PublishRequest, Fault> publication_of(std::string_view object) {
  auto bad = [](std::string text) { return std::unexpected(Fault{Code::BAD_REQUEST, std::move(text)}); };
  if (json::kind_of(object) != json::Kind::object) return bad("a publication is a JSON object");
  shard::PublishRequest out;
  bool rooms_seen = false;
  json::Walker fields(object);
  std::string key;
  while (fields.next()) {
    if (!json::read_string(fields.key, key)) return bad("a field name is no valid string");
    auto text = [&](std::string& into) { return json::read_string(fields.value, into); };
    auto texts = [&](std::vector<std::string>& into) {
      if (json::kind_of(fields.value) != json::Kind::array) return false;
      json::Walker items(fields.value);
      while (items.next()) {
        if (!json::read_string(items.value, into.emplace_back())) return false;
      }
      return true;
    };
    if (key == "namespace") {
      if (!text(out.ns)) return bad("\"namespace\" must be a string");
    } else if (key == "event") {
      if (!text(out.event)) return bad("\"event\" must be a string");
    } else if (key == "data") {
      out.data = fields.value;
    } else if (key == "publicationId") {
      if (!text(out.publication_id)) return bad("\"publicationId\" must be a string");
    } else if (key == "tenantId") {
      if (!text(out.tenant)) return bad("\"tenantId\" must be a string");
    } else if (key == "room") {
      if (rooms_seen) return bad("\"room\" and \"rooms\" exclude each other");
      rooms_seen = true;
      if (!text(out.rooms.emplace_back())) return bad("\"room\" must be a string");
    } else if (key == "rooms") {
      if (rooms_seen) return bad("\"room\" and \"rooms\" exclude each other");
      rooms_seen = true;
      if (!texts(out.rooms)) return bad("\"rooms\" must be an array of strings");
    } else if (key == "except") {
      if (!texts(out.except)) return bad("\"except\" must be an array of connection ids");
    } else if (key == "args") {
      if (json::kind_of(fields.value) != json::Kind::array) return bad("\"args\" must be an array");
      out.more_args = json::trimmed(fields.value.substr(1, fields.value.size() - 2));
    }
  }
  if (out.ns.empty()) return bad("\"namespace\" is missing");
  if (out.event.empty()) return bad("\"event\" is missing");
  if (out.rooms.empty()) return bad("\"room\" or \"rooms\" is missing");
  return out;
}

std::size_t limit_of(std::string_view query, std::size_t most) {
  const auto text = http::query_value(query, "limit");
  std::size_t limit = most;
  if (text) (void)std::from_chars(text->data(), text->data() + text->size(), limit);
  return std::min(limit == 0 ? most : limit, most);
}

}  // namespace

std::string client_json(const shard::ClientInfo& client) {
  std::string out = "{\"id\":" + json_string(client.id) + ",\"userId\":" + json_string(client.user_id) + ",\"tenantId\":" + json_string(client.tenant_id);
  if (!client.organization_id.empty()) out += ",\"organizationId\":" + json_string(client.organization_id);
  out += ",\"roles\":[";
  for (const std::string& role : client.roles) {
    if (out.back() != '[') out += ',';
    append_json_string(out, role);
  }
  out += "],\"subscriptions\":{";
  for (const auto& [ns, rooms] : client.subscriptions) {
    if (out.back() != '{') out += ',';
    append_json_string(out, ns);
    out += ":[";
    for (const std::string& room : rooms) {
      if (out.back() != '[') out += ',';
      append_json_string(out, room);
    }
    out += ']';
  }
  out += "},\"connectedAt\":\"";
  append_iso_time(out, client.connected_ms);
  out += "\",\"lastActivity\":\"";
  append_iso_time(out, client.last_activity_ms);
  return out + "\"}";
}

void Api::answer(const Exchange& to, int status, std::string_view body, std::string_view content_type, std::int64_t retry_after_ms,
                 std::string_view allow) {
  std::vector<Header> headers;
  const std::string retry = std::to_string((retry_after_ms + 999) / 1000);
  if (retry_after_ms != 0) headers.push_back({"Retry-After", retry});
  if (!allow.empty()) headers.push_back({"Allow", allow});
  if (!to.origin.empty()) {
    headers.push_back({"Access-Control-Allow-Origin", to.origin});
    headers.push_back({"Vary", "Origin"});
  }
  headers.push_back({"Cache-Control", "no-store"});
  http::Reply reply;
  reply.status = static_cast<std::uint16_t>(status);
  reply.content_type = content_type;
  reply.headers = headers;
  reply.body = body;
  reply.connection = to.keep_alive ? http::Connection::keep_alive : http::Connection::close;
  reply.body_kind = to.head ? http::BodyKind::left_out : http::BodyKind::whole;
  std::string out;
  http::append_reply(out, reply);
  if (to.path.starts_with("/api/")) thread_.log_access(to.id, to.path, status);
  thread_.shard().respond(to.id, to.number, out, to.keep_alive);
}

void Api::refuse(const Exchange& to, int status, const Fault& fault, std::string_view allow) {
  answer(to, status, error_object(fault), "application/json", fault.retry_after_ms, allow);
}
void Api::refuse(const Exchange& to, const Fault& fault) { refuse(to, status_of(fault.code), fault); }

void Api::handle(ConnectionId id, std::uint64_t exchange, const http::Request& request) {
  Exchange to{id, exchange, request.keep_alive && !thread_.node().draining(), request.method == "HEAD", {}, std::string(request.path)};
  if (const auto origin = request.header("origin")) {
    const auto& allowed = thread_.shard().settings().cors_origins;
    if (std::any_of(allowed.begin(), allowed.end(), [&](const std::string& a) { return a == "*" || a == *origin; })) to.origin = *origin;
  }
  const bool get = request.method == "GET" || request.method == "HEAD";
  const std::string_view path = request.path;
  if (path == "/healthz" || path == "/readyz") {
    if (!get) return refuse(to, 405, {Code::BAD_REQUEST, "use GET"}, "GET, HEAD");
    return health(to, path);
  }
  const bool second_address = thread_.node().config().admin_port.has_value();
  const bool dashboard = path == "/admin" || path.starts_with("/admin/");
  const bool operators = path == "/metrics" || path.starts_with("/api/") || dashboard;
  if (operators && second_address && !thread_.is_admin(id)) {
    return refuse(to, 404, {Code::BAD_REQUEST, "this is served on the admin address only (admin_port)"});
  }
  if (path == "/metrics") {
    if (!get) return refuse(to, 405, {Code::BAD_REQUEST, "use GET"}, "GET, HEAD");
    return metrics(std::move(to));
  }
  if (dashboard) {
    if (!get) return refuse(to, 405, {Code::BAD_REQUEST, "use GET"}, "GET, HEAD");
    std::string bytes = dashboard_answer(request, to.keep_alive);
    if (bytes.empty()) return refuse(to, 404, {Code::BAD_REQUEST, "the dashboard has no such file; it begins at /admin/"});
    return thread_.shard().respond(to.id, to.number, bytes, to.keep_alive);
  }
  constexpr std::string_view api_prefix = "/api/v1/";
  if (path.starts_with(api_prefix)) return api(std::move(to), request, path.substr(api_prefix.size()));
  if (path == "/ws" && get) return refuse(to, 426, {Code::BAD_REQUEST, "this is a WebSocket endpoint: send an upgrade"});
  refuse(to, 404, {Code::BAD_REQUEST, "nothing here; there are /ws, /healthz, /readyz, /metrics, /api/v1/ and /admin/"});
}

std::optional<ServiceIdentity> Api::service(const Exchange& to, const http::Request& request, Scope scope) {
  std::string credential;
  if (const auto key = request.header("x-api-key")) {
    credential = *key;
  } else if (const auto authorization = request.header("authorization")) {
    constexpr std::string_view scheme = "bearer ";
    if (authorization->size() > scheme.size() && equals_ignoring_case(authorization->substr(0, scheme.size()), scheme)) {
      credential = trim_blanks(authorization->substr(scheme.size()));
    }
  }
  if (credential.empty()) {
    refuse(to, 401, {Code::UNAUTHENTICATED, "an API key is needed: X-API-Key, or Authorization: Bearer"});
    return std::nullopt;
  }
  std::optional<ServiceIdentity> who;
  if (const ServiceIdentity* known = thread_.shard().api_keys().find(credential)) {
    who = *known;
  } else if (auth::looks_like_token(credential)) {
    auto verified = thread_.shard().verifier().verify_service(credential, thread_.now());
    if (verified && thread_.shard().is_revoked(*verified)) {
      refuse(to, {Code::REVOKED, "the token was revoked"});
      return std::nullopt;
    }
    if (verified) who = std::move(*verified);
  }
  if (!who) {
    refuse(to, 401, {Code::UNAUTHENTICATED, "no known API key, and no service token; users' tokens never open the API"});
    return std::nullopt;
  }
  if (!who->may(scope)) {
    refuse(to, 403, {Code::FORBIDDEN, "this key lacks the scope that is needed here"});
    return std::nullopt;
  }
  return who;
}

void Api::api(Exchange to, const http::Request& request, std::string_view name) {
  struct Route {
    std::string_view name, method;
    Scope scope;
    void (Api::*run)(Exchange, const http::Request&, const ServiceIdentity&);
  };
  static constexpr Route routes[] = {
      {"broadcast", "POST", Scope::publish, &Api::broadcast}, {"connections", "GET", Scope::read, &Api::connections},
      {"rooms", "GET", Scope::read, &Api::rooms},             {"presence", "GET", Scope::read, &Api::presence},
      {"history", "GET", Scope::read, &Api::history},         {"disconnect", "POST", Scope::disconnect, &Api::disconnect},
  };
  if (name == "openapi.json") {
    if (request.method != "GET" && request.method != "HEAD") return refuse(to, 405, {Code::BAD_REQUEST, "use GET"}, "GET, HEAD");
    return answer(to, 200, openapi_document());
  }
  if (name == "rollout") {
    if (request.method != "GET") return refuse(to, 405, {Code::BAD_REQUEST, "use GET"}, "GET");
    const auto who = service(to, request, Scope::rollout);
    if (who) rollout(to);
    return;
  }
  for (const Route& route : routes) {
    if (route.name != name) continue;
    if (request.method != route.method) return refuse(to, 405, {Code::BAD_REQUEST, "use " + std::string(route.method)}, route.method);
    const auto who = service(to, request, route.scope);
    if (who) (this->*route.run)(std::move(to), request, *who);
    return;
  }
  refuse(to, 404, {Code::BAD_REQUEST, "no such call; see /api/v1/openapi.json"});
}

void Api::health(const Exchange& to, std::string_view path) {
  if (path == "/healthz") return answer(to, 200, "{\"status\":\"ok\"}");
  if (thread_.node().draining()) return answer(to, 503, "{\"status\":\"draining\"}");
  std::string body = "{\"status\":\"";
  body += thread_.shard().available() ? "ok" : "degraded";
  body += "\",\"namespaces\":{";
  for (const auto& [name, digest] : namespace_digests(thread_.shard().settings())) {
    if (body.back() != '{') body += ',';
    body += json_string(name) + ":\"" + digest + "\"";
  }
  answer(to, 200, body + "}}");
}

void Api::metrics(Exchange to) {
  thread_.node().gather<ThreadCounters>(
      thread_,
      [](IoThread& there) {
        ThreadCounters out{there.door().counters(), {}};
        if (there.index() == 0) out.services = there.node().service_counters();
        return out;
      },
      [this, to = std::move(to)](std::vector<ThreadCounters> threads) {
        answer(to, 200, metrics_text(thread_.node(), threads), "text/plain; version=0.0.4; charset=utf-8");
      });
}

void Api::broadcast(Exchange to, const http::Request& request, const ServiceIdentity& who) {
  const std::string_view body = json::trimmed(request.body);
  if (const std::string_view wrong = json_.fault(body); !wrong.empty()) {
    return refuse(to, {Code::BAD_REQUEST, "the body is no valid JSON: " + std::string(wrong)});
  }
  if (json::kind_of(body) != json::Kind::array) {
    auto publication = publication_of(body);
    if (!publication) return refuse(to, publication.error());
    return thread_.shard().publish(std::move(*publication), &who, [this, to = std::move(to)](shard::PublishAnswer done) {
      if (done.fault) return refuse(to, *done.fault);
      answer(to, done.queued ? 202 : 200, shard::publish_answer_json(done));
    });
  }
  std::vector<std::string_view> items;
  json::Walker walk(body);
  while (walk.next()) items.push_back(walk.value);
  const std::size_t most = thread_.shard().settings().limits.broadcast_items_max;
  if (items.size() > most) return refuse(to, {Code::BAD_REQUEST, "an array has at most " + std::to_string(most) + " publications (limits.broadcast_items_max)"});
  struct Batch {
    Exchange to;
    std::vector<std::string> answers;
    std::size_t missing;
  };
  auto batch = std::make_shared<Batch>(Batch{std::move(to), std::vector<std::string>(items.size()), items.size()});
  auto done_one = [this, batch](std::size_t index, std::string text) {
    batch->answers[index] = std::move(text);
    if (--batch->missing != 0) return;
    std::string all = "[";
    for (const std::string& a : batch->answers) {
      if (all.size() > 1) all += ',';
      all += a;
    }
    answer(batch->to, 200, all + "]");
  };
  if (items.empty()) return answer(batch->to, 200, "[]");
  for (std::size_t i = 0; i < items.size(); ++i) {
    auto publication = publication_of(items[i]);
    if (!publication) {
      done_one(i, error_object(publication.error()));
      continue;
    }
    thread_.shard().publish(std::move(*publication), &who, [done_one, i](shard::PublishAnswer done) {
      done_one(i, done.fault ? error_object(*done.fault) : shard::publish_answer_json(done));
    });
  }
}

void Api::connections(Exchange to, const http::Request& request, const ServiceIdentity& who) {
  const std::string tenant = !who.tenant_id.empty() ? who.tenant_id : http::query_value(request.query, "tenantId").value_or("");
  const std::string user = http::query_value(request.query, "userId").value_or("");
  const std::size_t limit = limit_of(request.query, thread_.shard().settings().limits.listing_entries_max);
  using Texts = std::pair<std::size_t, std::vector<std::string>>;
  thread_.node().gather<Texts>(
      thread_,
      [tenant, user, limit](IoThread& there) {
        Texts out;
        there.shard().for_each_client([&](const shard::ClientInfo& client) {
          if ((!tenant.empty() && client.tenant_id != tenant) || (!user.empty() && client.user_id != user)) return;
          if (out.first++ < limit) out.second.push_back(client_json(client));
        });
        return out;
      },
      [this, to = std::move(to), limit](std::vector<Texts> parts) {
        std::size_t total = 0, shown = 0;
        std::string body = "{\"connections\":[";
        for (const Texts& part : parts) {
          total += part.first;
          for (const std::string& text : part.second) {
            if (shown == limit) break;
            if (shown++ != 0) body += ',';
            body += text;
          }
        }
        answer(to, 200, body + "],\"total\":" + std::to_string(total) + "}");
      });
}

void Api::rooms(Exchange to, const http::Request& request, const ServiceIdentity& who) {
  const std::string tenant = !who.tenant_id.empty() ? who.tenant_id : http::query_value(request.query, "tenantId").value_or("");
  const std::string ns = http::query_value(request.query, "namespace").value_or("");
  const std::size_t limit = limit_of(request.query, thread_.shard().settings().limits.listing_entries_max);
  using Sizes = std::map<std::string, std::size_t>;  // "namespace\0tenant\0room"
  const bool all_tenants = tenant.empty();
  thread_.node().gather<Sizes>(
      thread_,
      [tenant, ns, all_tenants](IoThread& there) {
        Sizes out;
        there.shard().for_each_room([&](const shard::Shard::RoomInfo& room) {
          if ((!all_tenants && room.tenant != tenant) || (!ns.empty() && room.ns != ns)) return;
          out[std::string(room.ns) + '\0' + std::string(room.tenant) + '\0' + std::string(room.name)] += room.members;
        });
        return out;
      },
      [this, to = std::move(to), limit](std::vector<Sizes> parts) {
        Sizes all;
        for (const Sizes& part : parts) {
          for (const auto& [name, members] : part) all[name] += members;
        }
        std::size_t shown = 0;
        std::string body = "{\"rooms\":[";
        for (const auto& [key, members] : all) {
          if (shown++ == limit) break;
          const std::size_t a = key.find('\0'), b = key.find('\0', a + 1);
          if (shown != 1) body += ',';
          body += "{\"namespace\":" + json_string(key.substr(0, a)) + ",\"tenantId\":" + json_string(key.substr(a + 1, b - a - 1)) +
                  ",\"room\":" + json_string(key.substr(b + 1)) + ",\"members\":" + std::to_string(members) + "}";
        }
        answer(to, 200, body + "],\"total\":" + std::to_string(all.size()) + "}");
      });
}

void Api::presence(Exchange to, const http::Request& request, const ServiceIdentity& who) {
  const auto ns_name = http::query_value(request.query, "namespace"), room = http::query_value(request.query, "room");
  std::string tenant = !who.tenant_id.empty() ? who.tenant_id : http::query_value(request.query, "tenantId").value_or("");
  if (!ns_name || !room || tenant.empty()) return refuse(to, {Code::BAD_REQUEST, "\"namespace\", \"room\" and \"tenantId\" are needed in the query"});
  const auto ns = thread_.shard().settings().find_namespace(*ns_name);
  if (!ns) return refuse(to, shard::unknown_namespace(thread_.shard().settings(), *ns_name));
  auto parsed = protocol::parse_room(*room, thread_.shard().settings().limits.room_name_bytes_max);
  if (!parsed) return refuse(to, parsed.error());
  if (!parsed->tenant.empty() && parsed->tenant != tenant) return refuse(to, {Code::BAD_REQUEST, "\"room\" and \"tenantId\" name two tenants"});
  static_cast<shard::Host&>(thread_).presence({*ns, tenant}, std::move(parsed->name), [this, to = std::move(to)](std::vector<shard::PresenceEntry> users) {
    std::string body = "{\"users\":[";
    for (const shard::PresenceEntry& user : users) {
      if (body.back() != '[') body += ',';
      body += "{\"userId\":" + json_string(user.user_id) + ",\"connections\":" + std::to_string(user.connections) + ",\"since\":\"";
      append_iso_time(body, user.since_ms);
      body += "\"}";
    }
    answer(to, 200, body + "]}");
  });
}

void Api::history(Exchange to, const http::Request& request, const ServiceIdentity& who) {
  const auto ns_name = http::query_value(request.query, "namespace");
  std::string tenant = !who.tenant_id.empty() ? who.tenant_id : http::query_value(request.query, "tenantId").value_or("");
  if (!ns_name || tenant.empty()) return refuse(to, {Code::BAD_REQUEST, "\"namespace\" and \"tenantId\" are needed in the query"});
  const shard::Settings& settings = thread_.shard().settings();
  const auto ns = settings.find_namespace(*ns_name);
  if (!ns) return refuse(to, shard::unknown_namespace(settings, *ns_name));
  std::optional<Position> since;
  if (const auto epoch = http::query_value(request.query, "epoch")) {
    since = Position{*epoch, 0};
    if (const auto offset = http::query_value(request.query, "offset")) {
      const auto read = std::from_chars(offset->data(), offset->data() + offset->size(), since->offset);
      if (read.ec != std::errc{} || read.ptr != offset->data() + offset->size()) return refuse(to, {Code::BAD_REQUEST, "\"offset\" must be an integer, 0 or more"});
    }
  }
  broker::ReadLimits limits{limit_of(request.query, settings.limits.history_events_max), settings.limits.history_bytes_max};
  thread_.shard().read_stream({*ns, tenant}, since, limits, [this, to = std::move(to), name = *ns_name](broker::HistoryPart part) {
    if (part.reach == broker::HistoryPart::Reach::unavailable) return refuse(to, {Code::UNAVAILABLE, "history cannot be read at present", 1000});
    std::string body = "{\"events\":[";
    for (const PublicationPtr& publication : part.entries) {
      if (body.back() != '[') body += ',';
      protocol::native::append_event_with_base64(body, name, publication->rooms.front(), *publication);
    }
    body += "],\"position\":{\"epoch\":" + json_string(part.next.epoch) + ",\"offset\":" + std::to_string(part.next.offset) + "},\"complete\":";
    body += part.complete ? "true" : "false";
    body += part.reach == broker::HistoryPart::Reach::reached ? ",\"recovered\":true}" : ",\"recovered\":false}";
    answer(to, 200, body);
  });
}

void Api::disconnect(Exchange to, const http::Request& request, const ServiceIdentity& who) {
  const std::string_view body = json::trimmed(request.body);
  if (!json_.fault(body).empty() || json::kind_of(body) != json::Kind::object) return refuse(to, {Code::BAD_REQUEST, "the body must be a JSON object"});
  std::string connection, user, tenant, token;
  const std::pair<std::string_view, std::string*> fields[] = {{"connectionId", &connection}, {"userId", &user}, {"tenantId", &tenant}, {"token", &token}};
  for (const auto& [name, into] : fields) {  // one that is misread would leave a wider match
    const std::string_view value = json::find(body, name);
    if (!value.empty() && (!json::read_string(value, *into) || into->empty())) {
      return refuse(to, {Code::BAD_REQUEST, "\"" + std::string(name) + "\" must be a string that is not empty"});
    }
  }
  if (connection.empty() && user.empty() && tenant.empty() && token.empty()) {
    return refuse(to, {Code::BAD_REQUEST, "one of \"connectionId\", \"userId\", \"tenantId\" or \"token\" is needed"});
  }
  if (!who.tenant_id.empty()) {
    if (!tenant.empty() && tenant != who.tenant_id) return refuse(to, {Code::FORBIDDEN, "this key disconnects connections of its own tenant alone"});
    tenant = who.tenant_id;
  }
  using Match = shard::Shard::Match;
  std::function<std::size_t(IoThread&)> ask;
  if (!token.empty()) {
    if (!who.tenant_id.empty()) return refuse(to, {Code::FORBIDDEN, "a token is revoked by keys without a tenant"});
    thread_.node().revoke(token, thread_.now());
    ask = [](IoThread& there) { return there.shard().close_revoked(); };
  } else {
    const Match match = !connection.empty() ? Match::connection : !user.empty() ? Match::user : Match::tenant;
    const std::string id = !connection.empty() ? connection : !user.empty() ? user : tenant;
    ask = [match, id, tenant](IoThread& there) { return there.shard().disconnect(match, id, tenant, Code::FORBIDDEN, "disconnected by an operator"); };
  }
  thread_.node().gather<std::size_t>(thread_, std::move(ask), [this, to = std::move(to)](std::vector<std::size_t> counts) {
    std::size_t total = 0;
    for (const std::size_t n : counts) total += n;
    answer(to, 200, "{\"disconnected\":" + std::to_string(total) + "}");
  });
}

void Api::rollout(const Exchange& to) {
  std::string body = "{\"namespaces\":{";
  for (const auto& ns : thread_.shard().settings().namespaces) {
    if (body.back() != '{') body += ',';
    body += json_string(ns.name) + ":\"unified\"";
  }
  answer(to, 200, body + "}}");
}

}  // namespace sparc::server
