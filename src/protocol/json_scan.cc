#include "protocol/json_scan.h"

#include <array>
#include <charconv>
#include <cstring>

namespace sparc::protocol::json {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// The index behind the closing quote of the string whose opening quote is at `at`.
std::size_t string_end(std::string_view text, std::size_t at) {
  std::size_t from = at + 1;
  while (from < text.size()) {
    const void* found = std::memchr(text.data() + from, '"', text.size() - from);
    if (found == nullptr) return text.size();
    const std::size_t quote = static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
    std::size_t first = quote;
    while (first > at + 1 && text[first - 1] == '\\') --first;
    if (((quote - first) & 1) == 0) return quote + 1;
    from = quote + 1;
  }
  return text.size();
}

enum Mark : std::uint8_t { other, quote_mark, open_mark, close_mark };

constexpr std::array<std::uint8_t, 256> make_marks() {
  std::array<std::uint8_t, 256> marks{};
  marks['"'] = quote_mark;
  marks['{'] = marks['['] = open_mark;
  marks['}'] = marks[']'] = close_mark;
  return marks;
}
constexpr auto marks = make_marks();

std::size_t container_end(std::string_view text, std::size_t at) {
  std::size_t depth = 0;
  while (at < text.size()) {
    switch (marks[static_cast<unsigned char>(text[at])]) {
      case quote_mark: at = string_end(text, at); continue;
      case open_mark: ++depth; break;
      case close_mark:
        if (--depth == 0) return at + 1;
        break;
      default: break;
    }
    ++at;
  }
  return text.size();
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// The code unit of the four digits at `at`; -1 where there are none.
int code_unit(std::string_view text, std::size_t at) {
  if (at + 4 > text.size()) return -1;
  int unit = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const int digit = hex_digit(text[at + i]);
    if (digit < 0) return -1;
    unit = unit * 16 + digit;
  }
  return unit;
}

void append_utf8(std::string& out, std::uint32_t code) {
  const auto put = [&out](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | code >> 6);
    put(0x80 | (code & 63));
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12);
    put(0x80 | (code >> 6 & 63));
    put(0x80 | (code & 63));
  } else {
    put(0xf0 | code >> 18);
    put(0x80 | (code >> 12 & 63));
    put(0x80 | (code >> 6 & 63));
    put(0x80 | (code & 63));
  }
}

/// `at` is the index behind `\u`, and is moved behind the digits (of both halves of a pair).
bool append_unicode_escape(std::string& out, std::string_view text, std::size_t& at) {
  const int unit = code_unit(text, at);
  if (unit < 0) return false;
  at += 4;
  if (unit < 0xd800 || unit > 0xdfff) {
    append_utf8(out, static_cast<std::uint32_t>(unit));
    return true;
  }
  if (unit > 0xdbff || at + 6 > text.size() || text[at] != '\\' || text[at + 1] != 'u') return false;
  const int low = code_unit(text, at + 2);
  if (low < 0xdc00 || low > 0xdfff) return false;
  at += 6;
  append_utf8(out, 0x10000U + (static_cast<std::uint32_t>(unit - 0xd800) << 10) + static_cast<std::uint32_t>(low - 0xdc00));
  return true;
}

char simple_escape(char c) {
  switch (c) {
    case 'n': return '\n';
    case 't': return '\t';
    case 'r': return '\r';
    case 'b': return '\b';
    case 'f': return '\f';
    default: return c;
  }
}

std::string_view member(std::string_view object, std::string_view name) {
  std::string_view found;
  if (kind_of(object) != Kind::object) return found;
  Walker walker(object);
  std::string storage;
  while (walker.next()) {
    const auto key = view_string(walker.key, storage);
    if (key && *key == name) found = walker.value;
  }
  return found;
}

std::string_view element(std::string_view array, std::string_view index) {
  std::size_t wanted = 0;
  const auto [end, error] = std::from_chars(index.data(), index.data() + index.size(), wanted);
  if (error != std::errc{} || end != index.data() + index.size() || (index.size() > 1 && index[0] == '0')) return {};
  Walker walker(array);
  for (std::size_t i = 0; walker.next(); ++i) {
    if (i == wanted) return walker.value;
  }
  return {};
}

std::string unescaped_token(std::string_view token) {
  std::string out;
  for (std::size_t i = 0; i < token.size(); ++i) {
    if (token[i] == '~' && i + 1 < token.size()) {
      out.push_back(token[++i] == '1' ? '/' : '~');
    } else {
      out.push_back(token[i]);
    }
  }
  return out;
}

}  // namespace

Kind kind_of(std::string_view raw) {
  if (raw.empty()) return Kind::none;
  switch (raw.front()) {
    case 'n': return Kind::null;
    case 't':
    case 'f': return Kind::boolean;
    case '"': return Kind::string;
    case '[': return Kind::array;
    case '{': return Kind::object;
    default: return Kind::number;
  }
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::size_t value_end(std::string_view text, std::size_t at) {
  if (at >= text.size()) return text.size();
  if (text[at] == '"') return string_end(text, at);
  if (text[at] == '{' || text[at] == '[') return container_end(text, at);
  while (at < text.size() && text[at] != ',' && text[at] != '}' && text[at] != ']' && !is_space(text[at])) ++at;
  return at;
}

Walker::Walker(std::string_view container) : text_(container), object_(!container.empty() && container.front() == '{') {}

void Walker::skip_space() {
  while (at_ < text_.size() && is_space(text_[at_])) ++at_;
}

bool Walker::next() {
  skip_space();
  if (at_ < text_.size() && text_[at_] == ',') {
    ++at_;
    skip_space();
  }
  if (at_ >= text_.size() || text_[at_] == '}' || text_[at_] == ']') return false;
  if (object_) {
    const std::size_t end = value_end(text_, at_);
    key = text_.substr(at_, end - at_);
    at_ = end;
    skip_space();
    ++at_;  // the colon
    skip_space();
    if (at_ >= text_.size()) return false;
  }
  const std::size_t end = value_end(text_, at_);
  if (end == at_) return false;
  value = text_.substr(at_, end - at_);
  at_ = end;
  return true;
}

bool read_string(std::string_view raw, std::string& out) {
  out.clear();
  if (raw.size() < 2 || raw.front() != '"' || raw.back() != '"') return false;
  const std::string_view text = raw.substr(1, raw.size() - 2);
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t escape = std::min(text.find('\\', at), text.size());
    out.append(text, at, escape - at);
    if (escape + 1 >= text.size()) return escape == text.size();
    at = escape + 2;
    if (text[escape + 1] != 'u') {
      out.push_back(simple_escape(text[escape + 1]));
    } else if (!append_unicode_escape(out, text, at)) {
      return false;
    }
  }
  return true;
}

std::optional<std::string_view> view_string(std::string_view raw, std::string& storage) {
  if (raw.size() < 2 || raw.front() != '"' || raw.back() != '"') return std::nullopt;
  const std::string_view text = raw.substr(1, raw.size() - 2);
  if (text.find('\\') == std::string_view::npos) return text;
  if (!read_string(raw, storage)) return std::nullopt;
  return storage;
}

std::optional<std::int64_t> read_integer(std::string_view raw) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(raw.data(), raw.data() + raw.size(), value);
  if (raw.empty() || error != std::errc{} || end != raw.data() + raw.size()) return std::nullopt;
  return value;
}

std::optional<bool> read_boolean(std::string_view raw) {
  if (raw == "true") return true;
  if (raw == "false") return false;
  return std::nullopt;
}

std::string_view find(std::string_view value, std::string_view path) {
  if (path.empty() || path.front() != '/') return member(value, path);
  while (!path.empty() && !value.empty()) {
    const std::size_t end = std::min(path.find('/', 1), path.size());
    const std::string token = unescaped_token(path.substr(1, end - 1));
    path.remove_prefix(end);
    const Kind kind = kind_of(value);
    value = kind == Kind::object ? member(value, token) : kind == Kind::array ? element(value, token) : std::string_view{};
  }
  return value;
}

}  // namespace sparc::protocol::json
