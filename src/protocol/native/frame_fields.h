#pragma once
// The fields of one frame of sparc.v1, as views of its JSON.

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sparc::protocol::native {

// F(name in C++, name on the wire): every field of every frame, sorted by the length of its name on the wire.
// clang-format off: it indents such a list anew at each run
#define SPARC_FIELDS(F)                                                                                          \
  F(id, "id") F(to, "to") F(args, "args") F(code, "code") F(data, "data") F(from, "from") F(hook, "hook")        \
  F(room, "room") F(type, "type") F(count, "count") F(epoch, "epoch") F(error, "error") F(event, "event")        \
  F(group, "group") F(hooks, "hooks") F(limit, "limit") F(rooms, "rooms") F(since, "since") F(token, "token")    \
  F(call_id, "callId") F(client, "client") F(events, "events") F(except, "except") F(offset, "offset")           \
  F(reason, "reason") F(scopes, "scopes") F(topics, "topics") F(user_id, "userId") F(filters, "filters")         \
  F(recover, "recover") F(service, "service") F(after_ms, "afterMs") F(tenant_id, "tenantId") F(ns, "namespace") \
  F(expires_in, "expiresIn") F(retryable, "retryable") F(timestamp, "timestamp") F(timeout_ms, "timeoutMs")      \
  F(deadline_ms, "deadlineMs")                                                                                   \
  F(max_payload, "maxPayload") F(attachments, "attachments") F(ping_timeout, "pingTimeout")                      \
  F(provisional, "provisional") F(connection_id, "connectionId") F(ping_interval, "pingInterval")                \
  F(publication_id, "publicationId") F(reconnect_delay_ms, "reconnectDelayMs")
// clang-format on

enum class Field : std::uint8_t {
#define F(name, wire) name,
  SPARC_FIELDS(F)
#undef F
      count_
};
inline constexpr std::size_t field_count = static_cast<std::size_t>(Field::count_);

[[nodiscard]] std::string_view name_of(Field field);

/// Lifetime: views the frame's text. `object` is a valid JSON object.
class FrameFields {
 public:
  explicit FrameFields(std::string_view object);

  /// The JSON of a field; empty where it is absent.
  [[nodiscard]] std::string_view operator[](Field field) const { return raw_[static_cast<std::size_t>(field)]; }
  /// The first field that was there a second time.
  [[nodiscard]] std::optional<Field> twice() const { return twice_; }

 private:
  std::array<std::string_view, field_count> raw_{};
  std::optional<Field> twice_;
};

}  // namespace sparc::protocol::native
