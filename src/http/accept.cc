#include "http/accept.h"

namespace sparc::http {
namespace {

/// Whether the parameters behind an element's first ';' have a weight of 0 ("q=0", "q=0.000").
bool refused_by_weight(std::string_view parameters) {
  while (!parameters.empty()) {
    const std::size_t semicolon = parameters.find(';');
    const std::string_view parameter = trim_blanks(parameters.substr(0, semicolon));
    if (parameter.size() > 2 && equals_ignoring_case(parameter.substr(0, 2), "q=")) {
      return parameter.substr(2).find_first_not_of("0.") == std::string_view::npos;
    }
    if (semicolon == std::string_view::npos) break;
    parameters.remove_prefix(semicolon + 1);
  }
  return false;
}

/// Calls `visit(name, refused)` for each element of each line of the field.
template <class F>
void for_each_weighted(Headers headers, std::string_view field, F&& visit) {
  for (const Header& header : headers) {
    if (!equals_ignoring_case(header.name, field)) continue;
    for_each_in_list(header.value, [&](std::string_view element) {
      const std::size_t semicolon = element.find(';');
      const bool weighted = semicolon != std::string_view::npos;
      visit(trim_blanks(element.substr(0, semicolon)), weighted && refused_by_weight(element.substr(semicolon + 1)));
    });
  }
}

/// 3: the type itself, 2: its "text/*", 1: "*/*", 0: no match.
int specificity(std::string_view range, std::string_view type) {
  if (equals_ignoring_case(range, type)) return 3;
  if (range == "*/*") return 1;
  const std::string_view family = type.substr(0, type.find('/') + 1);
  const bool same_family =
      range.size() == family.size() + 1 && range.back() == '*' && equals_ignoring_case(range.substr(0, family.size()), family);
  return same_family ? 2 : 0;
}

}  // namespace

bool accepts_type(Headers headers, std::string_view type) {
  if (count_headers(headers, "Accept") == 0) return true;
  int best = 0;
  bool accepted = false;
  for_each_weighted(headers, "Accept", [&](std::string_view range, bool refused) {
    const int rank = specificity(range, type);
    if (rank <= best) return;
    best = rank;
    accepted = !refused;
  });
  return accepted;
}

bool accepts_coding(Headers headers, std::string_view coding) {
  int best = 0;
  bool accepted = false;
  for_each_weighted(headers, "Accept-Encoding", [&](std::string_view name, bool refused) {
    const int rank = equals_ignoring_case(name, coding) ? 2 : name == "*" ? 1 : 0;
    if (rank <= best) return;
    best = rank;
    accepted = !refused;
  });
  return accepted;
}

}  // namespace sparc::http
