// Publications, positions, gaps and evictions as Socket.IO packets, once for a class of subscribers.

#include "base/json_text.h"
#include "protocol/json_scan.h"
#include "shard/shard.h"
#include "shard/socketio_texts.h"
#include "shard/socketio_wire.h"

namespace sparc::shard {

namespace json = protocol::json;
namespace sio = protocol::socketio;
using socketio_texts::offset_text;

void SocketIoWire::append_publication(std::string& out, std::uint16_t form, const Publication& publication, std::string_view) {
  const Shard::FormInfo& info = shard_.forms_[form];
  const std::string& ns = shard_.settings_->namespaces[publication.ns].name;
  protocol::show(*info.view, ns, publication, protocol::all_channels, shown_, [&](const protocol::Shown& shown) {
    sio::Outgoing packet = shown_packet(*info.view, shown, publication);
    std::string more;
    if (info.offsets) {
      // The reference takes the last string that is the last argument for the offset: so that one always is, where one could be.
      const Position at =
          publication.offset != 0 ? Position{publication.epoch, publication.offset} : shard_.position_of(publication);
      const std::string_view last = last_argument(shown);
      if (publication.offset != 0 || json::kind_of(last) == json::Kind::string) {
        more = shown.more_args;
        if (!more.empty()) more += ',';
        append_json_string(more, offset_text(at));
        packet.more = more;
      }
    }
    append_packet(out, packet);
  });
}

void SocketIoWire::append_question(std::string& out, std::uint16_t form, std::uint64_t number, const Publication& what,
                                   std::uint32_t) {
  const protocol::View& view = *shard_.forms_[form].view;
  const std::size_t before = out.size();
  protocol::show(view, shard_.settings_->namespaces[what.ns].name, what, protocol::all_channels, shown_,
                 [&](const protocol::Shown& shown) {
                   if (out.size() != before) return;  // one question, one answer
                   sio::Outgoing packet = shown_packet(view, shown, what);
                   packet.id = number;
                   append_packet(out, packet);
                 });
}

sio::Outgoing SocketIoWire::shown_packet(const protocol::View& view, const protocol::Shown& shown,
                                         const Publication& publication) {
  sio::Outgoing packet;
  packet.nsp = view.socketio_namespace;
  packet.event = shown.name;
  packet.first = shown.data;
  packet.more = shown.more_args;
  if (shown.as_published) packet.attachments = publication.attachments;
  return packet;
}

std::string_view SocketIoWire::last_argument(const protocol::Shown& shown) const {
  if (shown.more_args.empty()) return shown.data;
  std::string_view last;
  scratch_ = "[";
  scratch_ += shown.more_args;
  scratch_ += ']';
  json::Walker walker(scratch_);
  while (walker.next()) last = walker.value;
  return last;
}

void SocketIoWire::append_position(std::string& out, std::uint16_t form, NamespaceId, const Position& position) {
  const Shard::FormInfo& info = shard_.forms_[form];
  if (!info.offsets || position.epoch.empty()) return;
  const std::string said = json_string(offset_text(position));
  sio::Outgoing packet;
  packet.nsp = info.view->socketio_namespace;
  packet.event = "position";
  packet.first = said;
  append_packet(out, packet);
}

void SocketIoWire::append_gap(std::string& out, std::uint16_t form, NamespaceId ns, const session::GapRun& gap) {
  std::string said = "{\"namespace\":" + json_string(shard_.settings_->namespaces[ns].name);
  if (!gap.room.empty()) said += ",\"room\":" + json_string(gap.room);
  said += ",\"count\":" + std::to_string(gap.count);
  if (gap.from != 0) said += ",\"from\":" + std::to_string(gap.from) + ",\"to\":" + std::to_string(gap.to);
  said += ",\"reason\":\"" + std::string(session::name_of(gap.reason)) + "\"}";
  sio::Outgoing packet;
  packet.nsp = shard_.forms_[form].view->socketio_namespace;
  packet.event = "gap";
  packet.first = said;
  append_packet(out, packet);
}

void SocketIoWire::append_evicted(std::string& out, const Connection& c, std::string_view ns, std::span<const std::string> rooms,
                                  Code code) {
  std::string said = "{\"namespace\":" + json_string(ns) + ",\"rooms\":[";
  for (const std::string& room : rooms) {
    if (said.back() != '[') said += ',';
    append_json_string(said, room);
  }
  said += "],\"code\":\"" + std::string(name_of(code)) + "\"}";
  sio::Outgoing packet;
  packet.nsp = c.sio()->nsp();
  packet.event = "evicted";
  packet.first = said;
  append_packet(out, packet);
}

}  // namespace sparc::shard
