// What Socket.IO clients ask for, and the answers: by acknowledgement, by `<event>:response`, by the events of a view's table.

#include <algorithm>

#include "base/json_text.h"
#include "protocol/json_scan.h"
#include "protocol/text_rules.h"
#include "protocol/view_subscription.h"
#include "shard/shard.h"
#include "shard/socketio_texts.h"
#include "shard/socketio_wire.h"

namespace sparc::shard {

namespace json = protocol::json;
namespace sio = protocol::socketio;
using namespace socketio_texts;
using protocol::ViewInput;
using What = SocketIoSocket::Waiting::What;

namespace {

const ViewInput& generic_row() {
  static const ViewInput row;
  return row;
}

const std::string& namespace_of(const ViewInput& row, Connection& c) {
  return row.ns.empty() ? c.sio()->view->namespaces.front() : row.ns;
}

}  // namespace

void SocketIoWire::on_event(ConnectionId id, Connection& c, sio::Packet packet) {
  SocketIoSocket& socket = *c.sio();
  c.received_ms = shard_.now_.monotonic_ms;
  shard_.counters_->messages_in.add();
  sio::EventParts parts = sio::split_event(packet.data);
  const ViewInput* row = protocol::input_of(*socket.view, parts.name, parts.first);
  Waiting waiting;
  waiting.ack = packet.id;
  waiting.row = row != nullptr ? row : &generic_row();
  waiting.event = parts.name;
  waiting.data = protocol::request_of(*waiting.row, parts.first);
  switch (waiting.row->action) {
    case ViewInput::Action::forward: return forward(id, c, std::move(waiting), std::move(parts), std::move(packet.attachments));
    case ViewInput::Action::join_tenant:
    case ViewInput::Action::leave_tenant: {
      std::string tenant;
      if (!json::read_string(parts.first, tenant)) (void)json::read_string(json::find(waiting.data, "tenantId"), tenant);
      const bool opens = waiting.row->action == ViewInput::Action::join_tenant;
      return change_gate(id, c, std::move(waiting), tenant, opens);
    }
    case ViewInput::Action::subscribe: return subscribe(id, c, std::move(waiting), true);
    case ViewInput::Action::unsubscribe: return subscribe(id, c, std::move(waiting), false);
    case ViewInput::Action::ping: {
      const std::string now = "{\"timestamp\":" + std::to_string(shard_.now_.wall_ms) + "}";
      send_event(id, c, waiting.row->success.empty() ? std::string_view("pong") : std::string_view(waiting.row->success), now);
      if (waiting.ack) send_ack(id, c, *waiting.ack, now);
      return;
    }
    case ViewInput::Action::refresh: {
      std::string token;
      if (!json::read_string(parts.first, token)) (void)json::read_string(json::find(waiting.data, "token"), token);
      waiting.what = What::refresh;
      return submit(id, c, std::move(waiting), protocol::Auth{std::move(token)});
    }
    case ViewInput::Action::ignore: shard_.counters_->ignored_messages.add(); return;
  }
}

void SocketIoWire::forward(ConnectionId id, Connection& c, Waiting waiting, sio::EventParts parts,
                           std::vector<std::string> attachments) {
  const ViewInput& row = *waiting.row;
  // Whatever the service says to it: who asks to leave is out.
  if (const std::string room = protocol::fill_template(row.leaves, waiting.data); !room.empty()) {
    submit(id, c, Waiting{}, protocol::Unsubscribe{namespace_of(row, c), {room}});
  }
  const std::size_t bytes_max = shard_.settings_->limits.event_name_bytes_max;
  if (!protocol::plain_text(parts.name, bytes_max)) {
    return answer_fault(id, c, waiting,
                        {Code::BAD_REQUEST, "an event's name has 1 to " + std::to_string(bytes_max) +
                                                " bytes of UTF-8 without control characters (limits.event_name_bytes_max)"});
  }
  protocol::Event event;
  event.ns = namespace_of(row, c);
  event.event = row.to.empty() ? parts.name : row.to;
  event.data = &row == &generic_row() ? std::move(parts.first) : waiting.data;
  event.more_args = std::move(parts.more);
  event.attachments = std::move(attachments);
  waiting.what = What::event;
  submit(id, c, std::move(waiting), std::move(event));
}

// Costs what a subscription costs, since newest values may follow.
void SocketIoWire::change_gate(ConnectionId id, Connection& c, Waiting asked, std::string_view tenant, bool opens) {
  SocketIoSocket& socket = *c.sio();
  asked.what = What::gate;
  const std::int64_t request = keep_waiting(socket, std::move(asked));
  if (!shard_.within_rates(id, c, request, std::nullopt)) return;
  const Waiting waiting = *take_waiting(socket, request);
  const std::string own = c.session->identity.tenant_id;
  if (tenant != own) {
    shard_.parts_.host.audit("room of another tenant refused", c.peer, c.session->identity, tenant);
    return answer_fault(id, c, waiting, {Code::FORBIDDEN, "a token's own tenant is the only one that it joins"});
  }
  const bool changes = socket.view->tenant_gate && socket.gate_open != opens;
  socket.gate_open = opens;
  for (session::NamespaceState& state : c.session->namespaces) {
    if (!changes) break;
    if (opens) {
      const auto before = shard_.rooms_of(state);
      shard_.add_identity_rooms(id.slot, c, state);
      std::vector<std::string> fresh = shard_.rooms_of(state);
      std::erase_if(fresh,
                    [&](const std::string& room) { return std::find(before.begin(), before.end(), room) != before.end(); });
      shard_.send_latest(id, state.ns, std::move(fresh));
    } else {
      shard_.leave_identity_rooms(state);
    }
  }
  const std::string data = "{\"tenantId\":" + json_string(own) + "}";
  if (opens && !waiting.row->success.empty()) send_event(id, c, waiting.row->success, data);
  if (waiting.ack) send_ack(id, c, *waiting.ack, data);
}

/// {channels}: those that are topics of the namespace choose events, the others are rooms. {alertTypes, priorities}: one filter.
/// {eventTypes}: topics. {metrics, interval}: the topic `metrics`, and a filter.
void SocketIoWire::subscribe(ConnectionId id, Connection& c, Waiting waiting, bool adds) {
  const std::string ns = namespace_of(*waiting.row, c);
  const auto ns_id = shard_.settings_->find_namespace(ns);
  session::NamespaceState* state = ns_id ? c.session->find(*ns_id) : nullptr;
  if (state == nullptr)
    return answer_fault(id, c, waiting, {Code::UNKNOWN_NAMESPACE, "namespace " + json_string(ns) + " is not joined"});
  auto command = protocol::subscription_of(waiting.data, ns, shard_.settings_->namespaces[*ns_id].vocabulary,
                                           shard_.wishes_[*ns_id]->at(state->wish),
                                           adds ? protocol::SubscriptionChange::add : protocol::SubscriptionChange::remove);
  if (!command) return answer_fault(id, c, waiting, command.error());
  waiting.what = What::subscribe;
  if (!command->unsubscribe.rooms.empty()) {
    Waiting silent;
    submit(id, c, std::move(silent), protocol::Unsubscribe(command->unsubscribe));
  }
  submit(id, c, std::move(waiting), std::move(command->subscribe));
}

void SocketIoWire::on_ack(ConnectionId id, Connection& c, sio::Packet packet) {
  c.received_ms = shard_.now_.monotonic_ms;
  shard_.counters_->messages_in.add();
  if (packet.id) {
    auto [first, more] = sio::split_arguments(packet.data);
    ClientAnswer answer{.data = std::move(first), .more_args = std::move(more), .attachments = std::move(packet.attachments)};
    if (shard_.client_answered(id, *packet.id, std::move(answer))) return;
  }
  (void)shard_.within_rates(id, c, std::nullopt, std::nullopt);  // nobody awaits it; it is ignored
}

void SocketIoWire::reply(ConnectionId id, Connection& c, std::int64_t request, std::string_view data) {
  reply_binary(id, c, request, data, {});
}

std::optional<SocketIoWire::Waiting> SocketIoWire::take_waiting(SocketIoSocket& socket, std::optional<std::int64_t> request) {
  if (!request || !socket.waiting) return std::nullopt;
  auto found = std::ranges::find(*socket.waiting, *request, &Waiting::request);
  if (found == socket.waiting->end()) return std::nullopt;
  Waiting out = std::move(*found);
  socket.waiting->erase(found);
  if (socket.waiting->empty()) socket.waiting.reset();
  return out;
}

void SocketIoWire::reply_binary(ConnectionId id, Connection& c, std::int64_t request, std::string_view data,
                                std::span<const std::string> attachments) {
  const std::optional<Waiting> taken = take_waiting(*c.sio(), request);
  if (!taken) return;
  const Waiting& waiting = *taken;
  switch (waiting.what) {
    case What::join: return joined(id, c, data, nullptr);
    case What::silent: return keep_record(c);
    case What::subscribe: {
      std::string said =
          waiting.data.size() > 2 ? waiting.data.substr(0, waiting.data.size() - 1) + ",\"timestamp\":\"" : "{\"timestamp\":\"";
      append_iso_time(said, shard_.now_.wall_ms);
      keep_record(c);
      return answer(id, c, waiting, said + "\"}");
    }
    case What::refresh: return answer(id, c, waiting, data);
    case What::gate: return;  // answered where it is done
    case What::event: break;
  }
  answer(id, c, waiting, data, attachments);
  if (const std::string room = protocol::fill_template(waiting.row->enters, waiting.data); !room.empty()) {
    protocol::Subscribe enters;
    enters.ns = namespace_of(*waiting.row, c);
    enters.rooms = {room};
    submit(id, c, Waiting{}, std::move(enters));
  }
}

void SocketIoWire::refuse(ConnectionId id, Connection& c, std::optional<std::int64_t> request, const Fault& fault) {
  const std::optional<Waiting> taken = take_waiting(*c.sio(), request);
  if (!taken) return send_event(id, c, "error", error_argument(fault));
  const Waiting& waiting = *taken;
  if (waiting.what == What::join) return joined(id, c, {}, &fault);
  if (waiting.what != What::silent) answer_fault(id, c, waiting, fault);
}

void SocketIoWire::answer(ConnectionId id, Connection& c, const Waiting& waiting, std::string_view data,
                          std::span<const std::string> attachments) {
  std::string frames;  // of one answer: it waits as one, however large
  if (!waiting.row->success.empty()) {
    std::string said = protocol::merge_copied(*waiting.row, waiting.data, data);
    if (waiting.row->stamped && waiting.what != What::subscribe) {
      said.insert(said.size() - 1, said.size() > 2 ? ",\"timestamp\":\"" : "\"timestamp\":\"");
      std::string at;
      append_iso_time(at, shard_.now_.wall_ms);
      said.insert(said.size() - 1, at + '"');
    }
    append_packet(frames, event_packet(c, waiting.row->success, said, attachments));
  }
  if (waiting.what == What::event) append_packet(frames, event_packet(c, waiting.event + ":response", data, attachments));
  if (waiting.ack) append_packet(frames, ack_packet(c, *waiting.ack, data, attachments));
  if (!frames.empty()) shard_.control_raw(id.slot, c, frames);
}

void SocketIoWire::answer_fault(ConnectionId id, Connection& c, const Waiting& waiting, const Fault& fault) {
  std::string wrapped = "{\"error\":{";
  append_fault_members(wrapped, fault);
  wrapped += "}}";
  if (waiting.row->failure.empty()) {
    send_event(id, c, "error", error_argument(fault, waiting.event));
  } else {
    std::string error = "{\"error\":" + json_string(fault.message) + ",\"code\":\"" + std::string(name_of(fault.code)) + "\"}";
    send_event(id, c, waiting.row->failure, protocol::merge_copied(*waiting.row, waiting.data, error));
  }
  if (waiting.what == What::event) send_event(id, c, waiting.event + ":response", wrapped);
  if (waiting.ack) send_ack(id, c, *waiting.ack, wrapped);
}

}  // namespace sparc::shard
