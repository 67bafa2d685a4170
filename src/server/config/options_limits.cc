// The rows of base/limits.h. A test compares them with that file, so that no limit is without a key.

#include "server/config/options.h"

namespace sparc::config {
namespace {

template <auto Member>
Field limit(const char* name, std::string_view help) {
  return field<&Config::limits, Member>(std::string("limits.") + name, help);
}

}  // namespace

Fields limits() {
  return {
      limit<&Limits::http_head_bytes_max>("http_head_bytes_max", "Request line and headers; above it 431.")
          .in("bytes")
          .at_least(1),
      limit<&Limits::http_headers_max>("http_headers_max", "Header fields of a request; above it 431.").at_least(1),
      limit<&Limits::http_request_ms>("http_request_ms", "A request's head and body must be there within this, else 408.")
          .in("milliseconds")
          .at_least(1),
      limit<&Limits::http_pipeline_requests_max>("http_pipeline_requests_max",
                                                 "Unanswered requests of a connection; then reading pauses.")
          .at_least(1),
      limit<&Limits::http_answer_bytes_max>("http_answer_bytes_max",
                                            "Answers of a connection that it has not read; then reading pauses.")
          .in("bytes")
          .at_least(1),
      limit<&Limits::http_idle_ms>("http_idle_ms", "How long a kept-alive connection may be without a request.")
          .in("milliseconds")
          .at_least(1),
      limit<&Limits::message_bytes_max>("message_bytes_max",
                                        "One message after decompression, and a request's body; above it 1009, or 413.")
          .in("bytes")
          .at_least(1)
          .variable("WEBSOCKET_MAX_PAYLOAD_SIZE"),
      limit<&Limits::message_fragments_max>("message_fragments_max", "WebSocket frames of one message.").at_least(1),
      limit<&Limits::message_frames_max>("message_frames_max", "Protocol frames of one message, where it is an array.")
          .at_least(1),
      limit<&Limits::auth_ms>("auth_ms", "From the upgrade to the `auth` frame.").in("milliseconds").at_least(1),
      limit<&Limits::close_ms>("close_ms", "From our close frame to the peer's.").in("milliseconds").at_least(1),
      limit<&Limits::token_bytes_max>("token_bytes_max", "A token; a longer one is `UNAUTHENTICATED`.")
          .in("bytes")
          .between(256, 16'384),
      limit<&Limits::token_cache_entries_max>("token_cache_entries_max",
                                              "Identities of public-key tokens that one thread remembers; 0: none."),
      limit<&Limits::revoked_tokens_max>("revoked_tokens_max",
                                         "Revoked tokens of a node; above it the one that expires soonest is accepted again.")
          .at_least(1),
      limit<&Limits::connection_namespaces_max>("connection_namespaces_max", "Namespaces that one connection may join.")
          .at_least(1),
      limit<&Limits::connection_rooms_max>("connection_rooms_max",
                                           "Rooms of one connection over all namespaces, beside its identity rooms.")
          .at_least(1),
      limit<&Limits::connection_filters_max>("connection_filters_max", "Filters of one connection in a namespace.").at_least(1),
      limit<&Limits::filter_values_max>("filter_values_max", "Values of one field of a filter.").at_least(1),
      limit<&Limits::tenant_filters_max>("tenant_filters_max", "Distinct filters of one tenant on one thread.").at_least(1),
      limit<&Limits::connection_topics_max>("connection_topics_max", "Topics of one connection in a namespace.").at_least(1),
      limit<&Limits::connection_parked_frames_max>("connection_parked_frames_max",
                                                   "Frames of one connection that wait for the answer about an earlier one.")
          .at_least(1),
      limit<&Limits::connection_parked_bytes_max>("connection_parked_bytes_max", "The same in bytes.").in("bytes").at_least(1),
      limit<&Limits::connection_requests_max>("connection_requests_max", "Client frames with an `id` that are not answered yet.")
          .at_least(1),
      limit<&Limits::room_name_bytes_max>("room_name_bytes_max", "A room's name.").in("bytes").at_least(1),
      limit<&Limits::event_name_bytes_max>("event_name_bytes_max", "An event's name.").in("bytes").at_least(1),
      limit<&Limits::connections_max>("connections_max", "Connections of a node; 0: as many as descriptors allow."),
      limit<&Limits::engine_sessions_max>("engine_sessions_max", "Engine.IO sessions of one shard.").between(0, 16'777'216),
      limit<&Limits::tenant_connections_max>("tenant_connections_max", "Connections of a tenant; 0: unlimited."),
      limit<&Limits::address_handshakes>("address_handshakes",
                                         "Handshakes per source address; loopback and `trusted_proxies` are exempt."),
      limit<&Limits::handshake_addresses_max>("handshake_addresses_max",
                                              "Source addresses that one thread counts handshakes of; above it it counts anew.")
          .at_least(1),
      limit<&Limits::node_handshakes>("node_handshakes", "Handshakes of a node."),
      limit<&Limits::connection_messages>("connection_messages", "Client frames of one connection."),
      limit<&Limits::user_messages>("user_messages", "Client frames of all connections of a user."),
      limit<&Limits::tenant_messages>("tenant_messages", "Client frames of all connections of a tenant."),
      limit<&Limits::rate_violations_max>("rate_violations_max",
                                          "Frames refused in a row before the connection is closed; 0: never."),
      limit<&Limits::control_lane_bytes_max>(
          "control_lane_bytes_max", "Replies and the like that wait for one connection; above it the connection is closed.")
          .in("bytes")
          .at_least(1),
      limit<&Limits::lane_bytes_max>("lane_bytes_max",
                                     "Events of a namespace that wait for one connection, unless the namespace says otherwise.")
          .in("bytes")
          .at_least(1),
      limit<&Limits::outbox_node_bytes_max>("outbox_node_bytes_max",
                                            "All that waits for connections of a node, shared frames counted once.")
          .in("bytes")
          .at_least(1),
      limit<&Limits::fanout_slice_sends>("fanout_slice_sends", "Sends of one turn before a fan-out lets others go first.")
          .at_least(1),
      limit<&Limits::stream_entries_max>("stream_entries_max", "Events that a stream keeps.").at_least(1),
      limit<&Limits::stream_bytes_max>("stream_bytes_max", "The same in bytes.").in("bytes").at_least(1),
      limit<&Limits::stream_ttl_ms>("stream_ttl_ms", "How long a stream keeps an event.").in("milliseconds").at_least(1),
      limit<&Limits::stream_meta_ttl_ms>("stream_meta_ttl_ms", "How long a stream without events keeps its epoch.")
          .in("milliseconds")
          .at_least(1),
      limit<&Limits::streams_node_bytes_max>("streams_node_bytes_max",
                                             "All streams of a node; above it the largest loses its oldest events.")
          .in("bytes")
          .at_least(1),
      limit<&Limits::latest_values_max>("latest_values_max", "Latest values per tenant and namespace.").at_least(1),
      limit<&Limits::latest_ttl_ms>("latest_ttl_ms", "How long a latest value is kept.").in("milliseconds").at_least(1),
      limit<&Limits::publication_ids_max>("publication_ids_max", "Publication ids that a stream remembers.").at_least(1),
      limit<&Limits::publication_id_ttl_ms>("publication_id_ttl_ms", "How long it remembers them.")
          .in("milliseconds")
          .at_least(1),
      limit<&Limits::publication_rooms_max>("publication_rooms_max", "Rooms of one publication.").at_least(1),
      limit<&Limits::broadcast_items_max>("broadcast_items_max", "Publications of one `POST /api/v1/broadcast`.").at_least(1),
      limit<&Limits::history_events_max>("history_events_max", "Events of one `history` reply.").at_least(1),
      limit<&Limits::history_bytes_max>("history_bytes_max", "The same in bytes.").in("bytes").at_least(1),
      limit<&Limits::recovery_records_max>("recovery_records_max",
                                           "Socket.IO clients of a node that are connected or may come back and recover."),
      limit<&Limits::snapshot_bytes_max>("snapshot_bytes_max", "`snapshot_file`; a larger one is refused at the start.")
          .in("bytes")
          .at_least(1),
      limit<&Limits::directory_ids_max>("directory_ids_max", "Users and organizations whose tenant is remembered.").at_least(1),
      limit<&Limits::directory_ttl_ms>("directory_ttl_ms", "How long after they left.").in("milliseconds").at_least(1),
      limit<&Limits::outage_queue_entries_max>("outage_queue_entries_max", "Publications that wait for a broker that is away.")
          .at_least(1),
      limit<&Limits::outage_queue_bytes_max>("outage_queue_bytes_max", "The same in bytes.").in("bytes").at_least(1),
      limit<&Limits::service_in_flight_max>("service_in_flight_max", "Events that one instance of a service works on.")
          .at_least(1),
      limit<&Limits::service_deadline_ms>("service_deadline_ms", "How long a client event waits for its reply.")
          .in("milliseconds")
          .at_least(1),
      limit<&Limits::service_group_grace_ms>("service_group_grace_ms",
                                             "How long a group keeps its place after its last instance went.")
          .in("milliseconds")
          .at_least(1),
      limit<&Limits::service_queue_entries_max>("service_queue_entries_max",
                                                "Client events that wait for an instance, per group.")
          .at_least(1),
      limit<&Limits::service_queue_bytes_max>("service_queue_bytes_max", "The same in bytes.").in("bytes").at_least(1),
      limit<&Limits::service_lane_bytes_max>("service_lane_bytes_max", "What waits for one service connection.")
          .in("bytes")
          .at_least(1),
      limit<&Limits::ask_clients_max>("ask_clients_max", "Clients that one `ask` of a service may reach.").at_least(1),
      limit<&Limits::asked_clients_max>("asked_clients_max", "Clients of a node that were asked and have not answered yet.")
          .at_least(1),
      limit<&Limits::service_asked_clients_max>("service_asked_clients_max", "Of them those that one service asked.").at_least(1),
      limit<&Limits::connection_asked_max>("connection_asked_max", "Questions that one client has not answered yet.").at_least(1),
      limit<&Limits::asks_node_bytes_max>("asks_node_bytes_max", "All answers of a node that wait for those of other clients.")
          .in("bytes")
          .at_least(1),
      limit<&Limits::ask_answer_bytes_max>("ask_answer_bytes_max",
                                           "All answers to one `ask`; one beyond is replaced by an error.")
          .in("bytes")
          .at_least(1),
      limit<&Limits::ask_ms>("ask_ms", "How long an `ask` waits that does not say how long.").in("milliseconds").at_least(1),
      limit<&Limits::ask_ms_max>("ask_ms_max", "How long an `ask` may wait.").in("milliseconds").at_least(1),
      limit<&Limits::service_handlers_max>("service_handlers_max", "Event names and patterns that one instance handles.")
          .at_least(1),
      limit<&Limits::service_node_handlers_max>("service_node_handlers_max",
                                                "Distinct names and patterns of all groups and tenants of a node.")
          .at_least(1),
      limit<&Limits::service_node_patterns_max>("service_node_patterns_max",
                                                "Of them patterns, with which each client event is compared.")
          .at_least(1),
      limit<&Limits::service_clients_max>(
          "service_clients_max", "Connections whose instances are remembered, for order; above it the longest idle is forgotten.")
          .at_least(1),
      limit<&Limits::listing_entries_max>("listing_entries_max",
                                          "Entries of one answer of `/api/v1/connections` and `/api/v1/rooms`.")
          .at_least(1),
      limit<&Limits::mailbox_items_max>("mailbox_items_max", "Items on the way from one thread to another.").at_least(1),
  };
}

}  // namespace sparc::config
