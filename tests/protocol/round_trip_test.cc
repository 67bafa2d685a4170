// What one side writes, the other reads, for arbitrary texts and JSON.

#include <gtest/gtest.h>

#include <rapidcheck.h>
#include <rapidcheck/gtest.h>
#include <nlohmann/json.hpp>

#include "protocol/as_json.h"
#include "protocol/native/request_writer.h"
#include "protocol/scalar.h"

namespace sparc::protocol::native::testing {
namespace {

using nlohmann::json;

std::string any_text(std::size_t most = 12) {
  static const std::vector<std::string> pieces{"a", "Z", "7",  ":", "/", "\"", "\\",     " ",
                                               "é", "€", "😀", "{", "]", ",",  "\\u0041"};
  std::string out;
  const auto count = *rc::gen::inRange<std::size_t>(1, most);
  for (std::size_t i = 0; i < count; ++i) out += *rc::gen::elementOf(pieces);
  return out;
}

std::string any_json(int depth = 3) {
  switch (*rc::gen::inRange(0, depth > 0 ? 7 : 5)) {
    case 0: return *rc::gen::element<std::string>("1.0", "1e2", "-0", "12345678901234567890123", "0.10", "5E-3");
    case 1: return "true";
    case 2: return "null";
    case 3: return json(any_text()).dump();
    case 4: return *rc::gen::element<std::string>("[ ]", "{ }", "\"\\u00e9\\n\"", "\"\"");
    case 5: return "[" + any_json(depth - 1) + " ,\n" + any_json(depth - 1) + "]";
    default: return "{" + json(any_text()).dump() + " : " + any_json(depth - 1) + ",\"b\":" + any_json(depth - 1) + "}";
  }
}

bool coin() { return *rc::gen::arbitrary<bool>(); }

std::vector<std::string> any_texts(int least = 0) {
  std::vector<std::string> out(static_cast<std::size_t>(*rc::gen::inRange(least, 4)));
  for (auto& text : out) text = any_text();
  return out;
}

std::optional<Position> any_position() {
  if (coin()) return std::nullopt;
  return Position{coin() ? any_text() : "", *rc::gen::inRange<std::uint64_t>(0, 1ULL << 53)};
}

Subscribe any_wants() {
  Subscribe out;
  out.ns = any_text();
  out.rooms = any_texts();
  out.topics.kind = *rc::gen::element(Choice<std::string>::Kind::absent, Choice<std::string>::Kind::everything,
                                      Choice<std::string>::Kind::list);
  if (out.topics.kind == Choice<std::string>::Kind::list) out.topics.items = any_texts();
  out.filters.kind =
      *rc::gen::element(Choice<Filter>::Kind::absent, Choice<Filter>::Kind::everything, Choice<Filter>::Kind::list);
  if (out.filters.kind != Choice<Filter>::Kind::list) return out;
  out.filters.items.resize(*rc::gen::inRange<std::size_t>(0, 3));
  for (auto& filter : out.filters.items) {
    filter.every_ms = coin() ? 0 : *rc::gen::inRange(1U, 100'000U);
    for (const char* name : {"alpha", "q\"uote"}) {
      if (coin()) continue;
      std::vector<Scalar> values{string_scalar(any_text()), scalar_of(*rc::gen::element<std::string>("1.0", "-2.5e-30", "7e40"))};
      std::sort(values.begin(), values.end());
      filter.fields.emplace_back(name, values);
    }
  }
  return out;
}

template <class T>
void any_arguments(T& out) {
  out.event = any_text();
  if (coin()) return;
  out.data = any_json();
  if (coin()) out.more_args = any_json() + "," + any_json();
}

Command any_command() {
  switch (*rc::gen::inRange(0, 13)) {
    case 0: return Auth{any_text()};
    case 1: return Join{any_wants(), any_position()};
    case 2: return Leave{any_text()};
    case 3: return any_wants();
    case 4: return Unsubscribe{any_text(), any_texts()};
    case 5: return Presence{any_text(), any_text()};
    case 6: return History{any_text(), any_position(), *rc::gen::inRange(0U, 5'000U)};
    case 7: return Handle{any_text(), any_texts(), coin()};
    case 8:
      return coin() ? Result{any_text(), coin() ? any_json() : "", {}, "", ""}
                    : Result{any_text(), "", {}, any_text(), coin() ? any_text() : ""};
    case 9: return coin() ? Command(Watch{{"client:connected"}}) : Command(Pong{});
    case 11: {
      Ask ask;
      ask.ns = any_text();
      if (coin()) {
        ask.connection = any_text();
      } else {
        ask.rooms = any_texts(1);
        if (coin()) ask.except = any_texts(1);
      }
      any_arguments(ask);
      ask.tenant = coin() ? "t1" : "";
      ask.timeout_ms = coin() ? 0 : *rc::gen::inRange(1U, 100'000U);
      return ask;
    }
    case 10: {
      Event event;
      event.ns = any_text();
      any_arguments(event);
      return event;
    }
    default: {
      Publish publish;
      publish.ns = any_text();
      publish.rooms = any_texts(1);
      any_arguments(publish);
      if (coin()) publish.except = any_texts(1);
      publish.publication_id = coin() ? any_text() : "";
      publish.tenant = coin() ? "t1" : "";
      return publish;
    }
  }
}

RC_GTEST_PROP(RoundTrip, ARequestThatIsWrittenIsReadAsItWas, ()) {
  Request request;
  if (coin()) request.id = *rc::gen::inRange<std::int64_t>(-id_max, id_max);
  request.command = any_command();
  std::string message;
  append_request(message, request);
  Decoder decoder;
  const auto decoded = decoder.text(message);
  RC_LOG() << message << (decoded[0] ? "" : decoded[0].error().fault.message);
  RC_ASSERT(decoded.size() == 1U);
  RC_ASSERT(decoded[0].has_value());
  RC_ASSERT(as_json(*decoded[0]) == as_json(request));
}

RC_GTEST_PROP(RoundTrip, AttachmentsOfARequestArriveAsTheyWere, ()) {
  Event event;
  event.ns = any_text();
  event.event = any_text();
  event.data = any_json();
  event.attachments = *rc::gen::resize(10, rc::gen::container<std::vector<std::string>>(rc::gen::string<std::string>()));
  RC_PRE(event.attachments.size() <= attachments_max);
  const Request request{7, event};
  std::string message;
  append_binary_request(message, request);
  Decoder decoder;
  const auto decoded = decoder.binary(message);
  RC_ASSERT(decoded.has_value());
  RC_ASSERT(as_json(*decoded) == as_json(request));
}

RC_GTEST_PROP(RoundTrip, AnEventThatIsRenderedIsReadAsItWas, ()) {
  Publication p;
  p.event = any_text();
  p.id = any_text();
  p.timestamp_ms = *rc::gen::inRange<std::int64_t>(0, 4'102'444'800'000);
  p.offset = *rc::gen::inRange<std::uint64_t>(0, 1ULL << 53);
  p.provisional = coin();
  p.data = any_json();
  if (coin()) p.more_args = any_json() + " , " + any_json();
  if (coin()) p.attachments = *rc::gen::resize(8, rc::gen::container<std::vector<std::string>>(rc::gen::string<std::string>()));
  RC_PRE(p.attachments.size() <= attachments_max);
  const std::string ns = any_text(), room = coin() ? any_text() : "";
  std::string message;
  if (p.attachments.empty()) {
    append_event(message, ns, room, p);
  } else {
    append_binary_event(message, ns, room, p);
  }
  PushDecoder decoder;
  const auto decoded = p.attachments.empty() ? decoder.text(message) : decoder.binary(message);
  RC_LOG() << message << (decoded ? "" : decoded.error());
  RC_ASSERT(decoded.has_value());
  const auto& event = std::get<EventPush>(decoded->front());
  RC_ASSERT(event.ns == ns);
  RC_ASSERT(event.room == room);
  RC_ASSERT(event.event == p.event);
  RC_ASSERT(event.id == p.id);
  RC_ASSERT(event.offset == p.offset);
  RC_ASSERT(event.provisional == p.provisional);
  RC_ASSERT(event.data == p.data);
  RC_ASSERT(event.more_args == p.more_args);
  RC_ASSERT(std::equal(event.attachments.begin(), event.attachments.end(), p.attachments.begin(), p.attachments.end()));
  RC_ASSERT(rendered(decoded->front()) == message);
}

RC_GTEST_PROP(RoundTrip, SeveralFramesInOneMessageAreReadInTheirOrder, ()) {
  std::vector<Request> requests(*rc::gen::inRange<std::size_t>(1, 6));
  std::string message = "[";
  for (auto& request : requests) {
    request.command = any_command();
    if (message.size() > 1) message += " ,";
    append_request(message, request);
  }
  message += "]";
  Decoder decoder;
  const auto decoded = decoder.text(message);
  RC_ASSERT(decoded.size() == requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    RC_ASSERT(decoded[i].has_value());
    RC_ASSERT(as_json(*decoded[i]) == as_json(requests[i]));
  }
}

}  // namespace
}  // namespace sparc::protocol::native::testing
