// What views change of a connection: its wire form, its claims, its rooms.

#include <algorithm>

#include "shard/shard.h"

namespace sparc::shard {

std::uint16_t Shard::form_of(FormInfo form) {
  auto found = std::find_if(forms_.begin(), forms_.end(), [&](const FormInfo& f) { return f.same(form); });
  if (found == forms_.end()) {
    found = std::find_if(forms_.begin() + 2, forms_.end(), [](const FormInfo& f) { return f.users == 0; });
    if (found != forms_.end()) {
      *found = std::move(form);
    } else if (forms_.size() < UINT16_MAX) {
      forms_.push_back(std::move(form));
      found = std::prev(forms_.end());
    } else {  // as many sets of channels as there can be: one of the same view, which shows other channels
      found = std::find_if(forms_.begin(), forms_.end(), [&](const FormInfo& f) { return f.view == form.view; });
    }
  }
  ++found->users;
  return static_cast<std::uint16_t>(found - forms_.begin());
}

void Shard::release_form(std::uint16_t form) {
  if (form <= native_deflate || --forms_[form].users != 0) return;
  forms_[form].view.reset();
}

void Shard::change_form(ConnectionId id, Connection& c, std::uint16_t form) {
  for (session::NamespaceState& state : c.session->namespaces) {
    fanout_.settle(state.rooms, stream_of(state));
    if (const hub::Stream* open_to_all = hub_.find_stream({state.ns, ""})) fanout_.settle(state.rooms, *open_to_all);
    hub_.change_class(state.rooms, id.slot, {state.wish, form});
  }
  release_form(std::exchange(c.form, form));
}

std::shared_ptr<const auth::ClaimRules> Shard::claims_for(const protocol::View& view) {
  auto [found, fresh] = view_claims_.try_emplace(view.name);
  if (!fresh) return found->second;
  auto rules = std::make_shared<auth::ClaimRules>(*authority_.claims);
  if (!view.claims.user_id.empty()) rules->user_id = view.claims.user_id;
  if (!view.claims.tenant_id.empty()) rules->tenant_id = view.claims.tenant_id;
  if (!view.claims.organization_id.empty()) rules->organization_id = view.claims.organization_id;
  rules->roles_required = view.claims.roles_required;
  found->second = std::move(rules);
  return found->second;
}

Identity Shard::anonymous_identity(const protocol::View& view) {
  Identity identity;
  identity.user_id = "anonymous";
  identity.tenant_id = view.anonymous_tenant;
  identity.anonymous = true;
  return identity;
}

Position Shard::position_of(const Publication& publication) {
  const hub::Stream* stream = hub_.find_stream({publication.ns, publication.tenant});
  return stream == nullptr ? Position{} : fanout_.received(*stream);
}

void Shard::leave_identity_rooms(session::NamespaceState& state) {
  hub::Stream& stream = stream_of(state);
  fanout_.settle(state.rooms, stream);
  for (const std::string& room : rooms_of(state)) {
    if (auth::has_reserved_prefix(room)) hub_.leave(state.rooms, stream, room);
  }
}

}  // namespace sparc::shard
