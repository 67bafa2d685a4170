#pragma once
// What one shard counts. Written by its thread, read by whoever makes the metrics.

#include <array>
#include <vector>

#include "base/counter.h"
#include "base/limits.h"

namespace sparc::shard {

struct NamespaceCounters {
  Counter connections;   // joined now
  Counter publications;  // taken in
  Counter deliveries;    // frames handed to sockets or lanes
  Counter client_events;
  Counter gap_events;  // publications announced as lost
  Counter volatile_dropped;
  Counter replayed;   // events sent from history
  Counter catch_ups;  // lanes that fell back to history
};

struct Counters {
  Counter connections;  // open now
  Counter sessions;     // authenticated now
  Counter opened, closed;
  Counter handshakes_refused;             // by an admission limit
  Counter handshake_addresses_forgotten;  // times that all were
  Counter bytes_in, bytes_out;
  Counter messages_in;
  Counter direct_events;  // sent to connections where nothing waited
  Counter lane_events;    // handed to lanes
  Counter sends, sends_short;
  Counter auth_failures;
  Counter rate_limited;
  Counter slow_consumers;
  Counter protocol_errors;
  Counter evicted_rooms;
  Counter provisional;   // publications delivered while the broker was away
  Counter outage_queue;  // waiting for the broker now
  Counter outbox_bytes;  // waiting for sockets now, shared frames counted once
  Counter shed;          // lanes given up for the node's outbox budget
  Counter missed;        // publications lost on the way between shards
  Counter hooks_dropped;
  Counter asked;             // clients that services asked
  Counter asked_unanswered;  // of those, have not answered yet
  Counter ask_timeouts;      // did not answer in time
  Counter late_answers;      // of clients that were not asked, or not in time
  Counter timeouts;          // connections closed for silence
  Counter engine_sessions;   // Engine.IO sessions open now
  Counter socketio_sockets;  // Socket.IO sockets (namespaces of such sessions) open now
  Counter ignored_messages;  // of older clients: types and events that their view ignores
  Counter binary_left_out;   // publications with attachments that a wire cannot show
  Counter kept_expired;      // connections of old clients that outlived their token
  Histogram<20, 50>
      lag_us;  // from the acceptance of a publication to the end of the turn in which its fan-out on this shard ended
  std::array<Counter, 16> errors_by_code;
  std::vector<NamespaceCounters> namespaces;

  explicit Counters(std::size_t namespaces_count) : namespaces(namespaces_count) {}
};

}  // namespace sparc::shard
