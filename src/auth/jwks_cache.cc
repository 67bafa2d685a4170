#include "auth/jwks_cache.h"

#include <algorithm>

namespace sparc::auth {
namespace {

bool is_this_host(std::string_view authority) {
  for (std::string_view host : {"localhost", "127.0.0.1", "[::1]"}) {
    if (!authority.starts_with(host)) continue;
    const std::string_view rest = authority.substr(host.size());
    if (rest.empty() || rest.front() == ':' || rest.front() == '/' || rest.front() == '?') return true;
  }
  return false;
}

}  // namespace

Result<JwksSource> jwks_source(std::string_view location, KeyPurpose purpose, std::vector<std::string>& warnings) {
  constexpr std::string_view https = "https://", http = "http://", file = "file://";
  if (location.starts_with(file)) location.remove_prefix(file.size());
  if (location.starts_with('/')) return JwksSource{purpose, true, std::string(location)};
  const bool plain = location.starts_with(http);
  if (!plain && !location.starts_with(https)) {
    return fail("JWKS location \"" + std::string(location) + "\" must be https://…, http://…, file:///… or an absolute path");
  }
  const std::string_view authority = location.substr(plain ? http.size() : https.size());
  if (authority.empty() || authority.front() == '/') return fail("JWKS location \"" + std::string(location) + "\" names no host");
  if (plain && !is_this_host(authority)) {
    warnings.push_back("JWKS location \"" + std::string(location) +
                       "\" is not encrypted: who stands between can replace the keys");
  }
  return JwksSource{purpose, false, std::string(location)};
}

JwksCache::JwksCache(std::vector<JwksSource> sources, JwksOptions options, Entropy& entropy)
    : options_(options), entropy_(entropy) {
  for (JwksSource& source : sources) states_.emplace_back().source = std::move(source);
}

JwksCache::Turn JwksCache::on_tick(Now now) {
  Turn turn;
  for (std::size_t i = 0; i < states_.size(); ++i) {
    State& state = states_[i];
    if (state.attempt != 0 && now.monotonic_ms >= state.deadline_ms) failed(state, "no answer in time", now);
    if (gone_stale(state, now)) {
      state.text.clear();
      state.etag.clear();
      turn.keys_changed = true;
    }
    if (state.attempt != 0 || now.monotonic_ms < state.due_ms) continue;
    state.attempt = ++last_attempt_;
    state.deadline_ms = now.monotonic_ms + options_.timeout_ms;
    state.asked_ms = now.monotonic_ms;
    turn.fetches.push_back({i, state.attempt, state.source.is_file, state.source.location, state.etag});
  }
  return turn;
}

bool JwksCache::gone_stale(const State& state, Now now) const {
  return options_.stale_ms_max != 0 && !state.text.empty() && now.monotonic_ms >= state.loaded_ms + options_.stale_ms_max;
}

std::int64_t JwksCache::next_due_ms() const {
  std::int64_t due = INT64_MAX;
  for (const State& state : states_) {
    due = std::min(due, state.attempt != 0 ? state.deadline_ms : state.due_ms);
    if (options_.stale_ms_max != 0 && !state.text.empty()) due = std::min(due, state.loaded_ms + options_.stale_ms_max);
  }
  return due;
}

bool JwksCache::on_answer(std::size_t source, Answer answer, Now now) {
  if (source >= states_.size() || answer.attempt == 0 || states_[source].attempt != answer.attempt) return false;
  State& state = states_[source];
  if (answer.status == 304 && !state.text.empty()) {
    loaded(state, answer, now);
    return false;
  }
  if (answer.status != 200) {
    failed(state, answer.status == 0 ? std::move(answer.error) : "status " + std::to_string(answer.status), now);
    return false;
  }
  KeySetBuilder trial;
  if (auto added = trial.add_jwks(state.source.purpose, answer.body); !added) {
    failed(state, std::move(added.error().message), now);
    return false;
  }
  loaded(state, answer, now);
  state.etag = std::move(answer.etag);
  if (state.text == answer.body) return false;
  state.text = std::move(answer.body);
  return true;
}

void JwksCache::loaded(State& state, const Answer& answer, Now now) {
  state.attempt = 0;
  state.failures = 0;
  state.error.clear();
  state.loaded_ms = now.monotonic_ms;
  state.loaded_wall_ms = now.wall_ms;
  std::int64_t after = state.source.is_file ? options_.file_refresh_ms : answer.max_age_ms.value_or(options_.refresh_ms);
  if (!state.source.is_file) after = std::clamp(after, options_.refresh_ms_min, options_.refresh_ms_max);
  // Up to a tenth earlier, so that nodes that began together do not ask together for ever.
  after -= static_cast<std::int64_t>(entropy_.below(static_cast<std::uint64_t>(after / 10 + 1)));
  state.due_ms = now.monotonic_ms + after;
}

void JwksCache::failed(State& state, std::string error, Now now) {
  state.attempt = 0;
  state.error = error.empty() ? "no answer" : std::move(error);
  std::int64_t bound = options_.retry_ms_first;
  for (std::uint32_t i = 0; i < state.failures && bound < options_.retry_ms_max; ++i) bound *= 2;
  bound = std::min(bound, options_.retry_ms_max);
  if (state.failures != UINT32_MAX) ++state.failures;
  const auto delay = static_cast<std::int64_t>(entropy_.below(static_cast<std::uint64_t>(bound) + 1));
  state.due_ms = now.monotonic_ms + std::max(options_.retry_ms_min, delay);
}

bool JwksCache::on_unknown_key(KeyPurpose purpose, Now now) {
  for (State& state : states_) {
    if (state.source.purpose != purpose || state.attempt != 0 || state.failures != 0) continue;
    if (state.asked_ms == INT64_MIN || now.monotonic_ms - state.asked_ms >= options_.unknown_key_interval_ms) {
      state.due_ms = INT64_MIN;
    }
  }
  return refreshing(purpose);
}

bool JwksCache::refreshing(KeyPurpose purpose) const {
  return std::any_of(states_.begin(), states_.end(), [&](const State& state) {
    return state.source.purpose == purpose && (state.attempt != 0 || state.due_ms == INT64_MIN);
  });
}

std::vector<std::string> JwksCache::add_to(KeySetBuilder& builder) const {
  std::vector<std::string> problems;
  for (const State& state : states_) {
    if (state.text.empty()) continue;
    if (auto added = builder.add_jwks(state.source.purpose, state.text); !added) {
      problems.push_back(state.source.location + ": " + added.error().message);
    }
  }
  return problems;
}

std::vector<JwksCache::Status> JwksCache::status() const {
  std::vector<Status> out;
  out.reserve(states_.size());
  for (const State& state : states_)
    out.push_back({state.source.location, !state.text.empty(), state.failures, state.error, state.loaded_wall_ms});
  return out;
}

}  // namespace sparc::auth
