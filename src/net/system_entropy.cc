#include "net/system_entropy.h"

#include <sys/random.h>

#include <cerrno>
#include <cstdlib>

namespace sparc::net {
namespace {

void from_kernel(std::span<std::byte> out) {
  while (!out.empty()) {
    const ssize_t got = ::getrandom(out.data(), out.size(), 0);
    if (got < 0 && errno != EINTR) std::abort();
    if (got > 0) out = out.subspan(static_cast<std::size_t>(got));
  }
}

}  // namespace

void SystemEntropy::fill(std::span<std::byte> out) {
  if (out.size() > buffer_.size()) return from_kernel(out);
  if (buffer_.size() - used_ < out.size()) {
    from_kernel(buffer_);
    used_ = 0;
  }
  std::memcpy(out.data(), buffer_.data() + used_, out.size());
  std::memset(buffer_.data() + used_, 0, out.size());
  used_ += out.size();
}

}  // namespace sparc::net
