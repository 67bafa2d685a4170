#include "shard/rawws_wire.h"

#include <algorithm>
#include <cstdio>

#include "base/json_text.h"
#include "protocol/rawws/rawws.h"
#include "protocol/view_subscription.h"
#include "shard/shard.h"
#include "ws/frame_writer.h"

namespace sparc::shard {

namespace rawws = protocol::rawws;
using Phase = Connection::Phase;

namespace {

constexpr std::uint16_t policy_violation = 1008;  // what the deployed clients take for a refused token

/// RFC 9562 section 5.4.
std::string uuid(Entropy& entropy) {
  const std::uint64_t high = (entropy.next() & ~0xF000ULL) | 0x4000,
                      low = (entropy.next() & 0x3FFF'FFFF'FFFF'FFFFULL) | 0x8000'0000'0000'0000ULL;
  char text[37];
  std::snprintf(text, sizeof text, "%08x-%04x-%04x-%04x-%012llx", static_cast<unsigned>(high >> 32),
                static_cast<unsigned>(high >> 16 & 0xFFFF), static_cast<unsigned>(high & 0xFFFF),
                static_cast<unsigned>(low >> 48), static_cast<unsigned long long>(low & 0xFFFF'FFFF'FFFFULL));
  return text;
}

}  // namespace

std::shared_ptr<const protocol::View> RawWsWire::view_of(std::string_view path, std::string_view host) const {
  for (const protocol::View& view : shard_.settings_->views) {
    if (view.wire != protocol::View::Wire::rawws || std::find(view.paths.begin(), view.paths.end(), path) == view.paths.end())
      continue;
    if (protocol::serves_host(view, host)) return {shard_.settings_, &view};
  }
  return nullptr;
}

void RawWsWire::begin(Connection& c, std::shared_ptr<const protocol::View> view) {
  c.dialect = Connection::Dialect::rawws;
  c.speaks = std::make_unique<RawWsPeer>();
  c.rawws()->claims = shard_.claims_for(*view);
  c.rawws()->channels = rawws::initial_channels(*view);
  c.rawws()->view = std::move(view);
  c.form = form_of(*c.rawws());
}

void RawWsWire::identify(ConnectionId id, Connection& c, std::string token) {
  if (!token.empty()) return shard_.authenticate(id, c, std::move(token), std::nullopt);
  if (c.anonymous != nullptr) return shard_.accept_user(id, c, c.anonymous->identity, std::nullopt);
  if (!c.rawws()->view->anonymous_tenant.empty())
    return shard_.accept_user(id, c, Shard::anonymous_identity(*c.rawws()->view), std::nullopt);
  c.rawws()->token_missing = true;
  shard_.refuse_identity(id, c, std::nullopt, {Code::UNAUTHENTICATED, "Missing authentication token"});
}

std::uint16_t RawWsWire::form_of(const RawWsPeer& peer) {
  Shard::FormInfo form;
  form.wire = this;
  form.view = peer.view;
  form.held = peer.channels;
  return shard_.form_of(std::move(form));
}

void RawWsWire::say(ConnectionId id, Connection& c, std::string_view json) { shard_.control(id, c, json); }

void RawWsWire::ask(ConnectionId id, Connection& c, protocol::Command command) {
  shard_.arrive(id, c, protocol::Request{++c.rawws()->requests, std::move(command)});
}

void RawWsWire::welcome(ConnectionId id, Connection& c) {
  RawWsPeer& peer = *c.rawws();
  std::vector<std::string> names;
  for (const std::string& ns : peer.view->namespaces) {
    if (shard_.settings_->find_namespace(ns)) names.push_back(ns);
  }
  peer.joins_left = static_cast<std::uint16_t>(names.size());
  for (std::string& ns : names) {
    Connection* now = shard_.find(id);
    if (now == nullptr || now->phase != Phase::active) return;
    peer.joins.push_back(peer.requests + 1);
    protocol::Join join;
    join.wants.ns = std::move(ns);
    ask(id, *now, std::move(join));
  }
}

/// Greeted only now: what is published from here on arrives.
void RawWsWire::joined(ConnectionId id, Connection& c) {
  RawWsPeer& peer = *c.rawws();
  peer.greeted = true;
  std::string json;
  rawws::append_connection(json, uuid(shard_.parts_.entropy), rawws::names_of(*peer.view, c.session->identity, peer.channels));
  say(id, c, json);
  for (const std::string& text : std::exchange(peer.early, {})) {
    Connection* now = shard_.find(id);
    if (now == nullptr || now->phase != Phase::active) return;
    handle(id, *now, text);
  }
}

void RawWsWire::on_message(ConnectionId id, Connection& c, ws::MessageType type, std::string_view payload) {
  if (type == ws::MessageType::binary) return shard_.counters_->ignored_messages.add();
  RawWsPeer& peer = *c.rawws();
  if (peer.greeted) return handle(id, c, payload);
  const Limits& limits = shard_.settings_->limits;
  peer.early_bytes += payload.size();
  if (peer.early.size() >= limits.connection_parked_frames_max || peer.early_bytes > limits.connection_parked_bytes_max) {
    return shard_.fail(id, c,
                       {Code::RATE_LIMITED, "too many messages before the first answer (limits.connection_parked_frames_max)"});
  }
  peer.early.emplace_back(payload);
}

void RawWsWire::handle(ConnectionId id, Connection& c, std::string_view payload) {
  auto message = rawws::decode(payload);
  std::string json;
  if (!message) {
    rawws::append_error(json, message.error());
    return say(id, c, json);
  }
  RawWsPeer& peer = *c.rawws();
  if (auto* subscribe = std::get_if<rawws::SubscribeChannels>(&*message)) {
    const protocol::ChannelSet granted = rawws::granted(*peer.view, c.session->identity, subscribe->channels);
    if (!shard_.within_rates(id, c, std::nullopt, std::nullopt)) return;
    hold(id, c, peer.channels | granted);
    std::erase_if(subscribe->channels,
                  [&](const std::string& name) { return rawws::granted(*peer.view, c.session->identity, {name}) == 0; });
    rawws::append_subscribed(json, subscribe->channels);
    say(id, c, json);
    if (!subscribe->filters.present()) return;
    for (const std::string& ns : peer.view->namespaces) {
      Connection* now = shard_.find(id);
      const auto ns_id = shard_.settings_->find_namespace(ns);
      if (now == nullptr || now->phase != Phase::active || !ns_id) continue;
      protocol::Subscribe wants;
      wants.ns = ns;
      wants.filters = subscribe->filters;
      protocol::name_fields(wants.filters, shard_.settings_->namespaces[*ns_id].vocabulary);
      ask(id, *now, std::move(wants));
    }
  } else if (auto* unsubscribe = std::get_if<rawws::UnsubscribeChannels>(&*message)) {
    const protocol::ChannelSet given_up = rawws::granted(*peer.view, c.session->identity, unsubscribe->channels);
    hold(id, c, peer.channels & static_cast<protocol::ChannelSet>(~given_up));
    rawws::append_unsubscribed(json, unsubscribe->channels);
    say(id, c, json);
  } else if (std::holds_alternative<rawws::Ping>(*message)) {
    rawws::append_pong(json, shard_.now_.wall_ms);
    say(id, c, json);
  } else {
    shard_.counters_->ignored_messages.add();
  }
}

void RawWsWire::hold(ConnectionId id, Connection& c, protocol::ChannelSet channels) {
  RawWsPeer& peer = *c.rawws();
  if (channels == peer.channels) return;
  peer.channels = channels;
  shard_.change_form(id, c, form_of(peer));
}

void RawWsWire::reply(ConnectionId id, Connection& c, std::int64_t request, std::string_view) {
  RawWsPeer& peer = *c.rawws();
  if (std::erase(peer.joins, request) == 0) return;
  ++peer.joins_done;
  if (--peer.joins_left == 0) joined(id, c);
}

void RawWsWire::reply_binary(ConnectionId id, Connection& c, std::int64_t request, std::string_view,
                             std::span<const std::string>) {
  refuse(id, c, request, {Code::INTERNAL, "the answer has attachments, which this connection cannot carry"});
}

void RawWsWire::refuse(ConnectionId id, Connection& c, std::optional<std::int64_t> request, const Fault& fault) {
  RawWsPeer& peer = *c.rawws();
  if (request && std::erase(peer.joins, *request) != 0) {
    if (--peer.joins_left != 0) return;
    return peer.joins_done == 0 ? shard_.fail(id, c, fault) : joined(id, c);
  }
  std::string json;
  rawws::append_error(json, fault);
  say(id, c, json);
}

void RawWsWire::close(ConnectionId id, Connection& c, std::uint16_t code, std::string_view reason) {
  const RawWsPeer& peer = *c.rawws();
  std::string frame;
  if (peer.requests == 0 && code != 1012) {  // before it was anybody
    ws::append_close_frame(frame, policy_violation,
                           peer.token_missing ? "Missing authentication token" : "Authentication failed");
  } else {
    ws::append_close_frame(frame, code, reason);
  }
  shard_.control_raw(id.slot, c, frame);
}

bool RawWsWire::ping(ConnectionId id, Connection& c) {
  std::string frame;
  ws::append_ping_frame(frame, {});
  shard_.control_raw(id.slot, c, frame);
  return true;
}

std::shared_ptr<const auth::ClaimRules> RawWsWire::claims(const Connection& c) const { return c.rawws()->claims; }
const protocol::View* RawWsWire::view(const Connection& c) const { return c.rawws()->view.get(); }

void RawWsWire::append_publication(std::string& out, std::uint16_t form, const Publication& publication, std::string_view) {
  const Shard::FormInfo& info = shard_.forms_[form];
  if (!publication.attachments.empty()) return shard_.counters_->binary_left_out.add();
  protocol::show(*info.view, shard_.settings_->namespaces[publication.ns].name, publication, info.held, shown_,
                 [&](const protocol::Shown& shown) {
                   std::string& json = shard_.json_scratch_;
                   json.clear();
                   rawws::append_event(json, shown);
                   shard_.append_frame(out, form, json, ws::MessageType::text);
                 });
}

void RawWsWire::append_gap(std::string& out, std::uint16_t form, NamespaceId ns, const session::GapRun& gap) {
  const std::string json = "{\"type\":\"gap\",\"data\":{\"namespace\":" + json_string(shard_.settings_->namespaces[ns].name) +
                           ",\"count\":" + std::to_string(gap.count) + ",\"reason\":\"" +
                           std::string(session::name_of(gap.reason)) + "\"}}";
  shard_.append_frame(out, form, json, ws::MessageType::text);
}

}  // namespace sparc::shard
