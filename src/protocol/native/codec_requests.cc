#include "protocol/native/codec_requests.h"

#include <array>

#include "protocol/json_scan.h"
#include "protocol/native/field_reader.h"
#include "protocol/native/frame_fields.h"
#include "protocol/text_rules.h"

namespace sparc::protocol::native {
namespace {

std::string read_namespace(FieldReader& in) { return in.name(Field::ns, name_bytes_max, Need::required); }

Command read_auth(FieldReader& in) { return Auth{in.name(Field::token, token_bytes_max, Need::required)}; }

Subscribe read_wants(FieldReader& in) {
  Subscribe out;
  out.ns = read_namespace(in);
  out.rooms = in.strings(Field::rooms, Need::optional);
  out.topics = in.topics();
  out.filters = in.filters();
  return out;
}

Command read_subscribe(FieldReader& in) { return read_wants(in); }

Command read_join(FieldReader& in) {
  Join out;
  out.wants = read_wants(in);
  out.recover = in.position(Field::recover);
  return out;
}

Command read_leave(FieldReader& in) { return Leave{read_namespace(in)}; }

Command read_unsubscribe(FieldReader& in) {
  Unsubscribe out;
  out.ns = read_namespace(in);
  out.rooms = in.strings(Field::rooms, Need::required);
  return out;
}

/// The arguments of an event. Where only further ones are given, argument 0 is null, so that each keeps its place.
template <class T>
void read_arguments(FieldReader& in, T& out) {
  out.event = in.name(Field::event, event_name_bytes_max, Need::required);
  out.data = in.data();
  out.more_args = in.more_args();
  if (out.data.empty() && !out.more_args.empty()) out.data = "null";
}

Command read_event(FieldReader& in) {
  Event out;
  out.ns = read_namespace(in);
  read_arguments(in, out);
  return out;
}

Command read_presence(FieldReader& in) {
  Presence out;
  out.ns = read_namespace(in);
  out.room = in.text(Field::room, Need::required);
  return out;
}

Command read_history(FieldReader& in) {
  History out;
  out.ns = read_namespace(in);
  out.since = in.position(Field::since);
  out.limit = static_cast<std::uint32_t>(in.integer(Field::limit, 0, UINT32_MAX, Need::optional));
  return out;
}

Command read_pong(FieldReader&) { return Pong{}; }

std::vector<std::string> read_rooms(FieldReader& in) {
  if (in.has(Field::room) == in.has(Field::rooms)) {
    in.set_fault("give either \"room\", a string, or \"rooms\", an array of strings");
    return {};
  }
  if (in.has(Field::room)) return {in.text(Field::room, Need::required)};
  std::vector<std::string> rooms = in.strings(Field::rooms, Need::required);
  if (rooms.empty()) in.set_fault("\"rooms\" must be an array of at least one string");
  return rooms;
}

Command read_publish(FieldReader& in) {
  Publish out;
  out.ns = read_namespace(in);
  out.rooms = read_rooms(in);
  read_arguments(in, out);
  out.except = in.strings(Field::except, Need::optional);
  out.publication_id = in.name(Field::publication_id, name_bytes_max, Need::optional);
  out.tenant = in.id(Field::tenant_id, Need::optional);
  return out;
}

Command read_ask(FieldReader& in) {
  Ask out;
  out.ns = read_namespace(in);
  if (!in.has(Field::connection_id)) {
    out.rooms = read_rooms(in);
  } else if (in.has(Field::room) || in.has(Field::rooms) || in.has(Field::except)) {
    in.set_fault("\"connectionId\" asks one client; \"room\", \"rooms\" and \"except\" do not go with it");
  } else {
    out.connection = in.name(Field::connection_id, name_bytes_max, Need::required);
  }
  read_arguments(in, out);
  out.except = in.strings(Field::except, Need::optional);
  out.tenant = in.id(Field::tenant_id, Need::optional);
  out.timeout_ms = static_cast<std::uint32_t>(in.integer(Field::timeout_ms, 1, UINT32_MAX, Need::optional));
  return out;
}

Command read_handle(FieldReader& in) {
  Handle out;
  out.group = in.name(Field::group, name_bytes_max, Need::required);
  out.events = in.names(Field::events, event_name_bytes_max, Need::required);
  out.retryable = in.boolean(Field::retryable);
  return out;
}

Command read_result(FieldReader& in) {
  Result out;
  out.call_id = in.name(Field::call_id, name_bytes_max, Need::required);
  out.data = in.data();
  if (!in.has(Field::error)) return out;
  if (!out.data.empty()) in.set_fault("give either \"data\" or \"error\", or neither");
  const std::string_view error = in.raw(Field::error);
  const std::string_view message = json::find(error, "message");
  const bool code = json::read_string(json::find(error, "code"), out.error_code) && plain_text(out.error_code, name_bytes_max);
  if (!code || (!message.empty() && message != "null" && !json::read_string(message, out.error_message))) {
    in.set_fault(R"("error" must be {"code":a string of 1 to 128 bytes,"message":a string})");
  }
  return out;
}

constexpr std::array<std::string_view, 2> hooks{"client:connected", "client:disconnected"};

Command read_watch(FieldReader& in) {
  Watch out;
  out.hooks = in.strings(Field::hooks, Need::required);
  for (const auto& hook : out.hooks) {
    if (hook != hooks[0] && hook != hooks[1]) in.set_fault("unknown hook " + quoted(hook) + "; known are: " + listed(hooks));
  }
  return out;
}

struct Type {
  std::string_view name;
  Command (*read)(FieldReader&);
};
constexpr std::array types{
    Type{"event", read_event},         Type{"publish", read_publish},
    Type{"pong", read_pong},           Type{"auth", read_auth},
    Type{"join", read_join},           Type{"leave", read_leave},
    Type{"subscribe", read_subscribe}, Type{"unsubscribe", read_unsubscribe},
    Type{"presence", read_presence},   Type{"history", read_history},
    Type{"handle", read_handle},       Type{"result", read_result},
    Type{"watch", read_watch},         Type{"ask", read_ask},
};

std::string known_types() {
  return "auth, join, leave, subscribe, unsubscribe, event, presence, history, pong, publish, ask, handle, result, watch";
}

/// The request's type, or null with the fault set.
const Type* type_of(FieldReader& in) {
  std::string storage;
  const auto name = json::view_string(in.raw(Field::type), storage);
  if (!name) {
    in.set_fault("\"type\" must be a string, one of: " + known_types());
    return nullptr;
  }
  for (const auto& type : types) {
    if (type.name == *name) return &type;
  }
  in.set_fault("unknown type " + quoted(*name) + "; known are: " + known_types());
  return nullptr;
}

void check_carrier(FieldReader& in, const Type& type, Carrier carrier) {
  const bool carries =
      type.read == &read_event || type.read == &read_publish || type.read == &read_ask || type.read == &read_result;
  if (carrier == Carrier::binary && !carries)
    in.set_fault("a binary message must hold an event, a publish, an ask or a result frame");
  if (carrier == Carrier::text && carries && in.has(Field::attachments) && in.raw(Field::attachments) != "[]") {
    in.set_fault("attachments need a binary message");
  }
}

}  // namespace

std::unexpected<Refused> refused(std::optional<std::int64_t> id, std::string message) {
  return std::unexpected(Refused{id, Fault{Code::BAD_REQUEST, std::move(message)}});
}

Decoded decode_request(std::string_view object, Carrier carrier) {
  const FrameFields fields(object);
  FieldReader in(fields);
  Request request;
  if (in.has(Field::id)) {
    const std::int64_t id = in.integer(Field::id, -id_max, id_max, Need::optional);
    if (in.fault().empty() && fields.twice() != Field::id) request.id = id;
  }
  if (fields.twice()) in.set_fault("\"" + std::string(name_of(*fields.twice())) + "\" is there twice");
  const Type* type = in.fault().empty() ? type_of(in) : nullptr;
  if (type != nullptr) {
    check_carrier(in, *type, carrier);
    request.command = type->read(in);
  }
  if (!in.fault().empty()) return refused(request.id, in.fault());
  request.bytes = object.size();
  return request;
}

}  // namespace sparc::protocol::native
