#pragma once
// The HTTP API of one thread: health, metrics, and what services ask for.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/identity.h"
#include "base/slab.h"
#include "http/request_parser.h"
#include "protocol/json_checker.h"
#include "shard/host.h"

namespace sparc::server {

class IoThread;

/// A client as lists and hooks show it.
[[nodiscard]] std::string client_json(const shard::ClientInfo& client);

/// Answers requests that are no upgrade. Every request is answered exactly once, at once or later.
/// Thread: its own.
class Api {
 public:
  explicit Api(IoThread& thread) : thread_(thread) {}
  void handle(ConnectionId id, std::uint64_t exchange, const http::Request& request);

 private:
  /// Where an answer goes.
  struct Exchange {
    ConnectionId id;
    std::uint64_t number = 0;
    bool keep_alive = true;
    bool head = false;
    std::string origin;  // of an allowed one: CORS fields are due
  };
  void answer(const Exchange& to, int status, std::string_view body, std::string_view content_type = "application/json",
              std::int64_t retry_after_ms = 0, std::string_view allow = {});
  void refuse(const Exchange& to, const Fault& fault);
  void refuse(const Exchange& to, int status, const Fault& fault, std::string_view allow = {});
  [[nodiscard]] std::optional<ServiceIdentity> service(const Exchange& to, const http::Request& request, Scope scope);

  void audit(ConnectionId id, std::string_view what, const ServiceIdentity& who, std::string_view detail);

  void api(Exchange to, const http::Request& request, std::string_view name);
  void health(const Exchange& to, std::string_view path);
  void metrics(Exchange to);
  void broadcast(Exchange to, const http::Request& request, const ServiceIdentity& who);
  void connections(Exchange to, const http::Request& request, const ServiceIdentity& who);
  void rooms(Exchange to, const http::Request& request, const ServiceIdentity& who);
  void presence(Exchange to, const http::Request& request, const ServiceIdentity& who);
  void history(Exchange to, const http::Request& request, const ServiceIdentity& who);
  void disconnect(Exchange to, const http::Request& request, const ServiceIdentity& who);
  void rollout(const Exchange& to);

  IoThread& thread_;
  protocol::JsonChecker json_;
};

}  // namespace sparc::server
