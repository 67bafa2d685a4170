// Messages of clients of the older plain-WebSocket services, and their filters as a namespace takes them.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "protocol/filter.h"
#include "protocol/json_checker.h"
#include "protocol/rawws/rawws.h"

using namespace sparc::protocol;

namespace {

sparc::protocol::View make_view() {
  View view;
  view.channels = {{"alerts", ViewChannel::Kind::plain, true},
                   {"org:", ViewChannel::Kind::organization, false},
                   {"user:", ViewChannel::Kind::user, false}};
  return view;
}

sparc::Identity make_identity() {
  sparc::Identity identity;
  identity.user_id = "u1";
  identity.organization_id = "o1";
  return identity;
}

void check_json(const std::string& text) {
  static JsonChecker checker;
  if (!checker.fault(text).empty()) std::abort();
}

/// The wire says nothing but what the client may hold, in JSON.
void look_at_channels(const std::vector<std::string>& names) {
  static const View view = make_view();
  static const sparc::Identity identity = make_identity();
  const ChannelSet set = rawws::granted(view, identity, names);
  const auto own = rawws::names_of(view, identity, set);
  if (rawws::granted(view, identity, own) != set) std::abort();
  for (const std::string& name : own) {
    if (name != "alerts" && name != "org:o1" && name != "user:u1") std::abort();
  }
  std::string out;
  rawws::append_unsubscribed(out, names);
  check_json(out);
}

void look_at_filters(const Choice<Filter>& filters) {
  static const FilterVocabulary vocabulary{{}, {{"type", {"type"}}, {"priority", {"priority", "/event/severity"}}}};
  static const sparc::Limits limits;
  const auto wish = apply(Wish{}, {}, filters, vocabulary, limits);
  if (!wish && wish.error().message.empty()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto message = rawws::decode(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!message) {
    if (message.error().message.empty() || message.error().message.size() > 256) std::abort();
    std::string out;
    rawws::append_error(out, message.error());
    check_json(out);
    return 0;
  }
  if (auto* subscribe = std::get_if<rawws::SubscribeChannels>(&*message)) {
    look_at_channels(subscribe->channels);
    look_at_filters(subscribe->filters);
  }
  if (auto* unsubscribe = std::get_if<rawws::UnsubscribeChannels>(&*message)) look_at_channels(unsubscribe->channels);
  return 0;
}
