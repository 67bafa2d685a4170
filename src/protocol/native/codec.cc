#include "protocol/native/codec.h"

#include "protocol/json_checker.h"
#include "protocol/json_scan.h"
#include "protocol/native/attachments.h"
#include "protocol/native/codec_requests.h"
#include "protocol/native/frame_fields.h"
#include "protocol/placeholders.h"

namespace sparc::protocol::native {
namespace {

/// Moves the attachments into the frame, which is one of those that can carry them.
Decoded with_attachments(Request request, const std::vector<std::string_view>& attachments) {
  const bool placeholders = std::visit(
      [&]<class T>(T& carrier) {
        if constexpr (requires { carrier.attachments; }) {
          carrier.attachments.assign(attachments.begin(), attachments.end());
          std::string_view more_args;
          if constexpr (requires { carrier.more_args; }) more_args = carrier.more_args;
          return placeholders_fit({carrier.data, more_args}, attachments.size());
        }
        return true;
      },
      request.command);
  if (!placeholders)
    return refused(request.id, "a placeholder names none of the " + std::to_string(attachments.size()) +
                                   " attachments, or one that another names");
  return request;
}

}  // namespace

struct Decoder::Impl {
  JsonChecker checker;
};

Decoder::Decoder() : impl_(new Impl) {}
Decoder::~Decoder() { delete impl_; }

bool Decoder::valid_json(std::string_view text) { return impl_->checker.fault(text).empty(); }

std::vector<Decoded> Decoder::text(std::string_view text, std::size_t frames_max) {
  std::vector<Decoded> out;
  if (const auto fault = impl_->checker.fault(text); !fault.empty()) {
    out.push_back(refused(std::nullopt, "invalid JSON: " + std::string(fault)));
    return out;
  }
  const std::string_view value = json::trimmed(text);
  const json::Kind kind = json::kind_of(value);
  if (kind == json::Kind::object) {
    out.push_back(decode_request(value, Carrier::text));
    return out;
  }
  if (kind != json::Kind::array) {
    out.push_back(refused(std::nullopt, "a message must be one JSON object, or an array of objects"));
    return out;
  }
  json::Walker frames(value);
  while (frames.next()) {
    if (out.size() == frames_max) {
      out.clear();
      out.push_back(refused(std::nullopt,
                            "more than " + std::to_string(frames_max) + " frames in one message (limits.message_frames_max)"));
      return out;
    }
    const bool object = json::kind_of(frames.value) == json::Kind::object;
    out.push_back(object ? decode_request(frames.value, Carrier::text) : refused(std::nullopt, "a frame must be a JSON object"));
  }
  if (out.empty()) out.push_back(refused(std::nullopt, "an array of frames must hold at least one"));
  return out;
}

Decoded Decoder::binary(std::string_view message) {
  const auto envelope = open_envelope(message);
  if (!envelope) return refused(std::nullopt, envelope.error());
  if (const auto fault = impl_->checker.fault(envelope->header); !fault.empty()) {
    return refused(std::nullopt, "invalid JSON in the header: " + std::string(fault));
  }
  const std::string_view header = json::trimmed(envelope->header);
  if (json::kind_of(header) != json::Kind::object) return refused(std::nullopt, "the header must be one JSON object");
  auto decoded = decode_request(header, Carrier::binary);
  if (!decoded) return decoded;
  const auto attachments = cut_attachments(FrameFields(header)[Field::attachments], envelope->rest);
  if (!attachments) return refused(decoded->id, attachments.error());
  return with_attachments(std::move(*decoded), *attachments);
}

}  // namespace sparc::protocol::native
