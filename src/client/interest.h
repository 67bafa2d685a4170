#pragma once
// What each of several clients on one connection wants of a namespace, and what the connection asks for so that all get theirs.

#include <cstddef>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "client/actions.h"
#include "protocol/command.h"
#include "protocol/filter.h"

namespace sparc::client {

/// Of one client in its namespace. By default: everything that its identity is sent.
struct Interest {
  std::set<std::string, std::less<>> rooms;  // short names, beside the identity's
  bool all_topics = true;
  std::vector<std::string> topics;
  bool all_values = true;
  std::vector<protocol::Filter> filters;  // OR
  friend bool operator==(const Interest&, const Interest&) = default;
};

/// `interest` after a choice of the application: what is absent stays.
[[nodiscard]] Interest changed(Interest interest, const protocol::Subscribe& choice);

/// A frame that asks for everything that one of them wants: the union of rooms, of topics and of filters, with topics and filters
/// always said. Where the union is beyond what a connection may hold it is everything, and each narrows on its side. Of different
/// `everyMs` the shortest counts.
[[nodiscard]] protocol::Subscribe merge(std::string_view ns, std::span<const Interest* const> interests);

/// Whether a room needs no subscription: `tenant: user: org: role:`.
[[nodiscard]] bool identity_room(std::string_view room);

/// `camera:7` for `tenant:t1/camera:7` of the own tenant, which is how the server names it; any other name as it is.
[[nodiscard]] std::string short_room(std::string_view room, std::string_view tenant);

/// Decides who of several clients gets an event.
class Narrowing {
 public:
  explicit Narrowing(const protocol::FilterVocabulary& vocabulary) : vocabulary_(vocabulary) {}
  /// The topics and filters of `interest` resolved; everything where the server would refuse them.
  [[nodiscard]] protocol::Wish wish_of(const Interest& interest) const;
  /// `others_room`: another client asked for the event's room.
  [[nodiscard]] bool wants(const Interest& interest, const protocol::Wish& wish, const Message& message,
                           const protocol::FieldValues& values, bool others_room) const;

 private:
  const protocol::FilterVocabulary& vocabulary_;
};

}  // namespace sparc::client
