#include "session/session.h"

#include <algorithm>

namespace sparc::session {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

std::size_t bytes_of(const protocol::Request& request) {
  const std::size_t payload = std::visit(
      []<class T>(const T& c) {
        std::size_t size = 256;
        if constexpr (requires { c.more_args; }) size += c.more_args.size();
        if constexpr (requires { c.attachments; }) {
          size += c.data.size();
          for (const std::string& attachment : c.attachments) size += attachment.size();
        }
        return size;
      },
      request.command);
  return sizeof(protocol::Request) + std::max(payload, request.bytes);
}

}  // namespace

std::string_view namespace_of(const protocol::Command& command) {
  return std::visit(Overloaded{
                        [](const protocol::Join& c) { return std::string_view(c.wants.ns); },
                        [](const protocol::Leave& c) { return std::string_view(c.ns); },
                        [](const protocol::Subscribe& c) { return std::string_view(c.ns); },
                        [](const protocol::Unsubscribe& c) { return std::string_view(c.ns); },
                        [](const protocol::Event& c) { return std::string_view(c.ns); },
                        [](const protocol::Presence& c) { return std::string_view(c.ns); },
                        [](const protocol::History& c) { return std::string_view(c.ns); },
                        [](const protocol::Publish& c) { return std::string_view(c.ns); },
                        [](const protocol::Ask& c) { return std::string_view(c.ns); },
                        [](const auto&) { return std::string_view{}; },
                    },
                    command);
}

NamespaceState* Session::find(NamespaceId ns) {
  for (NamespaceState& state : namespaces) {
    if (state.ns == ns) return &state;
  }
  return nullptr;
}

Session::Busy& Session::busy() {
  if (!busy_) busy_ = std::make_unique<Busy>();
  return *busy_;
}

void Session::rest() {
  if (busy_ && busy_->waiting.empty() && busy_->parked.empty() && busy_->in_flight.empty()) busy_.reset();
}

bool Session::must_wait(std::string_view ns) const {
  if (!busy_) return false;
  for (const std::string& waiting : busy_->waiting) {
    if (waiting.empty() || waiting == ns) return true;
  }
  return std::any_of(busy_->parked.begin(), busy_->parked.end(), [&](const auto& item) {
    const std::string_view other = namespace_of(item.first.command);
    return other == ns || std::holds_alternative<protocol::Auth>(item.first.command);
  });
}

Turn Session::arrive(protocol::Request& request, const Limits& limits) {
  if (std::holds_alternative<protocol::Pong>(request.command)) return Turn::now;
  if (request.id) {
    std::vector<std::int64_t>& in_flight = busy().in_flight;
    if (std::find(in_flight.begin(), in_flight.end(), *request.id) != in_flight.end()) return Turn::duplicate;
    if (in_flight.size() >= limits.connection_requests_max) return Turn::busy;
    in_flight.push_back(*request.id);
  }
  const bool behind_all = std::holds_alternative<protocol::Auth>(request.command) && has_parked();
  if (!behind_all && !must_wait(namespace_of(request.command))) return Turn::now;
  const std::size_t bytes = bytes_of(request);
  Busy& state = busy();
  if (state.parked.size() >= limits.connection_parked_frames_max ||
      state.parked_bytes + bytes > limits.connection_parked_bytes_max) {
    return Turn::full;
  }
  state.parked_bytes += bytes;
  state.parked.emplace_back(std::move(request), bytes);
  return Turn::parked;
}

void Session::answered(std::int64_t id) {
  if (!busy_) return;
  auto found = std::find(busy_->in_flight.begin(), busy_->in_flight.end(), id);
  if (found == busy_->in_flight.end()) return;
  *found = busy_->in_flight.back();
  busy_->in_flight.pop_back();
  rest();
}

void Session::begin_wait(std::string_view ns) { busy().waiting.emplace_back(ns); }

void Session::end_wait(std::string_view ns) {
  if (!busy_) return;
  auto found = std::find(busy_->waiting.begin(), busy_->waiting.end(), ns);
  if (found != busy_->waiting.end()) busy_->waiting.erase(found);
  rest();
}

std::optional<protocol::Request> Session::unpark() {
  if (!busy_) return std::nullopt;
  std::vector<std::string_view> skipped;
  for (auto it = busy_->parked.begin(); it != busy_->parked.end(); ++it) {
    const std::string_view ns = namespace_of(it->first.command);
    bool waits = std::find(skipped.begin(), skipped.end(), ns) != skipped.end();
    for (const std::string& waiting : busy_->waiting) waits = waits || waiting.empty() || waiting == ns;
    if (std::holds_alternative<protocol::Auth>(it->first.command) && it != busy_->parked.begin()) return std::nullopt;
    if (waits) {
      skipped.push_back(ns);
      continue;
    }
    protocol::Request request = std::move(it->first);
    busy_->parked_bytes -= it->second;
    busy_->parked.erase(it);
    rest();
    return request;
  }
  return std::nullopt;
}

}  // namespace sparc::session
