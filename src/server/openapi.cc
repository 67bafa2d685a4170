#include "server/openapi.h"

namespace sparc::server {

std::string_view openapi_document() {
  static constexpr char text[] =
#include "openapi_text.inc"
      ;
  return {text, sizeof(text) - 1};
}

}  // namespace sparc::server
