#include "server/api.h"

#include <algorithm>

#include "base/json_text.h"
#include "http/response.h"
#include "protocol/json_scan.h"
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

}  // namespace

std::string client_json(const shard::ClientInfo& client) {
  std::string out = "{\"id\":" + json_string(client.id) + ",\"userId\":" + json_string(client.user_id) +
                    ",\"tenantId\":" + json_string(client.tenant_id);
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

void Api::answer(const Exchange& to, int status, std::string_view body, std::string_view content_type,
                 std::int64_t retry_after_ms, std::string_view allow) {
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
  thread_.shard().respond(to.id, to.number, out, to.keep_alive);
}

void Api::refuse(const Exchange& to, int status, const Fault& fault, std::string_view allow) {
  answer(to, status, error_object(fault), "application/json", fault.retry_after_ms, allow);
}
void Api::refuse(const Exchange& to, const Fault& fault) { refuse(to, status_of(fault.code), fault); }

void Api::handle(ConnectionId id, std::uint64_t exchange, const http::Request& request) {
  Exchange to{id, exchange, request.keep_alive && !thread_.node().draining(), request.method == "HEAD", {}};
  if (const auto origin = request.header("origin")) {
    const auto& allowed = thread_.shard().settings().cors_origins;
    if (std::any_of(allowed.begin(), allowed.end(), [&](const std::string& a) { return a == "*" || a == *origin; }))
      to.origin = *origin;
  }
  const bool get = request.method == "GET" || request.method == "HEAD";
  const std::string_view path = request.path;
  if (path == "/healthz" || path == "/readyz") {
    if (!get) return refuse(to, 405, {Code::BAD_REQUEST, "use GET"}, "GET, HEAD");
    return health(to, path);
  }
  const bool second_address = thread_.node().has_admin_address();
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
  const auto refused = [&](int status, const Fault& fault, const ServiceIdentity& known = {}) {
    audit(to.id, "API request refused", known, fault.message);
    refuse(to, status, fault);
    return std::nullopt;
  };
  if (credential.empty())
    return refused(401, {Code::UNAUTHENTICATED, "an API key is needed: X-API-Key, or Authorization: Bearer"});
  std::optional<ServiceIdentity> who;
  if (const ServiceIdentity* known = thread_.shard().api_keys().find(credential)) {
    who = *known;
  } else if (auth::looks_like_token(credential)) {
    auto verified = thread_.shard().verifier().verify_service(credential, thread_.now());
    if (verified && thread_.shard().is_revoked(*verified))
      return refused(401, {Code::REVOKED, "the token was revoked"}, *verified);
    if (verified) who = std::move(*verified);
  }
  if (!who) {
    return refused(401, {Code::UNAUTHENTICATED, "no known API key, and no service token; users' tokens never open the API"});
  }
  if (!who->may(scope)) return refused(403, {Code::FORBIDDEN, "this key lacks the scope that is needed here"}, *who);
  return who;
}

void Api::audit(ConnectionId id, std::string_view what, const ServiceIdentity& who, std::string_view detail) {
  Identity identity;
  identity.user_id = who.name;
  identity.tenant_id = who.tenant_id;
  static_cast<shard::Host&>(thread_).audit(what, thread_.shard().peer_of(id), identity, detail);
}

void Api::api(Exchange to, const http::Request& request, std::string_view name) {
  struct Route {
    std::string_view name, method;
    Scope scope;
    void (Api::*run)(Exchange, const http::Request&, const ServiceIdentity&);
  };
  static constexpr Route routes[] = {
      {"broadcast", "POST", Scope::publish, &Api::broadcast},
      {"connections", "GET", Scope::read, &Api::connections},
      {"rooms", "GET", Scope::read, &Api::rooms},
      {"presence", "GET", Scope::read, &Api::presence},
      {"history", "GET", Scope::read, &Api::history},
      {"disconnect", "POST", Scope::disconnect, &Api::disconnect},
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
    if (request.method != route.method)
      return refuse(to, 405, {Code::BAD_REQUEST, "use " + std::string(route.method)}, route.method);
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
      [this, to = std::move(to)](const std::vector<ThreadCounters>& threads) {
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
  if (items.size() > most)
    return refuse(
        to, {Code::BAD_REQUEST, "an array has at most " + std::to_string(most) + " publications (limits.broadcast_items_max)"});
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

void Api::disconnect(Exchange to, const http::Request& request, const ServiceIdentity& who) {
  const std::string_view body = json::trimmed(request.body);
  if (!json_.fault(body).empty() || json::kind_of(body) != json::Kind::object)
    return refuse(to, {Code::BAD_REQUEST, "the body must be a JSON object"});
  std::string connection, user, tenant, token;
  const std::pair<std::string_view, std::string*> fields[] = {
      {"connectionId", &connection}, {"userId", &user}, {"tenantId", &tenant}, {"token", &token}};
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
    if (!tenant.empty() && tenant != who.tenant_id)
      return refuse(to, {Code::FORBIDDEN, "this key disconnects connections of its own tenant alone"});
    tenant = who.tenant_id;
  }
  using Match = shard::Shard::Match;
  std::function<std::size_t(IoThread&)> ask;
  std::string whom;
  if (!token.empty()) {
    if (!who.tenant_id.empty()) return refuse(to, {Code::FORBIDDEN, "a token is revoked by keys without a tenant"});
    thread_.node().revoke(token, thread_.now());
    ask = [](IoThread& there) { return there.shard().close_revoked(); };
    whom = "those of a revoked token";
  } else {
    const Match match = !connection.empty() ? Match::connection : !user.empty() ? Match::user : Match::tenant;
    const std::string id = !connection.empty() ? connection : !user.empty() ? user : tenant;
    whom = (match == Match::connection ? "connection " : match == Match::user ? "user " : "tenant ") + id;
    if (match != Match::tenant && !tenant.empty()) whom += " of tenant " + tenant;
    ask = [match, id, tenant](IoThread& there) {
      return there.shard().disconnect(match, id, tenant, Code::FORBIDDEN, "disconnected by an operator");
    };
  }
  audit(to.id, "connections closed", who, whom);
  thread_.node().gather<std::size_t>(thread_, std::move(ask), [this, to = std::move(to)](const std::vector<std::size_t>& counts) {
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
