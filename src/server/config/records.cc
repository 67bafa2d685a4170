#include "server/config/records.h"

#include <array>

#include "base/identity.h"
#include "server/config/checks.h"
#include "server/config/names.h"

namespace sparc::config {

template <>
Namespace new_entry<Namespace>() {
  return new_namespace();
}

template <>
const Record& record_of<Topic>() {
  static const Record record{
      "topic",
      {
          field<&Topic::name>("name", "What clients name it by.").checked(check_name).identifies().needed(),
          field<&Topic::patterns>("patterns", "Event names, `*` for any run of characters. An empty list takes the topic away.")
              .needed(),
      }};
  return record;
}

template <>
const Record& record_of<FilterField>() {
  static const Record record{
      "field",
      {
          field<&FilterField::name>("name", "What filters name it by.").checked(check_name).identifies().needed(),
          field<&FilterField::paths>("paths",
                                     "Where the payload has it, first present wins: a member name, or a JSON pointer that begins "
                                     "with `/`. An empty list takes the field away.")
              .needed(),
      }};
  return record;
}

template <>
const Record& record_of<EventRule>() {
  static const Record record{
      "event rule",
      {
          field<&EventRule::pattern>("pattern", "Event names that it is about, `*` for any run of characters.")
              .identifies()
              .needed(),
          field<&EventRule::latest>("latest",
                                    "Only the newest event per value of this key matters (paths in the payload, first present "
                                    "wins); such events are not kept in history."),
          field<&EventRule::is_volatile>("volatile", "Dropped for a connection where anything waits; not kept in history."),
          field<&EventRule::ttl_ms>("ttl_ms", "How long it may wait for a connection; 0: as long as it takes.")
              .in("milliseconds"),
          field<&EventRule::history>("history", "`false`: not kept in history, without an offset."),
          field<&EventRule::ownership>("ownership",
                                       "Whether the camera that a client's `cameraId` names must belong to the tenant."),
          field<&EventRule::send_roles>("send_roles", "Roles of clients that may send it; empty: everybody in the namespace."),
      },
      true};
  return record;
}

template <>
const Record& record_of<Namespace>() {
  static const Record record{
      "namespace",
      {
          field<&Namespace::name>("name", "An entry named like a shipped one is merged over it.")
              .checked(check_namespace_name)
              .identifies()
              .needed(),
          field<&Namespace::enabled>("enabled", "`false` leaves a shipped namespace out."),
          field<&Namespace::history>("history", "Whether events are numbered and kept, so that clients can recover."),
          field<&Namespace::priority>("priority", "The higher goes first where a connection is slow."),
          field<&Namespace::lane_policy>(
              "lane.policy", "What a slow connection loses: `automatic` is `catch-up` with history, `drop-oldest` without."),
          field<&Namespace::lane_bytes>("lane.bytes", "What may wait for one connection; 0: `limits.lane_bytes_max`.")
              .in("bytes"),
          field<&Namespace::batch_max_delay_ms>(
              "batch.max_delay_ms", "How long events may wait to leave together; 0: they leave at the end of the loop's turn.")
              .in("milliseconds")
              .at_most(60'000),
          field<&Namespace::rate_limit>("rate_limit_options", "Client frames of one user in this namespace."),
          field<&Namespace::room_strategy>(
              "room_strategy",
              "Which identity rooms a connection enters: `custom` only its `user:` room, the others all of them."),
          field<&Namespace::roles>("roles", "Roles that may join; empty: every authenticated identity."),
          field<&Namespace::outage>("outage", "While the broker is away: `deliver` on this node at once, or `hold`."),
          field<&Namespace::topics>("topics", "Names for groups of events."),
          field<&Namespace::fields>("fields", "What filters may name."),
          field<&Namespace::events>(
              "events",
              "How events travel and who may send them; the first that matches applies, yours before the shipped ones."),
      }};
  return record;
}

template <>
const Record& record_of<RoomRule>() {
  static const Record record{
      "room rule",
      {
          field<&RoomRule::ns>("namespace", "A namespace, or `*`.").identifies(),
          field<&RoomRule::pattern>("pattern", "Room names that it is about, `*` for any run of characters.")
              .checked(check_room)
              .identifies()
              .needed(),
          field<&RoomRule::enabled>("enabled", "`false` takes a shipped rule away."),
          field<&RoomRule::roles>("roles", "Roles that may join; empty: every role of the tenant."),
          field<&RoomRule::ownership>("ownership", "Whether the camera behind the colon must belong to the tenant."),
          field<&RoomRule::presence>("presence", "Whether it is kept who is there."),
          field<&RoomRule::history>("history", "`false`: events addressed to it are not kept."),
      },
      true};
  return record;
}

template <>
const Record& record_of<Anonymous>() {
  static const Record record{
      "anonymous identity",
      {
          field<&Anonymous::path>("path", "Where a connection needs no token.").checked(check_path).identifies().needed(),
          field<&Anonymous::tenant>("tenant", "The tenant that it sees.").checked(check_id).needed(),
          field<&Anonymous::roles>("roles", "The roles that it has."),
          field<&Anonymous::namespaces>("namespaces", "What it may join, and nothing else.").needed(),
      }};
  return record;
}

template <>
const Record& record_of<ApiKey>() {
  static const Record record{
      "API key",
      {
          field<&ApiKey::name>("name", "What logs call it.").checked(check_name).identifies().needed(),
          field<&ApiKey::key>("key", "The secret.").checked(check_api_key).kept_secret().needed(),
          field<&ApiKey::scopes>("scopes", "Of `publish`, `read`, `disconnect`, `rollout`, `handle`.")
              .checked(check_scope)
              .needed(),
          field<&ApiKey::tenant>("tenant", "The one tenant that it acts on; empty: every tenant.").checked(check_id),
      }};
  return record;
}

}  // namespace sparc::config
