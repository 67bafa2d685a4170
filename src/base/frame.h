#pragma once
// Immutable bytes that many connections send: rendered once, shared by reference.

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

namespace sparc {

/// Bytes of all live blocks of one shard; a block shared by many outboxes counts once.
struct FrameAccount {
  std::size_t bytes = 0;
};

/// A reference to a shared, immutable block of bytes. The count is a plain integer: a block never leaves its shard's thread.
/// Thread: confined to the shard that made it.
class Frame {
 public:
  Frame() = default;
  /// Copies `bytes`. `account`, where given, holds them as long as the block lives, and outlives it.
  explicit Frame(std::string_view bytes, FrameAccount* account = nullptr) {
    void* memory = std::malloc(sizeof(Header) + bytes.size());
    if (memory == nullptr) throw std::bad_alloc();
    header_ = new (memory) Header{account, 1, static_cast<std::uint32_t>(bytes.size())};
    if (!bytes.empty()) std::memcpy(header_ + 1, bytes.data(), bytes.size());
    if (account != nullptr) account->bytes += bytes.size();
  }
  Frame(const Frame& other) : header_(other.header_) {
    if (header_ != nullptr) ++header_->references;
  }
  Frame(Frame&& other) noexcept : header_(std::exchange(other.header_, nullptr)) {}
  Frame& operator=(Frame other) noexcept {
    std::swap(header_, other.header_);
    return *this;
  }
  ~Frame() {
    if (header_ == nullptr || --header_->references != 0) return;
    if (header_->account != nullptr) header_->account->bytes -= header_->size;
    std::free(header_);
  }

  explicit operator bool() const { return header_ != nullptr; }
  /// Valid as long as any reference to the block lives.
  [[nodiscard]] std::string_view bytes() const {
    return header_ == nullptr ? std::string_view{} : std::string_view(reinterpret_cast<const char*>(header_ + 1), header_->size);
  }
  [[nodiscard]] std::size_t size() const { return header_ == nullptr ? 0 : header_->size; }
  [[nodiscard]] std::uint32_t references() const { return header_ == nullptr ? 0 : header_->references; }
  friend bool operator==(const Frame& a, const Frame& b) { return a.header_ == b.header_; }

 private:
  struct Header {
    FrameAccount* account;
    std::uint32_t references;
    std::uint32_t size;
  };
  Header* header_ = nullptr;
};

}  // namespace sparc
