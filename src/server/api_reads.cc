// The calls of the HTTP API that tell how things are: connections, rooms, presence, history.

#include <algorithm>
#include <charconv>

#include "base/json_text.h"
#include "http/target.h"
#include "protocol/native/codec.h"
#include "protocol/room_name.h"
#include "server/api.h"
#include "server/node.h"

namespace sparc::server {

namespace {

std::size_t limit_of(std::string_view query, std::size_t most) {
  const auto text = http::query_value(query, "limit");
  std::size_t limit = most;
  if (text) (void)std::from_chars(text->data(), text->data() + text->size(), limit);
  return std::min(limit == 0 ? most : limit, most);
}

}  // namespace

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
      [this, to = std::move(to), limit](const std::vector<Texts>& parts) {
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
      [this, to = std::move(to), limit](const std::vector<Sizes>& parts) {
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
          body += "{\"namespace\":" + json_string(key.substr(0, a)) +
                  ",\"tenantId\":" + json_string(key.substr(a + 1, b - a - 1)) + ",\"room\":" + json_string(key.substr(b + 1)) +
                  ",\"members\":" + std::to_string(members) + "}";
        }
        answer(to, 200, body + "],\"total\":" + std::to_string(all.size()) + "}");
      });
}

void Api::presence(Exchange to, const http::Request& request, const ServiceIdentity& who) {
  const auto ns_name = http::query_value(request.query, "namespace"), room = http::query_value(request.query, "room");
  std::string tenant = !who.tenant_id.empty() ? who.tenant_id : http::query_value(request.query, "tenantId").value_or("");
  if (!ns_name || !room || tenant.empty())
    return refuse(to, {Code::BAD_REQUEST, "\"namespace\", \"room\" and \"tenantId\" are needed in the query"});
  const auto ns = thread_.shard().settings().find_namespace(*ns_name);
  if (!ns) return refuse(to, shard::unknown_namespace(thread_.shard().settings(), *ns_name));
  auto parsed = protocol::parse_room(*room, thread_.shard().settings().limits.room_name_bytes_max);
  if (!parsed) return refuse(to, parsed.error());
  if (!parsed->tenant.empty() && parsed->tenant != tenant)
    return refuse(to, {Code::BAD_REQUEST, "\"room\" and \"tenantId\" name two tenants"});
  static_cast<shard::Host&>(thread_).presence(
      {*ns, tenant}, std::move(parsed->name), [this, to = std::move(to)](const std::vector<shard::PresenceEntry>& users) {
        std::string body = "{\"users\":[";
        for (const shard::PresenceEntry& user : users) {
          if (body.back() != '[') body += ',';
          body += "{\"userId\":" + json_string(user.user_id) + ",\"connections\":" + std::to_string(user.connections) +
                  ",\"since\":\"";
          append_iso_time(body, user.since_ms);
          body += "\"}";
        }
        answer(to, 200, body + "]}");
      });
}

void Api::history(Exchange to, const http::Request& request, const ServiceIdentity& who) {
  const auto ns_name = http::query_value(request.query, "namespace");
  std::string tenant = !who.tenant_id.empty() ? who.tenant_id : http::query_value(request.query, "tenantId").value_or("");
  if (!ns_name || tenant.empty())
    return refuse(to, {Code::BAD_REQUEST, "\"namespace\" and \"tenantId\" are needed in the query"});
  const shard::Settings& settings = thread_.shard().settings();
  const auto ns = settings.find_namespace(*ns_name);
  if (!ns) return refuse(to, shard::unknown_namespace(settings, *ns_name));
  std::optional<Position> since;
  if (const auto epoch = http::query_value(request.query, "epoch")) {
    since = Position{*epoch, 0};
    if (const auto offset = http::query_value(request.query, "offset")) {
      const auto read = std::from_chars(offset->data(), offset->data() + offset->size(), since->offset);
      if (read.ec != std::errc{} || read.ptr != offset->data() + offset->size())
        return refuse(to, {Code::BAD_REQUEST, "\"offset\" must be an integer, 0 or more"});
    }
  }
  broker::ReadLimits limits{limit_of(request.query, settings.limits.history_events_max), settings.limits.history_bytes_max};
  thread_.shard().read_stream(
      {*ns, tenant}, since, limits, [this, to = std::move(to), name = *ns_name](const broker::HistoryPart& part) {
        if (part.reach == broker::HistoryPart::Reach::unavailable)
          return refuse(to, {Code::UNAVAILABLE, "history cannot be read at present", 1000});
        std::string body = "{\"events\":[";
        for (const PublicationPtr& publication : part.entries) {
          if (body.back() != '[') body += ',';
          protocol::native::append_event_with_base64(body, name, publication->rooms.front(), *publication);
        }
        body += "],\"position\":{\"epoch\":" + json_string(part.next.epoch) + ",\"offset\":" + std::to_string(part.next.offset) +
                "},\"complete\":";
        body += part.complete ? "true" : "false";
        body += part.reach == broker::HistoryPart::Reach::reached ? ",\"recovered\":true}" : ",\"recovered\":false}";
        answer(to, 200, body);
      });
}

}  // namespace sparc::server
