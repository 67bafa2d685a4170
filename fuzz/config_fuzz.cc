// Configuration text: whatever it says, it is either refused with a mistake that names a place, or what is printed of it says the
// same when it is loaded again.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "server/config/describe.h"
#include "server/config/load.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sparc::config;
  Sources sources;
  sources.file_name = "f";
  sources.file_text = std::string(reinterpret_cast<const char*>(data), size);
  const auto loaded = load(sources);
  if (!loaded) {
    if (loaded.error().empty()) std::abort();
    return 0;
  }
  sources.file_text = effective_toml(*loaded);
  if (sources.file_text->find(redacted) != std::string::npos) return 0;
  const auto again = load(sources);
  if (!again || effective_toml(*again).size() == 0) std::abort();
  for (std::string_view key : {"namespaces = ", "rooms = ", "limits.user_messages = ", "host = ", "cors_origins = "}) {
    const auto line = [&](const std::string& text) {
      return text.substr(text.find(key), text.find("  #", text.find(key)) - text.find(key));
    };
    if (line(*sources.file_text) != line(effective_toml(*again))) std::abort();
  }
  return 0;
}
