#include "server/metrics.h"

#include <cstdio>

#include "base/codes.h"
#include "server/node.h"

namespace sparc::server {
namespace {

/// Writes one metric at a time; a shard's or namespace's value is a line.
class Text {
 public:
  void begin(std::string_view name, std::string_view type, std::string_view help) {
    name_ = "sparc_websocket_" + std::string(name);
    out += "# HELP " + name_ + ' ' + std::string(help) + "\n# TYPE " + name_ + ' ' + std::string(type) + '\n';
  }
  void line(std::string_view labels, std::uint64_t value) {
    out += name_;
    if (!labels.empty()) out += '{' + std::string(labels) + '}';
    out += ' ' + std::to_string(value) + '\n';
  }
  std::string out;

 private:
  std::string name_;
};

using shard::Counters;
using shard::NamespaceCounters;

struct ShardMetric {
  const char* name;
  const char* type;
  const char* help;
  Counter Counters::* value;
};

constexpr ShardMetric shard_metrics[] = {
    {"connections", "gauge", "Open connections, HTTP included.", &Counters::connections},
    {"sessions", "gauge", "Connections with an identity.", &Counters::sessions},
    {"connections_opened_total", "counter", "Connections accepted.", &Counters::opened},
    {"connections_closed_total", "counter", "Connections closed.", &Counters::closed},
    {"handshakes_refused_total", "counter", "Connections and upgrades refused by a limit, an origin or their form.",
     &Counters::handshakes_refused},
    {"handshake_addresses_forgotten_total", "counter",
     "Times that counts of handshakes began anew for limits.handshake_addresses_max.", &Counters::handshake_addresses_forgotten},
    {"received_bytes_total", "counter", "Bytes from sockets.", &Counters::bytes_in},
    {"sent_bytes_total", "counter", "Bytes taken by sockets.", &Counters::bytes_out},
    {"received_messages_total", "counter", "WebSocket messages from clients.", &Counters::messages_in},
    {"sends_total", "counter", "Writes to sockets.", &Counters::sends},
    {"sends_short_total", "counter", "Writes that the socket took in part.", &Counters::sends_short},
    {"auth_failures_total", "counter", "Tokens and keys refused.", &Counters::auth_failures},
    {"rate_limited_total", "counter", "Frames refused by a rate.", &Counters::rate_limited},
    {"slow_consumers_total", "counter", "Connections closed because they did not read.", &Counters::slow_consumers},
    {"protocol_errors_total", "counter", "Connections ended by a fault of the peer.", &Counters::protocol_errors},
    {"evicted_rooms_total", "counter", "Rooms taken away from live connections.", &Counters::evicted_rooms},
    {"provisional_total", "counter", "Publications delivered while the broker was away.", &Counters::provisional},
    {"outage_queue", "gauge", "Publications waiting for the broker.", &Counters::outage_queue},
    {"outbox_bytes", "gauge", "Bytes waiting for sockets, shared frames counted once.", &Counters::outbox_bytes},
    {"lanes_shed_total", "counter", "Lanes given up for limits.outbox_node_bytes_max.", &Counters::shed},
    {"missed_total", "counter", "Streams that lost publications between shards.", &Counters::missed},
    {"hooks_dropped_total", "counter", "Hooks not sent to slow services.", &Counters::hooks_dropped},
    {"asked_total", "counter", "Clients that services asked for an answer.", &Counters::asked},
    {"asked_unanswered", "gauge", "Of them, those that have not answered yet.", &Counters::asked_unanswered},
    {"ask_timeouts_total", "counter", "Of them, those that did not answer in time.", &Counters::ask_timeouts},
    {"late_answers_total", "counter", "Answers of clients that were not asked, or not in time.", &Counters::late_answers},
    {"ping_timeouts_total", "counter", "Connections closed for silence.", &Counters::timeouts},
    {"engine_sessions", "gauge", "Engine.IO sessions, over long-polling or WebSocket.", &Counters::engine_sessions},
    {"socketio_sockets", "gauge", "Socket.IO sockets: namespaces of such sessions.", &Counters::socketio_sockets},
    {"ignored_messages_total", "counter", "Messages and events of older clients that their view ignores.",
     &Counters::ignored_messages},
    {"binary_left_out_total", "counter", "Publications with attachments that a raw WebSocket view could not show.",
     &Counters::binary_left_out},
    {"expired_kept_total", "counter", "Connections of old clients that outlived their token.", &Counters::kept_expired},
};

struct NamespaceMetric {
  const char* name;
  const char* type;
  const char* help;
  Counter NamespaceCounters::* value;
};

constexpr NamespaceMetric namespace_metrics[] = {
    {"namespace_connections", "gauge", "Connections that joined the namespace.", &NamespaceCounters::connections},
    {"publications_total", "counter", "Publications taken in.", &NamespaceCounters::publications},
    {"lane_entries_total", "counter", "Publications that went through a connection's lane.", &NamespaceCounters::deliveries},
    {"client_events_total", "counter", "Events from clients.", &NamespaceCounters::client_events},
    {"gap_events_total", "counter", "Publications announced as lost.", &NamespaceCounters::gap_events},
    {"volatile_dropped_total", "counter", "Volatile publications dropped for busy connections.",
     &NamespaceCounters::volatile_dropped},
    {"replayed_total", "counter", "Publications sent from history.", &NamespaceCounters::replayed},
    {"catch_ups_total", "counter", "Lanes that fell back to history.", &NamespaceCounters::catch_ups},
};

void append_lag(Text& text, const Node& node) {
  text.begin("publish_lag_seconds", "histogram",
             "From the acceptance of a publication to the end of the turn in which its fan-out on a shard ended.");
  using Lag = decltype(Counters::lag_us);
  std::uint64_t total = 0, sum = 0;
  std::string name = "sparc_websocket_publish_lag_seconds";
  for (std::size_t bucket = 0; bucket < Lag::buckets; ++bucket) {
    for (const auto& thread : node.threads()) total += thread->shard().counters().lag_us.count(bucket);
    char bound[32] = "+Inf";
    if (bucket + 1 < Lag::buckets) std::snprintf(bound, sizeof bound, "%g", static_cast<double>(Lag::bound(bucket)) / 1e6);
    text.out += name + "_bucket{le=\"" + bound + "\"} " + std::to_string(total) + '\n';
  }
  for (const auto& thread : node.threads()) sum += thread->shard().counters().lag_us.sum();
  char seconds[32];
  std::snprintf(seconds, sizeof seconds, "%.6f", static_cast<double>(sum) / 1e6);
  text.out += name + "_sum " + seconds + '\n' + name + "_count " + std::to_string(total) + '\n';
}

void append_broker(Text& text, const std::vector<ThreadCounters>& threads) {
  auto one = [&](std::string_view name, std::string_view type, std::string_view help, auto&& value) {
    text.begin(name, type, help);
    std::uint64_t sum = 0;
    for (const ThreadCounters& thread : threads) sum += value(thread.broker);
    text.line({}, sum);
  };
  one("streams", "gauge", "Streams kept.", [](const auto& c) { return c.streams.streams; });
  one("stream_bytes", "gauge", "Bytes of all streams.", [](const auto& c) { return c.streams.bytes; });
  one("numbered_total", "counter", "Publications appended to streams.", [](const auto& c) { return c.streams.numbered; });
  one("repeated_total", "counter", "Publications answered from a remembered id.",
      [](const auto& c) { return c.streams.repeated; });
  one("broker_publications_lost_total", "counter",
      "Publications lost in full mailboxes; members recover from history or are told.",
      [](const auto& c) { return c.publications_lost; });
  one("broker_waiting", "gauge", "Messages waiting for full mailboxes.", [](const auto& c) { return c.waiting; });
}

struct ServiceMetric {
  const char* name;
  const char* type;
  const char* help;
  std::uint64_t (*value)(const broker::ServiceRouter::Counters&);
};

constexpr ServiceMetric service_metrics[] = {
    {"service_handlers", "gauge", "Names and patterns that services handle.",
     [](const auto& c) { return std::uint64_t{c.handlers}; }},
    {"service_instances", "gauge", "Connections and handlers of this process that handle events.",
     [](const auto& c) { return std::uint64_t{c.instances}; }},
    {"service_clients", "gauge", "Connections whose instances are remembered.",
     [](const auto& c) { return std::uint64_t{c.connections}; }},
    {"service_in_flight", "gauge", "Client events that services work on.",
     [](const auto& c) { return std::uint64_t{c.in_flight}; }},
    {"service_waiting", "gauge", "Client events that wait for an instance.",
     [](const auto& c) { return std::uint64_t{c.waiting}; }},
    {"service_events_total", "counter", "Client events on their way to services.", [](const auto& c) { return c.accepted; }},
    {"service_unhandled_total", "counter", "Client events that no service handles.", [](const auto& c) { return c.no_handler; }},
    {"service_timeouts_total", "counter", "Client events that a group had not answered in limits.service_deadline_ms.",
     [](const auto& c) { return c.timeouts + c.expired_unstarted; }},
    {"service_queue_full_total", "counter",
     "Client events refused for limits.service_queue_entries_max or service_queue_bytes_max.",
     [](const auto& c) { return c.refused_queue_full; }},
    {"service_handlers_refused_total", "counter",
     "Handlers beyond limits.service_handlers_max, service_node_handlers_max or service_node_patterns_max.",
     [](const auto& c) { return c.handlers_refused; }},
    {"service_clients_forgotten_total", "counter", "Connections forgotten for limits.service_clients_max.",
     [](const auto& c) { return c.connections_forgotten; }},
};

void append_services(Text& text, const broker::ServiceRouter::Counters& counters) {
  for (const ServiceMetric& metric : service_metrics) {
    text.begin(metric.name, metric.type, metric.help);
    text.line({}, metric.value(counters));
  }
}

void append_revocations(Text& text, const Node::Revocations& revocations) {
  text.begin("revoked_tokens", "gauge", "Revoked tokens that are remembered.");
  text.line({}, revocations.kept);
  text.begin("revoked_tokens_forgotten_total", "counter", "Revoked tokens accepted again for limits.revoked_tokens_max.");
  text.line({}, revocations.displaced);
}

}  // namespace

std::string metrics_text(const Node& node, const std::vector<ThreadCounters>& threads) {
  Text text;
  for (const ShardMetric& metric : shard_metrics) {
    text.begin(metric.name, metric.type, metric.help);
    for (const auto& thread : node.threads()) {
      text.line("shard=\"" + std::to_string(thread->index()) + "\"", (thread->shard().counters().*metric.value).get());
    }
  }
  text.begin("delivered_total", "counter", "Events sent to clients, at once or through their lanes.");
  for (const auto& thread : node.threads()) {
    const Counters& counters = thread->shard().counters();
    text.line("shard=\"" + std::to_string(thread->index()) + "\"", counters.direct_events.get() + counters.lane_events.get());
  }
  const auto settings = node.settings();
  for (const NamespaceMetric& metric : namespace_metrics) {
    text.begin(metric.name, metric.type, metric.help);
    for (std::size_t ns = 0; ns < settings->namespaces.size(); ++ns) {
      std::uint64_t sum = 0;
      for (const auto& thread : node.threads()) sum += (thread->shard().counters().namespaces[ns].*metric.value).get();
      text.line("namespace=\"" + settings->namespaces[ns].name + "\"", sum);
    }
  }
  text.begin("errors_total", "counter", "Errors sent to clients.");
  for (std::size_t code = 0; code < 16 && code <= static_cast<std::size_t>(Code::INTERNAL); ++code) {
    std::uint64_t sum = 0;
    for (const auto& thread : node.threads()) sum += thread->shard().counters().errors_by_code[code].get();
    text.line("code=\"" + std::string(name_of(static_cast<Code>(code))) + "\"", sum);
  }
  append_lag(text, node);
  if (!threads.empty()) append_broker(text, threads);
  for (const ThreadCounters& thread : threads) {
    if (thread.services) append_services(text, *thread.services);
  }
  append_revocations(text, node.revocations());
  text.begin("asks_refused_total", "counter", "Asks refused for limits.ask_clients_max or asked_clients_max.");
  text.line({}, node.asks_refused());
  return std::move(text.out);
}

std::vector<std::pair<std::string, std::string>> namespace_digests(const shard::Settings& settings) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const shard::NamespaceSettings& ns : settings.namespaces) {
    std::string text = ns.name + (ns.history ? "|h" : "|-") + '|' + std::to_string(static_cast<int>(ns.room_strategy));
    for (const auto& topic : ns.vocabulary.topics) {
      text += "|t" + topic.name;
      for (const auto& pattern : topic.patterns) text += ',' + pattern;
    }
    for (const auto& field : ns.vocabulary.fields) {
      text += "|f" + field.name;
      for (const auto& path : field.paths) text += ',' + path;
    }
    for (const auto& rule : ns.events) {
      text += "|e" + rule.pattern + (rule.latest ? "l" : "") + (rule.is_volatile ? "v" : "") +
              (rule.history && !*rule.history ? "n" : "");
    }
    std::uint64_t hash = 14'695'981'039'346'656'037ULL;  // FNV-1a: the same on every node and build
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1'099'511'628'211ULL;
    char digits[24];
    std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(hash));
    out.emplace_back(ns.name, digits);
  }
  return out;
}

}  // namespace sparc::server
