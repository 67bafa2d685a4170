// A subscribe frame, a newline, a payload: choices are applied twice to the same wish, and what passes does not depend on how the
// payload is spaced.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "protocol/filter.h"
#include "protocol/native/codec.h"

using namespace sparc;
using namespace sparc::protocol;

namespace {

const FilterVocabulary vocabulary{
    {{"security:events", {"security:*"}}, {"alerts", {"alert:*", "*:end"}}},
    {{"type", {"type", "alertType"}}, {"priority", {"priority", "/deep/priority"}}, {"metric", {"/metrics/0/name"}}}};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static native::Decoder decoder;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t line = input.find('\n');
  if (line == std::string_view::npos) return 0;
  const std::string payload(input.substr(line + 1));
  const auto decoded = decoder.text(input.substr(0, line));
  if (decoded.size() != 1 || !decoded[0] || !decoder.valid_json(payload)) return 0;
  const auto* subscribe = std::get_if<Subscribe>(&decoded[0]->command);
  if (subscribe == nullptr) return 0;
  const auto wish = apply(Wish{}, subscribe->topics, subscribe->filters, vocabulary, Limits{});
  if (!wish) return 0;
  const auto again = apply(*wish, subscribe->topics, subscribe->filters, vocabulary, Limits{});
  if (!again || *again != *wish) std::abort();
  WishTable table;
  const auto id = table.acquire(*wish, "t1", Limits{});
  if (!id || table.at(*id) != *wish) std::abort();
  const auto values = FieldValues::read(payload, vocabulary);
  const auto spaced = FieldValues::read(" \t" + payload + " ", vocabulary);
  for (const char* event : {"security:event", "alert:created", "other", "x:end"}) {
    if (passes(*wish, event, values, vocabulary) != passes(table.at(*id), event, spaced, vocabulary)) std::abort();
  }
  table.release(*id);
  if (table.size() != 0) std::abort();
  return 0;
}
