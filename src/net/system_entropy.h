#pragma once
#include <array>
#include <cstddef>

#include "base/entropy.h"

namespace sparc::net {

/// The kernel's generator (getrandom(2)), fetched 512 bytes at a time. Bytes handed out are wiped from the buffer.
/// Errors: none; a kernel without it ends the process, because every id would be guessable.
/// Thread: one object a thread.
class SystemEntropy final : public Entropy {
 public:
  void fill(std::span<std::byte> out) override;

 private:
  std::array<std::byte, 512> buffer_{};
  std::size_t used_ = sizeof(buffer_);
};

}  // namespace sparc::net
