#include "shard/shard.h"

#include <algorithm>
#include <utility>

namespace sparc::shard {
namespace {

std::vector<fanout::StreamSettings> stream_settings(const Settings& settings) {
  std::vector<fanout::StreamSettings> out;
  for (const NamespaceSettings& ns : settings.namespaces) out.push_back({ns.priority, ns.batch_ms});
  return out;
}

/// Of connections whose path is not open to anonymous ones any more.
const Anonymous nothing_open;

}  // namespace

Shard::Shard(std::shared_ptr<const Settings> settings, Authority authority, Parts parts, Now now)
    : settings_(std::move(settings)),
      authority_(std::move(authority)),
      parts_(std::move(parts)),
      now_(now),
      counters_(std::make_unique<Counters>(settings_->namespaces.size())),
      verifier_(authority_.keys, settings_->limits.token_cache_entries_max, settings_->limits.token_bytes_max),
      authorizer_(std::make_unique<auth::Authorizer>(authority_.policy, parts_.ownership)),
      deflater_(settings_->deflate ? std::make_unique<ws::Deflater>(settings_->deflate_window_bits) : nullptr),
      fanout_(hub_, *this, *this, *this, frames_, stream_settings(*settings_)),
      timers_(now.monotonic_ms),
      last_tick_ms_(now.monotonic_ms),
      engine_io_(*this) {
  forms_.resize(2);
  forms_[native].wire = forms_[native_deflate].wire = &native_wire_;
  forms_[native_deflate].deflate = true;
  receiver_options_ = {settings_->limits.message_bytes_max, settings_->limits.message_fragments_max, &inflater_};
  for (std::size_t i = 0; i < settings_->namespaces.size(); ++i) wishes_.push_back(std::make_unique<protocol::WishTable>());
}

Shard::~Shard() = default;

void Shard::reload(std::shared_ptr<const Settings> settings, Authority authority) {
  const std::shared_ptr<const Settings> old =
      std::exchange(settings_, std::move(settings));  // connections view what it says of their path
  receiver_options_.message_bytes_max = settings_->limits.message_bytes_max;
  receiver_options_.message_fragments_max = settings_->limits.message_fragments_max;
  authority_.claims = std::move(authority.claims);
  authority_.api_keys = std::move(authority.api_keys);
  authority_.policy = std::move(authority.policy);
  authorizer_->set_policy(authority_.policy);
  view_claims_.clear();
  keys_changed(std::move(authority.keys));
  connections_.for_each([&](ConnectionId id, Connection& c) {
    if (c.anonymous != nullptr) {
      const auto same = std::find_if(settings_->anonymous.begin(), settings_->anonymous.end(),
                                     [&](const Anonymous& a) { return a.path == c.anonymous->path; });
      c.anonymous = same == settings_->anonymous.end() ? &nothing_open : &*same;
    }
    if (c.phase == Connection::Phase::active && c.session->kind == session::Session::Kind::user) reevaluate(id, c);
  });
}

}  // namespace sparc::shard
