#include "protocol/placeholders.h"

#include <string>

#include "protocol/json_tokens.h"

namespace sparc::protocol {
namespace {

using json::Tokens;

/// One pass over a text; calls `closed(index, container)`, with the index in the order of opening.
class ContainerScan {
 public:
  template <class Closed>
  void run(std::string_view texts, const Closed& closed) {
    Tokens tokens(texts);
    while (tokens.next()) {
      switch (tokens.type) {
        case Tokens::Type::open_object:
        case Tokens::Type::open_array: open(tokens.type == Tokens::Type::open_object); break;
        case Tokens::Type::key: on_key(tokens.raw); break;
        case Tokens::Type::scalar: on_scalar(tokens.raw); break;
        case Tokens::Type::close:
          if (stack_.empty()) return;
          stack_.back().container.valid = stack_.back().container.valid && stack_.back().container.size == 2;
          closed(stack_.back().index, stack_.back().container);
          stack_.pop_back();
          break;
      }
    }
  }

 private:
  enum class Key : std::uint8_t { other, placeholder, number };
  struct Open {
    Container container;
    std::size_t index;
    bool object;
    Key key = Key::other;
  };

  void open(bool object) {
    count_element();
    stack_.push_back({{}, opened_++, object});
  }
  void count_element() {
    if (!stack_.empty() && !stack_.back().object) ++stack_.back().container.size;
  }
  void on_key(std::string_view raw) {
    if (stack_.empty()) return;
    ++stack_.back().container.size;
    const auto key = json::view_string(raw, storage_);
    stack_.back().key = key == "_placeholder" ? Key::placeholder : key == "num" ? Key::number : Key::other;
  }
  void on_scalar(std::string_view raw) {
    count_element();
    if (stack_.empty() || !stack_.back().object) return;
    Container& container = stack_.back().container;
    if (stack_.back().key == Key::placeholder) {
      container.placeholder = container.placeholder || raw == "true";
    } else if (stack_.back().key == Key::number) {
      const auto number = json::read_integer(raw);
      container.valid = number && *number >= 0;
      if (container.valid) container.number = static_cast<std::uint64_t>(*number);
    }
  }

  std::vector<Open> stack_;
  std::size_t opened_ = 0;
  std::string storage_;
};

}  // namespace

std::vector<Container> containers_of(std::string_view texts) {
  std::vector<Container> out;
  ContainerScan().run(texts, [&out](std::size_t index, const Container& container) {
    if (out.size() <= index) out.resize(index + 1);
    out[index] = container;
  });
  return out;
}

bool placeholders_fit(std::initializer_list<std::string_view> texts, std::size_t count) {
  std::vector<bool> seen(count);
  bool fit = true;
  for (const std::string_view text : texts) {
    // Few messages have any. An escape could spell the name of the member otherwise.
    if (text.find("_placeholder") == std::string_view::npos && text.find("\\u") == std::string_view::npos) continue;
    ContainerScan().run(text, [&](std::size_t, const Container& container) {
      if (!container.placeholder) return;
      fit = fit && container.valid && container.number < count && !seen[container.number];
      if (fit) seen[container.number] = true;
    });
  }
  return fit;
}

}  // namespace sparc::protocol
