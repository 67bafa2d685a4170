#pragma once
// Every bound of the server that a peer or an operator can meet, with its unit and default. Configuration keys are `limits.<name>`
// (docs/configuration.md); a limit that is 0 is off only where it says so.

#include <cstddef>
#include <cstdint>

#include "base/token_bucket.h"

namespace sparc {

struct Limits {
  // HTTP
  std::size_t http_head_bytes_max = 16 * 1024;     // else 431
  std::size_t http_headers_max = 100;              // fields of one request, else 431
  std::uint32_t http_request_ms = 10'000;          // head and body within this, else 408
  std::size_t http_pipeline_requests_max = 32;     // unanswered; then reading pauses
  std::size_t http_answer_bytes_max = 256 * 1024;  // of unsent answers; then reading pauses
  std::uint32_t http_idle_ms = 60'000;             // keep-alive without a request

  // WebSocket
  std::size_t message_bytes_max = 1'048'576;  // one message after decompression (WEBSOCKET_MAX_PAYLOAD_SIZE), else 1009
  std::size_t message_fragments_max = 1'024;  // WebSocket frames of one message
  std::size_t message_frames_max = 256;       // protocol frames of one message: the length of its array
  std::uint32_t auth_ms = 10'000;             // from the upgrade to the `auth` frame
  std::uint32_t close_ms = 5'000;             // from our close frame to the peer's

  // tokens
  std::size_t token_bytes_max = 8'192;           // of one; a longer one is UNAUTHENTICATED
  std::size_t token_cache_entries_max = 10'000;  // identities of checked tokens that one thread remembers; 0: none
  std::size_t revoked_tokens_max = 100'000;      // of a node; above it the one that expires soonest is forgotten

  // what one connection may hold
  std::size_t connection_namespaces_max = 16;
  std::size_t connection_rooms_max = 256;         // beside identity rooms, over all namespaces
  std::size_t connection_filters_max = 16;        // per namespace
  std::size_t filter_values_max = 64;             // per field
  std::size_t tenant_filters_max = 1'000;         // distinct filters of one tenant on one shard
  std::size_t connection_topics_max = 64;         // per namespace
  std::size_t connection_parked_frames_max = 64;  // waiting for an answer about an earlier one
  std::size_t connection_parked_bytes_max = 262'144;
  std::size_t connection_requests_max = 256;  // client frames with an id that are not answered yet
  std::size_t room_name_bytes_max = 256;
  std::size_t event_name_bytes_max = 256;

  // how many connections
  std::size_t connections_max = 0;                // of a node; 0: as many as descriptors allow
  std::size_t engine_sessions_max = 100'000;      // Engine.IO sessions of a shard, with a socket or without
  std::size_t tenant_connections_max = 0;         // 0: unlimited
  Rate address_handshakes{100, 1'000};            // per source address; loopback and trusted proxies exempt
  std::size_t handshake_addresses_max = 100'000;  // source addresses that one thread counts for; above it it counts anew
  Rate node_handshakes{0, 0};                     // 0 points: unlimited

  // rates of client frames (event, subscribe, presence, history)
  Rate connection_messages{200, 1'000};
  Rate user_messages{0, 0};                 // over all connections of a user; 0 points: unlimited
  Rate tenant_messages{0, 0};               // over all connections of a tenant; 0 points: unlimited
  std::uint32_t rate_violations_max = 100;  // refused in a row before RATE_LIMITED closes; 0: never

  // outgoing
  std::size_t control_lane_bytes_max = 262'144;     // over it the connection is closed (SLOW_CONSUMER)
  std::size_t lane_bytes_max = 1'048'576;           // per namespace lane, unless the namespace says otherwise
  std::size_t outbox_node_bytes_max = 268'435'456;  // of all outboxes of a node, shared frames counted once
  std::size_t fanout_slice_sends = 256;             // sends of one turn before a fan-out pauses

  // streams
  std::size_t stream_entries_max = 10'000;
  std::size_t stream_bytes_max = 16'777'216;
  std::uint64_t stream_ttl_ms = 86'400'000;
  std::uint64_t stream_meta_ttl_ms = 2'592'000'000;  // 30 days
  std::size_t streams_node_bytes_max = 536'870'912;  // all streams of a node; the largest loses its oldest
  std::size_t latest_values_max = 1'000;             // per tenant and namespace
  std::uint64_t latest_ttl_ms = 86'400'000;
  std::size_t publication_ids_max = 100'000;  // remembered per stream
  std::uint32_t publication_id_ttl_ms = 120'000;
  std::size_t publication_rooms_max = 100;
  std::size_t broadcast_items_max = 1'000;  // of one POST /api/v1/broadcast
  std::size_t history_events_max = 1'000;   // of one `history` reply
  std::size_t history_bytes_max = 262'144;
  std::uint64_t snapshot_bytes_max = 4'294'967'296;  // of `snapshot_file`; a larger one is not read
  std::size_t directory_ids_max = 1'000'000;         // user and organization ids with their tenant
  std::size_t recovery_records_max = 1'000'000;      // Socket.IO clients that are connected or may come back
  std::uint64_t directory_ttl_ms = 86'400'000;
  std::size_t outage_queue_entries_max = 10'000;  // publications waiting for the broker
  std::size_t outage_queue_bytes_max = 67'108'864;

  // services
  std::size_t service_in_flight_max = 256;  // of one instance
  std::uint32_t service_deadline_ms = 5'000;
  std::uint32_t service_group_grace_ms = 10'000;     // a group whose last instance went keeps its place
  std::size_t service_queue_entries_max = 10'000;    // events waiting for an instance, per group
  std::size_t service_queue_bytes_max = 67'108'864;  // the same in bytes
  std::size_t service_lane_bytes_max = 8'388'608;    // of one service connection's invoke lane
  std::size_t service_handlers_max = 1'024;          // names and patterns that one instance handles
  std::size_t service_node_handlers_max = 16'384;    // distinct (group, tenant, name or pattern) of a node
  std::size_t service_node_patterns_max = 1'024;     // of them with a `*`: each event is compared with all
  std::size_t service_clients_max = 1'048'576;       // connections whose instances are remembered; the longest idle is forgotten

  // asks: events of services that clients answer
  std::size_t ask_clients_max = 1'000;             // that one ask may reach
  std::size_t asked_clients_max = 100'000;         // of a node, that have not answered yet
  std::size_t service_asked_clients_max = 25'000;  // of them those that one service asked
  std::size_t connection_asked_max = 64;           // questions that one client has not answered yet
  std::size_t ask_answer_bytes_max = 524'288;      // of all answers to one ask: with who gave them they stay below 1 MiB
  std::size_t asks_node_bytes_max = 67'108'864;    // of all answers that wait for others
  std::uint32_t ask_ms = 5'000;                    // for the answer, where the ask does not say
  std::uint32_t ask_ms_max = 60'000;               // that an ask may say

  // HTTP API
  std::size_t listing_entries_max = 10'000;  // of one answer of `connections` or `rooms`

  // threads
  std::size_t mailbox_items_max = 65'536;
};

}  // namespace sparc
