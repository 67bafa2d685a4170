#pragma once
// Randomness is a parameter: the system's in the server, a seed's in the simulator.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

namespace sparc {

class Entropy {
 public:
  virtual ~Entropy() = default;
  virtual void fill(std::span<std::byte> out) = 0;

  std::uint64_t next() {
    std::uint64_t value = 0;
    fill(std::as_writable_bytes(std::span(&value, 1)));
    return value;
  }
  /// Uniform in [0, bound); 0 for bound 0. The bias of the remainder is below 2^-32 for the bounds used here (delays, jitter).
  std::uint64_t below(std::uint64_t bound) { return bound == 0 ? 0 : next() % bound; }
  /// `length` characters of [a-z0-9], about 5.1 bits each.
  std::string token(std::size_t length) {
    static constexpr char alphabet[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    std::string out(length, '0');
    for (char& c : out) c = alphabet[next() % 36];
    return out;
  }
};

/// splitmix64 (Steele, Lea, Flood 2014). For simulations and tests; never for ids that a peer could guess.
class SeededEntropy final : public Entropy {
 public:
  explicit SeededEntropy(std::uint64_t seed) : state_(seed) {}
  void fill(std::span<std::byte> out) override {
    std::size_t at = 0;
    while (at < out.size()) {
      std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
      z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
      z ^= z >> 31;
      std::size_t take = out.size() - at < 8 ? out.size() - at : 8;
      std::memcpy(out.data() + at, &z, take);
      at += take;
    }
  }

 private:
  std::uint64_t state_;
};

}  // namespace sparc
