#include "client/resolve.h"

#include <netdb.h>
#include <sys/socket.h>

#include <memory>

namespace sparc::client {

Result<std::vector<net::Address>> resolve(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (error != 0) return fail("The host " + host + " cannot be resolved: " + ::gai_strerror(error));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list(found, ::freeaddrinfo);
  std::vector<net::Address> out;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    if (entry->ai_family != AF_INET && entry->ai_family != AF_INET6) continue;
    out.push_back(net::Address::from_sockaddr(*entry->ai_addr).with_port(port));
  }
  if (out.empty()) return fail("The host " + host + " has no address");
  return out;
}

}  // namespace sparc::client
