#pragma once
// When to load key documents, and which of them to believe.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/key_set.h"
#include "base/clock.h"
#include "base/entropy.h"
#include "base/result.h"

namespace sparc::auth {

struct JwksSource {
  KeyPurpose purpose = KeyPurpose::user;
  bool is_file = false;
  std::string location;  // a URL, or a path
};

/// `https://…`, `http://…` (with a warning, except to this host: who stands between can replace the keys), `file:///…` or an
/// absolute path. Anything else is an Error.
[[nodiscard]] Result<JwksSource> jwks_source(std::string_view location, KeyPurpose purpose, std::vector<std::string>& warnings);

struct JwksOptions {
  std::int64_t refresh_ms = 300'000;         // where the answer has no max-age
  std::int64_t refresh_ms_min = 60'000;      // a shorter max-age counts as this
  std::int64_t refresh_ms_max = 86'400'000;  // a longer one as this
  std::int64_t file_refresh_ms = 30'000;
  std::int64_t unknown_key_interval_ms = 30'000;  // at least between loads that tokens with unknown keys ask for
  std::int64_t retry_ms_min = 100;
  std::int64_t retry_ms_first = 1'000;  // upper end of the first delay; doubles with each failure
  std::int64_t retry_ms_max = 60'000;
  std::int64_t timeout_ms = 10'000;        // of one load
  std::int64_t stale_ms_max = 86'400'000;  // keys of a source that fails for so long are given up; 0: never
};

/// Keeps the last good document of each source and says when to load it anew. Pure: the caller does the I/O.
///
/// Limits:   one load per source at a time; a document of `KeySetBuilder::text_bytes_max` (the caller stops reading there).
/// Errors:   a failed load, a status other than 200 and 304, and a document without a usable key keep the last good one; retries
///           come after a random delay below a doubling bound (full jitter).
/// Thread:   confined to one (the control thread).
class JwksCache {
 public:
  /// Load this and call on_answer.
  struct Fetch {
    std::size_t source = 0;
    std::uint64_t attempt = 0;
    bool is_file = false;
    std::string location;
    std::string etag;  // for If-None-Match; empty: none
  };
  struct Answer {
    std::uint64_t attempt = 0;  // of the Fetch
    int status = 0;             // HTTP; a file that was read: 200; 0: no answer
    std::string body;
    std::optional<std::int64_t> max_age_ms;  // of Cache-Control
    std::string etag;
    std::string error;  // where status is 0
  };
  struct Turn {
    std::vector<Fetch> fetches;
    bool keys_changed = false;  // keys were given up: build the set anew
  };
  struct Status {
    std::string location;
    bool has_keys = false;
    std::uint32_t failures = 0;       // in a row
    std::string error;                // of the last load; empty: it succeeded, or is the first
    std::int64_t loaded_wall_ms = 0;  // Unix milliseconds of the last good load; 0: none yet
  };

  /// `entropy` outlives this object.
  JwksCache(std::vector<JwksSource> sources, JwksOptions options, Entropy& entropy);

  /// What is due. Called when next_due_ms has come, and after on_unknown_key answered true.
  [[nodiscard]] Turn on_tick(Now now);
  /// Monotonic milliseconds of the next on_tick; INT64_MAX without sources.
  [[nodiscard]] std::int64_t next_due_ms() const;

  /// Whether the documents changed: build the set anew. The answer to an attempt that timed out is ignored.
  [[nodiscard]] bool on_answer(std::size_t source, Answer answer, Now now);

  /// A token named a key that no source has. True: fresh documents are under way or due at once, and the token may wait for them
  /// (until refreshing() is false). False: it is refused now.
  [[nodiscard]] bool on_unknown_key(KeyPurpose purpose, Now now);
  [[nodiscard]] bool refreshing(KeyPurpose purpose) const;

  /// Adds the keys of the documents at hand. Answers a sentence for each that could not be added.
  std::vector<std::string> add_to(KeySetBuilder& builder) const;
  [[nodiscard]] std::vector<Status> status() const;

 private:
  struct State {
    JwksSource source;
    std::string text;  // last good document; empty: none
    std::string etag;
    std::string error;
    std::uint32_t failures = 0;
    std::uint64_t attempt = 0;          // under way; 0: none
    std::int64_t deadline_ms = 0;       // of the attempt
    std::int64_t due_ms = INT64_MIN;    // of the next one
    std::int64_t asked_ms = INT64_MIN;  // when the last attempt began
    std::int64_t loaded_ms = 0;
    std::int64_t loaded_wall_ms = 0;
  };
  void failed(State& state, std::string error, Now now);
  void loaded(State& state, const Answer& answer, Now now);
  [[nodiscard]] bool gone_stale(const State& state, Now now) const;

  std::vector<State> states_;
  JwksOptions options_;
  Entropy& entropy_;
  std::uint64_t last_attempt_ = 0;
};

}  // namespace sparc::auth
