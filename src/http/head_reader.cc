#include "http/head_reader.h"

#include <algorithm>

namespace sparc::http {
namespace {

bool has_forbidden_control(std::string_view bytes) {
  return std::any_of(bytes.begin(), bytes.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && byte != '\t' && byte != '\r' && byte != '\n') || byte == 0x7f;
  });
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
