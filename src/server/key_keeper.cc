#include "server/key_keeper.h"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <fstream>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "auth/jwks_cache.h"
#include "base/header.h"
#include "net/system_entropy.h"
#include "server/node.h"

namespace sparc::server {
namespace {

using auth::JwksCache;
using auth::KeyPurpose;

constexpr std::size_t document_bytes_max = auth::KeySetBuilder::text_bytes_max;
constexpr long connect_timeout_ms = 3'000;
constexpr std::int64_t poll_ms_max = 60'000;

Now read_clock() {
  using namespace std::chrono;
  return {duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count(),
          duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count()};
}

/// One document: where it is, when it is due, and what is believed of it.
struct Source {
  Source(auth::JwksSource from, auth::JwksOptions with, Entropy& entropy)
      : where(std::move(from)), options(with), cache({where}, options, entropy) {}

  auth::JwksSource where;
  auth::JwksOptions options;
  JwksCache cache;
  std::string document;  // empty: none
};
using SourcePtr = std::shared_ptr<Source>;

/// max-age of a Cache-Control field (RFC 9111 section 5.2.2); 0 where it must not be kept.
std::optional<std::int64_t> max_age_ms(std::string_view field) {
  std::optional<std::int64_t> out;
  while (!field.empty()) {
    const std::size_t comma = field.find(',');
    const std::string_view directive = trim_blanks(field.substr(0, comma));
    field = comma == std::string_view::npos ? std::string_view() : field.substr(comma + 1);
    constexpr std::string_view name = "max-age=";
    if (equals_ignoring_case(directive, "no-store") || equals_ignoring_case(directive, "no-cache")) return 0;
    if (directive.size() <= name.size() || !equals_ignoring_case(directive.substr(0, name.size()), name)) continue;
    std::uint32_t seconds = 0;
    const std::string_view digits = directive.substr(name.size());
    if (std::from_chars(digits.data(), digits.data() + digits.size(), seconds).ec == std::errc())
      out = std::int64_t{seconds} * 1000;
  }
  return out;
}

JwksCache::Answer read_document(const JwksCache::Fetch& fetch) {
  JwksCache::Answer answer{.attempt = fetch.attempt};
  std::ifstream in(fetch.location, std::ios::binary);
  std::string text(document_bytes_max + 1, '\0');
  if (in) in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!in && !in.eof()) {
    answer.error = "the file cannot be read";
    return answer;
  }
  text.resize(static_cast<std::size_t>(in.gcount()));
  answer.status = 200;
  answer.body = std::move(text);  // one that is too long is refused where it is parsed
  return answer;
}

/// A GET under way.
class Transfer {
 public:
  Transfer(CURLM* multi, SourcePtr source, const JwksCache::Fetch& fetch) : multi_(multi), source_(std::move(source)) {
    answer_.attempt = fetch.attempt;
    headers_ = curl_slist_append(headers_, "Accept: application/jwk-set+json, application/json");
    if (!fetch.etag.empty()) headers_ = curl_slist_append(headers_, ("If-None-Match: " + fetch.etag).c_str());
    curl_easy_setopt(easy_, CURLOPT_URL, fetch.location.c_str());
    curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy_, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS, connect_timeout_ms);
    curl_easy_setopt(easy_, CURLOPT_TIMEOUT_MS, static_cast<long>(source_->options.timeout_ms));
    curl_easy_setopt(easy_, CURLOPT_USERAGENT, "sparc-websocket");
    curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, headers_);
    curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, error_.data());
    curl_easy_setopt(easy_, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
    curl_easy_setopt(easy_, CURLOPT_HEADERDATA, this);
    curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &Transfer::on_body);
    curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
    curl_multi_add_handle(multi_, easy_);
  }
  ~Transfer() {
    curl_multi_remove_handle(multi_, easy_);
    curl_easy_cleanup(easy_);
    curl_slist_free_all(headers_);
  }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  [[nodiscard]] CURL* easy() const { return easy_; }
  [[nodiscard]] const SourcePtr& source() const { return source_; }
  [[nodiscard]] JwksCache::Answer take(CURLcode result) {
    if (result != CURLE_OK) {
      const bool too_long = result == CURLE_WRITE_ERROR && answer_.body.size() > document_bytes_max;
      answer_.error = too_long            ? "the document is longer than 1 MiB"
                      : error_[0] != '\0' ? error_.data()
                                          : curl_easy_strerror(result);
      return std::move(answer_);
    }
    long status = 0;
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
    answer_.status = static_cast<int>(status);
    return std::move(answer_);
  }

 private:
  static std::size_t on_header(char* data, std::size_t, std::size_t size, void* self) {
    static_cast<Transfer*>(self)->header({data, size});
    return size;
  }
  static std::size_t on_body(char* data, std::size_t, std::size_t size, void* self) {
    std::string& body = static_cast<Transfer*>(self)->answer_.body;
    body.append(data, size);
    return body.size() > document_bytes_max ? 0 : size;
  }
  void header(std::string_view line) {
    if (line.starts_with("HTTP/")) {  // of the answer itself, after those of a proxy or of a 1xx
      answer_.etag.clear();
      answer_.max_age_ms.reset();
      return;
    }
    while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return;
    const std::string_view name = line.substr(0, colon), value = trim_blanks(line.substr(colon + 1));
    if (equals_ignoring_case(name, "etag")) answer_.etag = value;
    if (equals_ignoring_case(name, "cache-control")) answer_.max_age_ms = max_age_ms(value);
  }

  CURLM* multi_;  // outlives this object
  CURL* easy_ = curl_easy_init();
  curl_slist* headers_ = nullptr;
  SourcePtr source_;
  JwksCache::Answer answer_;
  std::array<char, CURL_ERROR_SIZE> error_{};
};

}  // namespace

struct KeyKeeper::Impl {
  struct Outcome {
    SourcePtr source;
    JwksCache::Answer answer;
  };

  explicit Impl(Node& of) : node(of) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
    multi = curl_multi_init();
  }
  ~Impl() {
    transfers.clear();
    curl_multi_cleanup(multi);
  }

  void set_sources(const config::Config& config);
  void turn();
  void begin(const SourcePtr& source, const JwksCache::Fetch& fetch, std::vector<Outcome>& outcomes);
  void collect(std::vector<Outcome>& outcomes);
  void settle(Outcome& outcome);
  [[nodiscard]] bool refreshing(KeyPurpose purpose) const;
  [[nodiscard]] std::optional<KeyDocuments> take_delivery();
  void sleep();
  void begin_thread();

  Node& node;
  CURLM* multi = nullptr;
  std::vector<std::unique_ptr<Transfer>> transfers;  // of the thread that takes turns
  std::thread thread;
  bool started = false;
  std::atomic<bool> stopping{false};

  std::mutex mutex;  // guards what follows; never held while keys are handed to the node
  net::SystemEntropy entropy;
  std::vector<SourcePtr> sources;
  std::array<bool, 2> awaited{};  // by purpose: tokens wait for what is under way
  bool changed = false;           // the node does not know it yet
};

void KeyKeeper::Impl::set_sources(const config::Config& config) {
  std::vector<SourcePtr> next;
  const auto add = [&](KeyPurpose purpose, bool is_file, const std::string& location, const config::TokenKeys& keys) {
    if (location.empty()) return;
    auth::JwksOptions options;
    options.refresh_ms = keys.jwks_refresh_ms;
    options.refresh_ms_min = std::min(options.refresh_ms_min, options.refresh_ms);
    for (const SourcePtr& known : sources) {
      if (known->where.purpose != purpose || known->where.is_file != is_file || known->where.location != location) continue;
      if (known->options.refresh_ms != options.refresh_ms) continue;
      (void)known->cache.on_unknown_key(purpose, read_clock());  // whoever reloads may have changed the document
      next.push_back(known);
      return;
    }
    next.push_back(std::make_shared<Source>(auth::JwksSource{purpose, is_file, location}, options, entropy));
  };
  for (const auto& [purpose, keys] :
       {std::pair(KeyPurpose::user, &config.jwt), std::pair(KeyPurpose::service, &config.service_jwt)}) {
    add(purpose, true, keys->jwks_file, *keys);
    add(purpose, false, keys->jwks_url, *keys);
  }
  changed = changed || next.size() < sources.size();
  sources = std::move(next);
}

bool KeyKeeper::Impl::refreshing(KeyPurpose purpose) const {
  return std::any_of(sources.begin(), sources.end(), [&](const SourcePtr& source) { return source->cache.refreshing(purpose); });
}

/// What is due is begun, what has ended is taken, and the node is told.
void KeyKeeper::Impl::turn() {
  std::vector<Outcome> outcomes;
  collect(outcomes);
  std::vector<std::pair<SourcePtr, JwksCache::Fetch>> fetches;
  {
    const std::lock_guard lock(mutex);
    for (Outcome& outcome : outcomes) settle(outcome);
    for (const SourcePtr& source : sources) {
      JwksCache::Turn due = source->cache.on_tick(read_clock());
      if (due.keys_changed) {
        source->document.clear();
        changed = true;
        node.log().warn("keys given up: the document could not be loaded for too long", {{"location", source->where.location}});
      }
      for (JwksCache::Fetch& fetch : due.fetches) fetches.emplace_back(source, std::move(fetch));
    }
  }
  outcomes.clear();
  for (const auto& [source, fetch] : fetches) begin(source, fetch, outcomes);
  std::optional<KeyDocuments> delivery;
  {
    const std::lock_guard lock(mutex);
    for (Outcome& outcome : outcomes) settle(outcome);
    delivery = take_delivery();
  }
  if (delivery) node.use_documents(std::move(*delivery));
}

void KeyKeeper::Impl::begin(const SourcePtr& source, const JwksCache::Fetch& fetch, std::vector<Outcome>& outcomes) {
  if (fetch.is_file) {
    outcomes.push_back({source, read_document(fetch)});
    return;
  }
  transfers.push_back(std::make_unique<Transfer>(multi, source, fetch));
}

void KeyKeeper::Impl::collect(std::vector<Outcome>& outcomes) {
  int running = 0, left = 0;
  curl_multi_perform(multi, &running);
  while (CURLMsg* message = curl_multi_info_read(multi, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode result = message->data.result;
    const auto found =
        std::find_if(transfers.begin(), transfers.end(), [&](const auto& t) { return t->easy() == message->easy_handle; });
    outcomes.push_back({(*found)->source(), (*found)->take(result)});
    transfers.erase(found);
  }
}

void KeyKeeper::Impl::settle(Outcome& outcome) {
  Source& source = *outcome.source;
  std::string body = outcome.answer.body;
  if (source.cache.on_answer(0, std::move(outcome.answer), read_clock())) {
    source.document = std::move(body);
    changed = true;
    node.log().info("keys loaded", {{"location", source.where.location}});
  }
  const JwksCache::Status status = source.cache.status().front();
  if (!status.error.empty()) node.log().warn("keys not loaded", {{"location", status.location}, {"reason", status.error}});
}

/// Documents that changed are handed over at once, unless tokens still wait for another one: each waits only once.
std::optional<KeyDocuments> KeyKeeper::Impl::take_delivery() {
  bool due = changed;
  for (const KeyPurpose purpose : {KeyPurpose::user, KeyPurpose::service}) {
    if (!awaited[static_cast<std::size_t>(purpose)]) continue;
    if (refreshing(purpose)) return std::nullopt;
    due = true;
  }
  if (!due) return std::nullopt;
  changed = false;
  awaited = {};
  KeyDocuments documents;
  for (const SourcePtr& source : sources) {
    if (source->document.empty()) continue;
    (source->where.purpose == KeyPurpose::user ? documents.user : documents.service).push_back(source->document);
  }
  return documents;
}

void KeyKeeper::Impl::sleep() {
  std::int64_t wait_ms = poll_ms_max;
  {
    const std::lock_guard lock(mutex);
    const std::int64_t now_ms = read_clock().monotonic_ms;
    for (const SourcePtr& source : sources) {
      const std::int64_t due_ms = source->cache.next_due_ms();
      wait_ms = due_ms <= now_ms ? 0 : std::min(wait_ms, due_ms - now_ms);
      if (wait_ms == 0) break;
    }
  }
  curl_multi_poll(multi, nullptr, 0, static_cast<int>(wait_ms), nullptr);
}

void KeyKeeper::Impl::begin_thread() {
  if (!started || thread.joinable() || sources.empty()) return;
  thread = std::thread([this] {
    while (!stopping.load(std::memory_order_acquire)) {
      turn();
      sleep();
    }
  });
}

KeyKeeper::KeyKeeper(Node& node, const config::Config& config) : impl_(std::make_unique<Impl>(node)) {
  impl_->set_sources(config);
}

KeyKeeper::~KeyKeeper() { stop(); }

Result<void> KeyKeeper::load() {
  const auto untried = [](const SourcePtr& source) {
    const JwksCache::Status status = source->cache.status().front();
    return !status.has_keys && status.failures == 0;
  };
  while (std::any_of(impl_->sources.begin(), impl_->sources.end(), untried)) {
    impl_->turn();
    if (std::any_of(impl_->sources.begin(), impl_->sources.end(), untried)) impl_->sleep();
  }
  for (const SourcePtr& source : impl_->sources) {
    const JwksCache::Status status = source->cache.status().front();
    if (source->where.is_file && !status.has_keys) return fail(status.location + ": " + status.error);
  }
  return {};
}

void KeyKeeper::start() {
  impl_->started = true;
  impl_->begin_thread();
}

void KeyKeeper::stop() {
  impl_->stopping.store(true, std::memory_order_release);
  if (!impl_->thread.joinable()) return;
  curl_multi_wakeup(impl_->multi);
  impl_->thread.join();
}

bool KeyKeeper::on_unknown_key(KeyPurpose purpose) {
  if (impl_->stopping.load(std::memory_order_acquire)) return false;
  {
    const std::lock_guard lock(impl_->mutex);
    bool under_way = false;
    for (const SourcePtr& source : impl_->sources) under_way = source->cache.on_unknown_key(purpose, read_clock()) || under_way;
    if (!under_way) return false;
    impl_->awaited[static_cast<std::size_t>(purpose)] = true;
  }
  curl_multi_wakeup(impl_->multi);
  return true;
}

void KeyKeeper::reload(const config::Config& config) {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->set_sources(config);
  }
  impl_->begin_thread();
  curl_multi_wakeup(impl_->multi);
}

}  // namespace sparc::server
