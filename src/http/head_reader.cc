#include "http/head_reader.h"

#include <cstdint>
#include <cstring>

namespace sparc::http {
namespace {

/// Below 0x20 but the tab, CR and LF; and DEL. Eight bytes at a time where none of them is below 0x20 or is 0x7f.
bool has_forbidden_control(std::string_view bytes) {
  constexpr std::uint64_t ones = 0x0101010101010101ULL, high_bits = 0x80 * ones;
  std::size_t i = 0;
  while (i < bytes.size()) {
    if (bytes.size() - i >= 8) {
      std::uint64_t word;
      std::memcpy(&word, bytes.data() + i, 8);
      const std::uint64_t below_space = (word - 0x20 * ones) & ~word & high_bits;
      const std::uint64_t without_del = word ^ (0x7f * ones);
      if ((below_space | ((without_del - ones) & ~without_del & high_bits)) == 0) {
        i += 8;
        continue;
      }
    }
    const auto byte = static_cast<unsigned char>(bytes[i]);
    if ((byte < 0x20 && byte != '\t' && byte != '\r' && byte != '\n') || byte == 0x7f) return true;
    ++i;
  }
  return false;
}

}  // namespace

void HeadReader::clear() {
  head_.clear();
  line_begin_ = 0;
  skipped_ = false;
  complete_ = false;
}

HeadReader::Fed HeadReader::feed(std::string_view input, std::size_t bytes_max) {
  Fed fed;
  while (fed.consumed < input.size() && !complete_) {
    const std::string_view rest = input.substr(fed.consumed);
    const std::size_t line_feed = rest.find('\n');
    const bool ends = line_feed != std::string_view::npos;
    const std::string_view piece = ends ? rest.substr(0, line_feed + 1) : rest;
    const std::string_view taken = piece.substr(0, bytes_max - head_.size());
    fed.consumed += taken.size();
    head_.append(taken);
    if (has_forbidden_control(taken)) {
      fed.refusal = {400, "control character in the head"};
    } else if (taken.size() < piece.size()) {
      fed.refusal = {431, "the head is too large"};
    } else if (ends) {
      fed.refusal = end_line();
    }
    if (fed.refusal) return fed;
  }
  fed.complete = complete_;
  return fed;
}

std::optional<Refusal> HeadReader::end_line() {
  const std::string_view line = std::string_view(head_).substr(line_begin_);
  if (!line.ends_with("\r\n")) return Refusal{400, "a line must end with CR LF"};
  if (line.find('\r') != line.size() - 2) return Refusal{400, "CR within a line"};
  if (line.front() == ' ' || line.front() == '\t') return Refusal{400, "folded header line"};
  const bool empty = line.size() == 2;
  if (empty && line_begin_ == 0) {
    if (skipped_) return Refusal{400, "empty lines before the first line"};
    skipped_ = true;
    head_.clear();
    return std::nullopt;
  }
  line_begin_ = head_.size();
  complete_ = empty;
  return std::nullopt;
}

}  // namespace sparc::http
