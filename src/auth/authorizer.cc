#include "auth/authorizer.h"

#include <algorithm>
#include <cassert>

namespace sparc::auth {
namespace {

Decision allow() { return {}; }
Decision deny(Code code, std::string message) { return {Decision::Outcome::deny, Fault{code, std::move(message)}, {}}; }
Decision forbid(std::string message) { return deny(Code::FORBIDDEN, std::move(message)); }

bool has_one_of(const Identity& identity, const std::vector<std::string>& roles) {
  return roles.empty() ||
         std::any_of(roles.begin(), roles.end(), [&](const std::string& role) { return identity.has_role(role); });
}

std::string needs_roles(std::string_view what, std::string_view name, const std::vector<std::string>& roles) {
  std::string text(what);
  text.append(" ").append(name).append(" needs ").append(roles.size() == 1 ? "role " : "one of the roles ");
  for (const std::string& role : roles) text.append(&role == &roles.front() ? "" : ", ").append(role);
  return text += '.';
}

/// What the one star of `pattern` stands for in `room`, which matches it.
std::string_view star_of(std::string_view pattern, std::string_view room) {
  const std::size_t before = pattern.find('*');
  const std::size_t after = pattern.size() - before - 1;
  return room.substr(before, room.size() - before - after);
}

}  // namespace

bool is_own_room(const Identity& identity, std::string_view room) {
  const std::size_t colon = room.find(':');
  if (colon == std::string_view::npos) return false;
  const std::string_view kind = room.substr(0, colon), id = room.substr(colon + 1);
  if (!valid_id(id)) return false;
  if (kind == "tenant") return id == identity.tenant_id;
  if (kind == "org") return id == identity.organization_id;
  if (kind == "user") return id == identity.user_id && !identity.anonymous;
  return kind == "role" && identity.has_role(id);
}

Authorizer::Authorizer(std::shared_ptr<const Policy> policy, OwnershipSource* source)
    : policy_(std::move(policy)), source_(source) {
  assert(policy_);
}

void Authorizer::set_policy(std::shared_ptr<const Policy> policy) {
  assert(policy);
  policy_ = std::move(policy);
}

Decision Authorizer::check_join_namespace(const Identity& identity, std::string_view ns) const {
  const NamespaceRule* rule = policy_->namespace_rule(ns);
  if (rule == nullptr || has_one_of(identity, rule->roles)) return allow();
  return forbid(needs_roles("Namespace", ns, rule->roles));
}

Decision Authorizer::check_room(const Identity& identity, std::string_view ns, std::string_view room, Ticket ticket) {
  if (has_reserved_prefix(room)) {
    if (is_own_room(identity, room)) return {Decision::Outcome::held, {}, {}};
    return forbid("Room " + std::string(room) + " belongs to another identity.");
  }
  if (policy_->is_public(room)) return allow();
  const RoomRule* rule = policy_->room_rule(ns, room);
  if (rule == nullptr) return forbid("No room rule of namespace " + std::string(ns) + " allows room " + std::string(room) + ".");
  if (!has_one_of(identity, rule->roles)) return forbid(needs_roles("Room", room, rule->roles));
  if (!rule->ownership) return allow();
  return check_camera(identity, star_of(rule->pattern, room), ticket);
}

bool Authorizer::needs_camera(std::string_view ns, std::string_view event) const {
  if (policy_->ownership() == OwnershipMode::off) return false;
  const EventRule* rule = policy_->event_rule(ns, event);
  return rule != nullptr && rule->ownership;
}

Decision Authorizer::check_event(const Identity& identity, std::string_view ns, std::string_view event, std::string_view camera,
                                 Ticket ticket) {
  const EventRule* rule = policy_->event_rule(ns, event);
  if (rule == nullptr) return allow();
  if (!has_one_of(identity, rule->roles))
    return forbid(rule->refusal.empty() ? needs_roles("Event", event, rule->roles) : rule->refusal);
  if (!rule->ownership) return allow();
  return check_camera(identity, camera, ticket);
}

Decision Authorizer::check_camera(const Identity& identity, std::string_view camera, Ticket ticket) {
  if (policy_->ownership() == OwnershipMode::off) return allow();
  if (!valid_id(camera))
    return deny(Code::BAD_REQUEST, "The camera's id must have 1 to 128 characters out of A-Z a-z 0-9 _ . @ + -");
  if (source_ == nullptr) return settle(Owner::unavailable, camera);
  if (const auto answer = source_->owner(camera, identity.tenant_id, ticket)) return settle(*answer, camera);
  return {Decision::Outcome::pending, {}, std::string(camera)};
}

Decision Authorizer::settle(Owner answer, std::string_view camera) const {
  const OwnershipMode mode = policy_->ownership();
  if (mode == OwnershipMode::off || answer == Owner::own) return allow();
  if (answer == Owner::other) return forbid("Unauthorized camera access");
  if (answer == Owner::unavailable) return deny(Code::UNAVAILABLE, "The camera's owner cannot be asked at present.");
  if (mode == OwnershipMode::if_known) return allow();
  return forbid("Unauthorized camera access: the Redis key camera:" + std::string(camera) +
                ":tenant does not exist, and WEBSOCKET_CAMERA_OWNERSHIP is required (if-known allows cameras without owner, off "
                "does not ask)");
}

}  // namespace sparc::auth
