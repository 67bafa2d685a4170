#pragma once
// `{"_placeholder":true,"num":0}` in JSON stands for binary attachment 0 (Socket.IO protocol 5).

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

namespace sparc::protocol {

/// What an object or array of a JSON text holds.
struct Container {
  std::size_t size = 0;      // members or elements
  bool placeholder = false;  // has `_placeholder: true`
  bool valid = false;        // a placeholder of exactly two members, the other a number of 0 or more
  std::uint64_t number = 0;  // of its attachment
};

/// Every object and array of `texts`, in the order of their opening. `texts` is one validated value, or several joined by commas.
[[nodiscard]] std::vector<Container> containers_of(std::string_view texts);

/// Whether every placeholder is a valid one below `count`, and none appears twice: its attachment would be written each time, so
/// that a small message could become a huge one.
/// Each of `texts` is as above.
[[nodiscard]] bool placeholders_fit(std::initializer_list<std::string_view> texts, std::size_t count);

}  // namespace sparc::protocol
