#include "client/retry.h"

#include "base/codes.h"

namespace sparc::client {
namespace {

Next next_for(Retry retry) {
  switch (retry) {
    case Retry::never: return Next::stop;
    case Retry::after_new_token: return Next::new_token;
    case Retry::at_once: return Next::at_once;
    case Retry::later:
    case Retry::after_delay:
    case Retry::yes: return Next::backoff;
  }
  return Next::backoff;
}

Next next_for_close(std::uint16_t code) {
  if (code == 1008) return Next::new_token;
#define SPARC_CODE(name, close, retry, text) \
  if (close != 0 && code == (close)) return next_for(Retry::retry);
#include "base/codes.def"
#undef SPARC_CODE
  return Next::backoff;  // 1012, and whatever a proxy or a newer server says
}

Next next_for_status(std::uint16_t status, bool known_server) {
  if (status == 401) return Next::new_token;
  const bool later = status == 408 || status == 425 || status == 429;
  if (status >= 400 && status < 500 && !later && !known_server) return Next::stop;
  return Next::backoff;
}

}  // namespace

Next next_after(const LinkEnd& end, bool known_server) {
  switch (end.kind) {
    case LinkEnd::Kind::closed: return next_for_close(end.code);
    case LinkEnd::Kind::refused: return next_for_status(end.code, known_server);
    case LinkEnd::Kind::lost:
    case LinkEnd::Kind::silent:
    case LinkEnd::Kind::timed_out:
    case LinkEnd::Kind::fault:
    case LinkEnd::Kind::token: return Next::backoff;
  }
  return Next::backoff;
}

}  // namespace sparc::client
