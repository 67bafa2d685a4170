#pragma once
// Errors of the environment: a file that cannot be read, a port that is taken. A peer's fault is a `Fault` (codes.h), our own
// bug is an assertion; the three are never mixed.

#include <expected>
#include <string>
#include <utility>

namespace sparc {

struct Error {
  std::string message;  // one sentence: what was wrong and what is allowed
};

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(std::string message) { return std::unexpected(Error{std::move(message)}); }

}  // namespace sparc
