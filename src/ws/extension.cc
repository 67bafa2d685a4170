#include "ws/extension.h"

namespace sparc::ws {
namespace {

constexpr std::string_view deflate_name = "permessage-deflate";

/// Reads the grammar of RFC 6455 section 9.1 from one field value.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  void skip_blanks() {
    while (!text_.empty() && (text_.front() == ' ' || text_.front() == '\t')) text_.remove_prefix(1);
  }
  bool take(char c) {
    skip_blanks();
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool at_end() {
    skip_blanks();
    return text_.empty();
  }
  /// Empty: there is none.
  std::string token() {
    skip_blanks();
    std::size_t size = 0;
    while (size < text_.size() && is_token_char(text_[size])) ++size;
    std::string out(text_.substr(0, size));
    text_.remove_prefix(size);
    return out;
  }
  /// A token, or a quoted string whose content is one (section 9.1). Empty: neither.
  std::string value() {
    if (!take('"')) return token();
    std::string out;
    while (!text_.empty() && text_.front() != '"') {
      if (text_.front() == '\\') text_.remove_prefix(1);
      if (text_.empty() || !is_token_char(text_.front())) return {};
      out += text_.front();
      text_.remove_prefix(1);
    }
    return take('"') ? out : std::string{};
  }

 private:
  std::string_view text_;
};

std::optional<std::string_view> read_parameters(Reader& reader, Extension& extension) {
  while (reader.take(';')) {
    ExtensionParameter parameter{reader.token(), std::nullopt};
    if (parameter.name.empty()) return "extension parameter without a name";
    if (reader.take('=')) {
      parameter.value = reader.value();
      if (parameter.value->empty()) return "extension parameter with an invalid value";
    }
    if (extension.parameters.size() == extension_parameters_max) return "too many extension parameters";
    extension.parameters.push_back(std::move(parameter));
  }
  return std::nullopt;
}

std::optional<std::string_view> read_list(std::string_view text, std::vector<Extension>& list) {
  Reader reader(text);
  bool any = false;
  while (!reader.at_end()) {
    if (reader.take(',')) continue;  // empty elements are allowed (RFC 9110 section 5.6.1)
    Extension extension{reader.token(), {}};
    if (extension.name.empty()) return "invalid extension name";
    if (const auto error = read_parameters(reader, extension)) return error;
    if (!reader.at_end() && !reader.take(',')) return "invalid extension list";
    if (list.size() == extensions_max) return "too many extensions";
    list.push_back(std::move(extension));
    any = true;
  }
  return any ? std::nullopt : std::optional<std::string_view>("empty extension list");
}

/// 8-15 without a leading zero (RFC 7692 section 7.1.2); 0: anything else.
int window_bits_of(std::string_view text) {
  if (text.size() == 1 && (text[0] == '8' || text[0] == '9')) return text[0] - '0';
  if (text.size() == 2 && text[0] == '1' && text[1] >= '0' && text[1] <= '5') return 10 + (text[1] - '0');
  return 0;
}

struct DeflateParameters {
  bool server_no_context_takeover = false;
  bool client_no_context_takeover = false;
  std::optional<int> server_max_window_bits;
  std::optional<int> client_max_window_bits;  // 15 where it had no value, which only an offer may do
  bool client_max_window_bits_had_value = false;
};

/// None where a parameter is unknown, invalid or repeated.
std::optional<DeflateParameters> read_deflate(const Extension& extension) {
  DeflateParameters out;
  for (const ExtensionParameter& parameter : extension.parameters) {
    if (parameter.name == "server_no_context_takeover" || parameter.name == "client_no_context_takeover") {
      bool& flag = parameter.name[0] == 's' ? out.server_no_context_takeover : out.client_no_context_takeover;
      if (flag || parameter.value) return std::nullopt;
      flag = true;
    } else if (parameter.name == "server_max_window_bits") {
      const int bits = parameter.value ? window_bits_of(*parameter.value) : 0;
      if (out.server_max_window_bits || bits == 0) return std::nullopt;
      out.server_max_window_bits = bits;
    } else if (parameter.name == "client_max_window_bits") {
      const int bits = parameter.value ? window_bits_of(*parameter.value) : 15;
      if (out.client_max_window_bits || bits == 0) return std::nullopt;
      out.client_max_window_bits = bits;
      out.client_max_window_bits_had_value = parameter.value.has_value();
    } else {
      return std::nullopt;
    }
  }
  return out;
}

}  // namespace

std::expected<std::vector<Extension>, std::string_view> parse_extensions(Headers headers) {
  std::vector<Extension> list;
  for (const Header& header : headers) {
    if (!equals_ignoring_case(header.name, "Sec-WebSocket-Extensions")) continue;
    if (const auto error = read_list(header.value, list)) return std::unexpected(*error);
  }
  return list;
}

std::optional<DeflateAgreement> accept_deflate(const std::vector<Extension>& offers, int window_bits) {
  for (const Extension& offer : offers) {
    if (!equals_ignoring_case(offer.name, deflate_name)) continue;
    const auto parameters = read_deflate(offer);
    if (!parameters) continue;
    DeflateAgreement agreement;
    agreement.response = deflate_offer;
    if (parameters->server_max_window_bits) {
      if (*parameters->server_max_window_bits < window_bits) continue;
      agreement.response += "; server_max_window_bits=" + std::to_string(window_bits);
    }
    return agreement;
  }
  return std::nullopt;
}

std::expected<bool, std::string_view> check_deflate_response(const std::vector<Extension>& response) {
  if (response.empty()) return false;
  if (response.size() > 1 || !equals_ignoring_case(response[0].name, deflate_name)) {
    return std::unexpected("the server chose an extension that was not offered");
  }
  const auto parameters = read_deflate(response[0]);
  if (!parameters) return std::unexpected("invalid permessage-deflate response");
  // Our offer had no client_max_window_bits, so the response may not have it (section 7.1.2.2), and it demanded the other.
  if (parameters->client_max_window_bits) return std::unexpected("client_max_window_bits was not offered");
  if (!parameters->server_no_context_takeover) return std::unexpected("the server keeps its compression context");
  return true;
}

}  // namespace sparc::ws
