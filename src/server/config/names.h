#pragma once
// How the choices are spelled.

#include <array>
#include <string_view>
#include <utility>

#include "server/config/config.h"
#include "server/config/schema.h"

namespace sparc::config {

template <class E, std::size_t n>
using Names = std::array<std::pair<E, std::string_view>, n>;

template <>
struct EnumNames<LanePolicy> {
  static constexpr Names<LanePolicy, 5> names{{{LanePolicy::automatic, "automatic"},
                                               {LanePolicy::catch_up, "catch-up"},
                                               {LanePolicy::drop_oldest, "drop-oldest"},
                                               {LanePolicy::conflate, "conflate"},
                                               {LanePolicy::disconnect, "disconnect"}}};
};
template <>
struct EnumNames<RoomStrategy> {
  static constexpr Names<RoomStrategy, 3> names{
      {{RoomStrategy::tenant, "tenant"}, {RoomStrategy::organization, "organization"}, {RoomStrategy::custom, "custom"}}};
};
template <>
struct EnumNames<Outage> {
  static constexpr Names<Outage, 2> names{{{Outage::deliver, "deliver"}, {Outage::hold, "hold"}}};
};
template <>
struct EnumNames<CameraOwnership> {
  static constexpr Names<CameraOwnership, 4> names{{{CameraOwnership::automatic, "automatic"},
                                                    {CameraOwnership::off, "off"},
                                                    {CameraOwnership::if_known, "if-known"},
                                                    {CameraOwnership::required, "required"}}};
};
template <>
struct EnumNames<LogLevel> {
  static constexpr Names<LogLevel, 5> names{{{LogLevel::debug, "debug"},
                                             {LogLevel::info, "info"},
                                             {LogLevel::warn, "warn"},
                                             {LogLevel::error, "error"},
                                             {LogLevel::off, "off"}}};
};
template <>
struct EnumNames<LogFormat> {
  static constexpr Names<LogFormat, 2> names{{{LogFormat::text, "text"}, {LogFormat::json, "json"}}};
};
template <>
struct EnumNames<SocketIoParser> {
  static constexpr Names<SocketIoParser, 2> names{{{SocketIoParser::standard, "standard"}, {SocketIoParser::msgpack, "msgpack"}}};
};
template <>
struct EnumNames<protocol::View::Wire> {
  using E = protocol::View::Wire;
  static constexpr Names<E, 2> names{{{E::socketio, "socketio"}, {E::rawws, "rawws"}}};
};
template <>
struct EnumNames<protocol::View::OnExpiry> {
  using E = protocol::View::OnExpiry;
  static constexpr Names<E, 2> names{{{E::close, "close"}, {E::keep, "keep"}}};
};
template <>
struct EnumNames<protocol::ViewChannel::Kind> {
  using E = protocol::ViewChannel::Kind;
  static constexpr Names<E, 3> names{{{E::plain, "plain"}, {E::organization, "organization"}, {E::user, "user"}}};
};
template <>
struct EnumNames<protocol::ViewInput::Action> {
  using E = protocol::ViewInput::Action;
  static constexpr Names<E, 8> names{{{E::forward, "forward"},
                                      {E::join_tenant, "join-tenant"},
                                      {E::leave_tenant, "leave-tenant"},
                                      {E::subscribe, "subscribe"},
                                      {E::unsubscribe, "unsubscribe"},
                                      {E::ping, "ping"},
                                      {E::refresh, "refresh"},
                                      {E::ignore, "ignore"}}};
};

}  // namespace sparc::config
