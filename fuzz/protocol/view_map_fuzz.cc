// A published payload and a request through a view's tables: what goes in as JSON comes out as JSON.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "protocol/json_checker.h"
#include "protocol/view_map.h"

using namespace sparc::protocol;

namespace {

View make_view() {
  View view;
  view.wire = View::Wire::rawws;
  view.channels = {{"a", ViewChannel::Kind::plain, true}, {"org:", ViewChannel::Kind::organization, false}};
  ViewOutput derived{"n",
                     "e",
                     "derived",
                     {"a"},
                     Condition{"/a/b", Condition::Operator::greater, "80"},
                     {{"x", "/a"}, {"y", "/a/b"}, {"z", ""}, {"w", "/0/c~1d"}}};
  ViewOutput equal{"n", "*", "equal", {}, Condition{"/a/c", Condition::Operator::not_equal, "\"v\""}, {{"c", "/a/c"}}};
  view.outputs = {{"n", "e", "", {"org:"}, {}, {}}, derived, equal};
  return view;
}

ViewInput make_input() {
  ViewInput row;
  row.event = "e";
  row.has = "a";
  row.argument = "a";
  row.copied = {"a", "b", "/a"};
  return row;
}

void check_json(std::string_view text) {
  static JsonChecker checker;
  if (!checker.fault(text).empty()) std::abort();
}

}  // namespace

/// The first line is what is published or answered, the rest the request.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const View view = make_view();
  static const ViewInput row = make_input();
  static JsonChecker checker;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t line = std::min(input.find('\n'), input.size());
  const std::string_view answer = input.substr(0, line);
  const std::string_view request = input.substr(std::min(line + 1, input.size()));
  // A container deeper than the checker allows would come from nesting what is at the limit already.
  constexpr std::size_t half = json_depth_max / 2;
  const auto usable = [&](std::string_view text) {
    return checker.fault(text).empty() &&
           static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return c == '{' || c == '['; })) < half;
  };
  if (!usable(answer)) return 0;
  sparc::Publication publication;
  publication.event = "e";
  publication.data = answer;
  publication.rooms = {"org:o1"};
  std::string scratch;
  show(view, "n", publication, all_channels, scratch, [](const Shown& shown) { check_json(shown.data); });
  if (!usable(request)) return 0;
  (void)input_of(view, "e", request);
  (void)fill_template("{a}:{b}", request);
  const std::string object = request_of(row, request);
  check_json(object);
  check_json(merge_copied(row, object, answer));
  return 0;
}
