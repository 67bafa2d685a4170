#include "protocol/rawws/rawws.h"

#include <algorithm>
#include <utility>

#include "base/json_text.h"
#include "protocol/json_checker.h"
#include "protocol/json_scan.h"
#include "protocol/scalar.h"

namespace sparc::protocol::rawws {
namespace {

std::unexpected<Fault> refused(std::string message) { return std::unexpected(Fault{Code::BAD_REQUEST, std::move(message)}); }

/// What is null counts as absent.
bool absent(std::string_view raw) { return raw.empty() || raw == "null"; }

std::expected<std::vector<std::string>, Fault> read_channels(std::string_view raw) {
  std::vector<std::string> out;
  if (absent(raw)) return out;
  if (json::kind_of(raw) != json::Kind::array) return refused("\"channels\" must be an array of strings");
  json::Walker items(raw);
  while (items.next()) {
    std::string name;
    if (out.size() == list_items_max) return refused("\"channels\" must hold at most " + std::to_string(list_items_max));
    if (!json::read_string(items.value, name)) return refused("\"channels\" must be an array of strings");
    out.push_back(std::move(name));
  }
  return out;
}

/// False where a value is neither string nor number, or there are too many.
bool read_values(std::string_view raw, std::vector<Scalar>& out) {
  const auto add = [&out](std::string_view value) {
    out.push_back(scalar_of(value));
    return !out.back().empty() && out.size() <= list_items_max;
  };
  if (json::kind_of(raw) != json::Kind::array) return add(raw);
  json::Walker items(raw);
  while (items.next()) {
    if (!add(items.value)) return false;
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return true;
}

std::expected<Choice<Filter>, Fault> read_filters(std::string_view raw) {
  constexpr const char* rule = "\"filters\" must be null or an object of fields, each with strings and numbers";
  Choice<Filter> out;
  if (raw.empty()) return out;
  out.kind = Choice<Filter>::Kind::everything;
  if (raw == "null") return out;
  if (json::kind_of(raw) != json::Kind::object) return refused(rule);
  Filter filter;
  json::Walker members(raw);
  while (members.next()) {
    std::string name;
    std::vector<Scalar> values;
    if (filter.fields.size() == list_items_max || !json::read_string(members.key, name)) return refused(rule);
    if (!read_values(members.value, values)) return refused(rule);
    filter.fields.emplace_back(std::move(name), std::move(values));
  }
  std::sort(filter.fields.begin(), filter.fields.end());
  const auto same_name = [](const auto& a, const auto& b) { return a.first == b.first; };
  if (std::adjacent_find(filter.fields.begin(), filter.fields.end(), same_name) != filter.fields.end()) {
    return refused("\"filters\" names a field twice");
  }
  if (filter.fields.empty()) return out;
  out.kind = Choice<Filter>::Kind::list;
  out.items.push_back(std::move(filter));
  return out;
}

/// What the identity calls a channel; empty: it has none of the kind.
std::string name_of(const ViewChannel& channel, const Identity& identity) {
  switch (channel.kind) {
    case ViewChannel::Kind::plain: return channel.name;
    case ViewChannel::Kind::organization:
      return identity.organization_id.empty() ? std::string() : channel.name + identity.organization_id;
    case ViewChannel::Kind::user:
      return identity.anonymous || identity.user_id.empty() ? std::string() : channel.name + identity.user_id;
  }
  return {};
}

template <class Holds>
ChannelSet channels_that(const View& view, Holds holds) {
  ChannelSet set = 0;
  for (std::size_t i = 0; i < view.channels.size() && i < channels_max; ++i) {
    if (holds(view.channels[i])) set |= static_cast<ChannelSet>(1U << i);
  }
  return set;
}

void append_strings(std::string& out, const std::vector<std::string>& items) {
  out.push_back('[');
  for (const std::string& item : items) {
    if (out.back() != '[') out.push_back(',');
    append_json_string(out, item);
  }
  out.push_back(']');
}

}  // namespace

std::expected<Message, Fault> decode(std::string_view text) {
  thread_local JsonChecker checker;
  if (const auto fault = checker.fault(text); !fault.empty()) return refused("invalid JSON: " + std::string(fault));
  const std::string_view message = json::trimmed(text);
  if (json::kind_of(message) != json::Kind::object) return refused("a message must be one JSON object");
  std::string type;
  if (!json::read_string(json::find(message, "type"), type)) return refused("\"type\" must be a string");
  if (type == "ping") return Ping{};
  if (type != "subscribe" && type != "unsubscribe") return Unknown{std::move(type)};
  auto channels = read_channels(json::find(message, "channels"));
  if (!channels) return std::unexpected(std::move(channels.error()));
  if (type == "unsubscribe") return UnsubscribeChannels{std::move(*channels)};
  auto filters = read_filters(json::find(message, "filters"));
  if (!filters) return std::unexpected(std::move(filters.error()));
  return SubscribeChannels{std::move(*channels), std::move(*filters)};
}

ChannelSet granted(const View& view, const Identity& identity, const std::vector<std::string>& names) {
  return channels_that(view, [&](const ViewChannel& channel) {
    const std::string own = name_of(channel, identity);
    return !own.empty() && std::find(names.begin(), names.end(), own) != names.end();
  });
}

ChannelSet initial_channels(const View& view) {
  return channels_that(view, [](const ViewChannel& channel) { return channel.initial; });
}

std::vector<std::string> names_of(const View& view, const Identity& identity, ChannelSet channels) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < view.channels.size() && i < channels_max; ++i) {
    if ((channels & (1U << i)) == 0) continue;
    if (std::string name = name_of(view.channels[i], identity); !name.empty()) out.push_back(std::move(name));
  }
  return out;
}

void append_connection(std::string& out, std::string_view client_id, const std::vector<std::string>& channels) {
  out += R"({"type":"connection","data":{"clientId":)";
  append_json_string(out, client_id);
  out += R"(,"subscriptions":)";
  append_strings(out, channels);
  out += "}}";
}

void append_subscribed(std::string& out, const std::vector<std::string>& channels) {
  out += R"({"type":"subscribed","channels":)";
  append_strings(out, channels);
  out.push_back('}');
}

void append_unsubscribed(std::string& out, const std::vector<std::string>& channels) {
  out += R"({"type":"unsubscribed","channels":)";
  append_strings(out, channels);
  out.push_back('}');
}

void append_pong(std::string& out, std::int64_t now_ms) {
  out += R"({"type":"pong","timestamp":)";
  append_number(out, now_ms);
  out.push_back('}');
}

void append_error(std::string& out, const Fault& fault) {
  out += R"({"type":"error","data":{"code":)";
  append_json_string(out, sparc::name_of(fault.code));
  out += R"(,"message":)";
  append_json_string(out, fault.message);
  if (fault.retry_after_ms > 0) {
    out += R"(,"retryAfterMs":)";
    append_number(out, fault.retry_after_ms);
  }
  out += "}}";
}

void append_event(std::string& out, const Shown& shown) {
  out += R"({"type":)";
  append_json_string(out, shown.name);
  out += R"(,"data":)";
  out += shown.data.empty() ? std::string_view("null") : shown.data;
  out.push_back('}');
}

}  // namespace sparc::protocol::rawws
