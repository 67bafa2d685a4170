#pragma once
// What an Engine does, as lines to compare.

#include <string>
#include <variant>
#include <vector>

#include "protocol/socketio/engine.h"

namespace sparc::protocol::socketio {

using Lines = std::vector<std::string>;

struct Describe {
  std::string operator()(const AnswerPoll& a) const {
    return "answer " + std::to_string(a.poll) + ": " + std::to_string(a.status) +
           (a.content_type.empty() ? "" : " " + a.content_type) + (a.body.empty() ? "" : " " + a.body);
  }
  std::string operator()(const DeliverMessage& m) const { return (m.binary ? "binary " : "message ") + m.data; }
  std::string operator()(const SendPing&) const { return "ping"; }
  std::string operator()(const SendToProbe& p) const { return "probe " + p.text; }
  std::string operator()(const CloseProbe&) const { return "close probe"; }
  std::string operator()(const Upgraded&) const { return "upgraded"; }
  std::string operator()(const EngineClosed& c) const { return "closed: " + c.reason; }
};

inline Lines actions(Engine& engine) {
  Lines lines;
  for (const EngineAction& action : engine.take_actions()) lines.push_back(std::visit(Describe{}, action));
  return lines;
}

inline const std::string payload = " text/plain; charset=UTF-8 ";
inline std::string polled(int poll, const std::string& body) {
  return "answer " + std::to_string(poll) + ": 200" + payload + body;
}
inline std::string posted(int poll) { return "answer " + std::to_string(poll) + ": 200 text/html ok"; }
inline std::string refused(int poll) { return "answer " + std::to_string(poll) + ": 400"; }
inline std::string unknown_session(int poll) {
  return refused(poll) + R"( application/json {"code":1,"message":"Session ID unknown"})";
}
inline std::string bad_request(int poll) { return refused(poll) + R"( application/json {"code":3,"message":"Bad request"})"; }

}  // namespace sparc::protocol::socketio
