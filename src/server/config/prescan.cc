#include "server/config/prescan.h"

namespace sparc::config {
namespace {

class Prescan {
 public:
  explicit Prescan(std::string_view text) : text_(text) {}

  std::optional<SyntaxError> run() {
    while (!at_end()) {
      const char c = text_[at_];
      if (c == '"' || c == '\'') {
        if (text_.substr(at_, 3) == std::string(3, c)) return error("texts over several lines are not used here");
        if (!may_open_quote()) return error("a quote within a word");
        SyntaxError unclosed = error("a quote that is not closed in its line");
        if (!skip_quoted(c)) return unclosed;
      } else if (c == '#') {
        while (!at_end() && text_[at_] != '\n') next();
      } else if (!plain(c)) {
        return error("a character that may stand only between quotes");
      } else {
        next();
      }
    }
    return std::nullopt;
  }

 private:
  static bool plain(char c) { return (c >= 0x20 && c < 0x7f) || c == '\t' || c == '\n' || c == '\r'; }
  [[nodiscard]] bool at_end() const { return at_ == text_.size(); }

  void next() {
    const char c = text_[at_++];
    if (c == '\n') {
      ++line_;
      column_ = 1;
    } else if ((static_cast<unsigned char>(c) & 0xc0) != 0x80) {
      ++column_;
    }
  }

  [[nodiscard]] bool may_open_quote() const {
    return at_ == 0 || std::string_view(" \t\r\n=[,{.").find(text_[at_ - 1]) != std::string_view::npos;
  }

  /// To behind the closing quote; false: the line ends before it.
  [[nodiscard]] bool skip_quoted(char quote) {
    next();
    while (!at_end() && text_[at_] != quote && text_[at_] != '\n') {
      if (text_[at_] == '\\' && quote == '"') next();
      if (!at_end()) next();
    }
    if (at_end() || text_[at_] != quote) return false;
    next();
    return true;
  }

  [[nodiscard]] SyntaxError error(std::string message) const { return {std::move(message), line_, column_}; }

  std::string_view text_;
  std::size_t at_ = 0;
  std::uint32_t line_ = 1;
  std::uint32_t column_ = 1;
};

}  // namespace

std::optional<SyntaxError> prescan_toml(std::string_view text) { return Prescan(text).run(); }

}  // namespace sparc::config
