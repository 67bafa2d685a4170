#pragma once
// What the writers of both directions share. A key comes with what stands before its value: `,"room":`.

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/json_text.h"

namespace sparc::protocol::native {

inline void append_field(std::string& out, std::string_view key, std::string_view value) {
  out += key;
  append_json_string(out, value);
}

inline void append_field(std::string& out, std::string_view key, std::uint64_t value) {
  out += key;
  append_number(out, value);
}

inline void append_strings(std::string& out, std::span<const std::string> items) {
  out.push_back('[');
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out.push_back(',');
    append_json_string(out, items[i]);
  }
  out.push_back(']');
}

inline void append_attachment_lengths(std::string& out, std::span<const std::string> attachments) {
  out += R"(,"attachments":[)";
  for (std::size_t i = 0; i < attachments.size(); ++i) {
    if (i > 0) out.push_back(',');
    append_number(out, std::uint64_t{attachments[i].size()});
  }
  out.push_back(']');
}

/// `data` and `args` of a frame; `more_args` are JSON texts joined by commas.
inline void append_arguments(std::string& out, std::string_view data, std::string_view more_args) {
  out += R"(,"data":)";
  out += data.empty() ? std::string_view("null") : data;
  if (more_args.empty()) return;
  out += R"(,"args":[)";
  out += more_args;
  out.push_back(']');
}

/// Makes room for `bytes` more with the growth that appending would have had.
inline void make_room(std::string& out, std::size_t bytes) {
  if (out.capacity() - out.size() < bytes) out.reserve(std::max(out.capacity() * 2, out.size() + bytes));
}

}  // namespace sparc::protocol::native
