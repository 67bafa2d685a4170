#pragma once
#include <cstdint>
#include <span>

namespace sparc::ws {

/// Masking key in the order of its bytes on the wire: the first one is the lowest in memory.
using MaskKey = std::uint32_t;

/// Masks or unmasks in place (RFC 6455 section 5.3) and returns the key for the bytes that follow.
MaskKey apply_mask(std::span<char> bytes, MaskKey key);

}  // namespace sparc::ws
