#include "load/options.h"

#include <cstdio>
#include <cstdlib>

namespace bench {
namespace {

struct Known {
  const char* name;
  const char* value;
  const char* meaning;
};

constexpr Known known[] = {
    {"dialect", "sparc",
     "what the server speaks: sparc, plain (topic servers and the floor), raw-floor, socketio, sparc-socketio"},
    {"host", "127.0.0.1", "IPv4 address of the server"},
    {"port", "0", "its port"},
    {"pid", "0", "its process, for CPU and memory; 0: not measured"},
    {"core", "-1", "the generator pins itself to this core; -1: no pinning"},
    {"connections", "1000", "subscribers (fanout, burst, priority), or connections of the mode"},
    {"sources", "16", "source addresses 127.0.0.2 and up that clients bind to"},
    {"concurrency", "128", "handshakes in flight while connecting"},
    {"payload", "200", "bytes of the JSON payload of a publication"},
    {"window", "16", "fanout: publications outstanding; echo, rpc: messages outstanding per connection"},
    {"rate", "0", "fanout: publications per second instead of a window"},
    {"burst", "64", "burst: publications sent at once"},
    {"gap-ms", "0", "burst: pause between the last delivery of a burst and the next burst"},
    {"warmup", "0.5", "seconds of load that are not measured"},
    {"duration", "2", "seconds of load that are measured"},
    {"size", "64", "echo: bytes of a message"},
    {"first", "1000", "idle: connections at the first reading"},
    {"settle", "1.5", "idle: seconds between the last connection and a reading"},
    {"transport", "websocket", "socketio, sparc-socketio: how clients come, websocket or polling"},
    {"socketio-namespace", "/alerts", "sparc-socketio: the Socket.IO namespace that they connect to"},
    {"namespace", "alerts", "sparc: namespace that subscribers join"},
    {"event", "alert:created", "sparc: event that is published"},
    {"tenant", "t1", "sparc: tenant of the subscribers"},
    {"secret", "bench-secret-bench-secret-bench-secret", "sparc: HS256 key of user tokens (JWT_SECRET)"},
    {"api-key", "bench-key", "sparc: key of the publisher (WEBSOCKET_API_KEY)"},
    {"filters", "0", "sparc: subscribers are spread over so many distinct filters, all of which let the publication through"},
    {"other-rooms", "0", "sparc: rooms that exist beside the measured one, in another tenant"},
    {"other-tenants", "0", "sparc: tenants with one connection each beside the measured one"},
    {"second-namespace", "video", "priority: namespace of the long fan-out, joined beside --namespace"},
    {"second-event", "stream:started", "priority: its event"},
    {"rpc-event", "echo", "rpc: client event that the server answers (sparc: WEBSOCKET_DEV_ECHO)"},
};

void usage_error(const std::string& what) {
  std::fprintf(stderr, "bench-load: %s\n%s", what.c_str(), Options::help().c_str());
  std::exit(2);
}

}  // namespace

void give_up(std::string_view why) {
  std::fprintf(stderr, "bench-load: %.*s\n", static_cast<int>(why.size()), why.data());
  std::exit(1);
}

std::string Options::help() {
  std::string out = "bench-load fanout|burst|priority|echo|rpc|handshake|connect|idle [--option value …]\n";
  for (const Known& k : known) {
    out += "  --" + std::string(k.name) + " (" + k.value + "): " + k.meaning + "\n";
  }
  return out;
}

Options::Options(int argc, char** argv) {
  for (const Known& k : known) values_[k.name] = k.value;
  if (argc < 2) usage_error("no mode");
  mode_ = argv[1];
  if (mode_ == "--help") {
    std::fputs(help().c_str(), stdout);
    std::exit(0);
  }
  for (int i = 2; i < argc; i += 2) {
    std::string name = argv[i];
    if (!name.starts_with("--") || !values_.contains(name.substr(2))) usage_error("unknown option " + name);
    if (i + 1 == argc) usage_error(name + " needs a value");
    values_[name.substr(2)] = argv[i + 1];
  }
}

std::string Options::text(std::string_view name) const {
  auto found = values_.find(name);
  if (found == values_.end()) give_up("no option " + std::string(name));
  return found->second;
}

std::int64_t Options::number(std::string_view name) const {
  const std::string value = text(name);
  char* end = nullptr;
  const long long parsed = std::strtoll(value.c_str(), &end, 10);
  if (value.empty() || *end != '\0') usage_error("--" + std::string(name) + " is not a number: " + value);
  return parsed;
}

double Options::real(std::string_view name) const {
  const std::string value = text(name);
  char* end = nullptr;
  const double parsed = std::strtod(value.c_str(), &end);
  if (value.empty() || *end != '\0') usage_error("--" + std::string(name) + " is not a number: " + value);
  return parsed;
}

}  // namespace bench
