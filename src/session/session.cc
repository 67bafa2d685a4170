#include "session/session.h"

#include <algorithm>

namespace sparc::session {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

std::size_t bytes_of(const protocol::Command& command) {
  return sizeof(protocol::Request) + std::visit(Overloaded{
                                                    [](const protocol::Event& e) {
                                                      std::size_t size = e.data.size() + e.more_args.size() + e.event.size();
                                                      for (const auto& a : e.attachments) size += a.size();
                                                      return size;
                                                    },
                                                    [](const protocol::Publish& p) {
                                                      std::size_t size = p.data.size() + p.more_args.size();
                                                      for (const auto& a : p.attachments) size += a.size();
                                                      return size;
                                                    },
                                                    [](const auto&) { return std::size_t{256}; },
                                                },
                                                command);
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

bool Session::must_wait(std::string_view ns) const {
  if (!parked_) return false;
  for (const std::string& waiting : parked_->waiting) {
    if (waiting.empty() || waiting == ns) return true;
  }
  return std::any_of(parked_->requests.begin(), parked_->requests.end(), [&](const auto& item) {
    const std::string_view other = namespace_of(item.first.command);
    return other == ns || std::holds_alternative<protocol::Auth>(item.first.command);
  });
}

Turn Session::arrive(protocol::Request& request, const Limits& limits) {
  if (std::holds_alternative<protocol::Pong>(request.command)) return Turn::now;
  if (request.id) {
    if (!in_flight_) in_flight_ = std::make_unique<std::vector<std::int64_t>>();
    if (std::find(in_flight_->begin(), in_flight_->end(), *request.id) != in_flight_->end()) return Turn::duplicate;
    if (in_flight_->size() >= limits.connection_requests_max) return Turn::busy;
    in_flight_->push_back(*request.id);
  }
  const bool behind_all = std::holds_alternative<protocol::Auth>(request.command) && has_parked();
  if (!behind_all && !must_wait(namespace_of(request.command))) return Turn::now;
  if (!parked_) parked_ = std::make_unique<Parked>();
  const std::size_t bytes = bytes_of(request.command);
  if (parked_->requests.size() >= limits.connection_parked_frames_max || parked_->bytes + bytes > limits.connection_parked_bytes_max) {
    return Turn::full;
  }
  parked_->bytes += bytes;
  parked_->requests.emplace_back(std::move(request), bytes);
  return Turn::parked;
}

void Session::answered(std::int64_t id) {
  if (!in_flight_) return;
  auto found = std::find(in_flight_->begin(), in_flight_->end(), id);
  if (found == in_flight_->end()) return;
  *found = in_flight_->back();
  in_flight_->pop_back();
  if (in_flight_->empty()) in_flight_.reset();
}

void Session::begin_wait(std::string_view ns) {
  if (!parked_) parked_ = std::make_unique<Parked>();
  parked_->waiting.emplace_back(ns);
}

void Session::end_wait(std::string_view ns) {
  if (!parked_) return;
  auto found = std::find(parked_->waiting.begin(), parked_->waiting.end(), ns);
  if (found != parked_->waiting.end()) parked_->waiting.erase(found);
  if (parked_->waiting.empty() && parked_->requests.empty()) parked_.reset();
}

std::optional<protocol::Request> Session::unpark() {
  if (!parked_) return std::nullopt;
  std::vector<std::string_view> skipped;
  for (auto it = parked_->requests.begin(); it != parked_->requests.end(); ++it) {
    const std::string_view ns = namespace_of(it->first.command);
    bool waits = std::find(skipped.begin(), skipped.end(), ns) != skipped.end();
    for (const std::string& waiting : parked_->waiting) waits = waits || waiting.empty() || waiting == ns;
    if (std::holds_alternative<protocol::Auth>(it->first.command) && it != parked_->requests.begin()) return std::nullopt;
    if (waits) {
      skipped.push_back(ns);
      continue;
    }
    protocol::Request request = std::move(it->first);
    parked_->bytes -= it->second;
    parked_->requests.erase(it);
    if (parked_->waiting.empty() && parked_->requests.empty()) parked_.reset();
    return request;
  }
  return std::nullopt;
}

}  // namespace sparc::session
