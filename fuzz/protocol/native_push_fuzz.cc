// Messages of a server, text and binary, with and without the check of their JSON.

#include <cstdint>
#include <cstdlib>

#include "protocol/native/push.h"
#include "protocol/native/replies.h"

using namespace sparc::protocol::native;

namespace {

void within(std::string_view part, std::string_view message) {
  if (part.empty()) return;
  if (part.data() < message.data() || part.data() + part.size() > message.data() + message.size()) std::abort();
}

template <class Answer>
void look(const Answer& answer, std::string_view message) {
  if (!answer) {
    if (answer.error().empty()) std::abort();
    return;
  }
  for (const auto& push : *answer) {
    if (const auto* event = std::get_if<EventPush>(&push)) {
      within(event->data, message);
      within(event->more_args, message);
      for (const auto& attachment : event->attachments) within(attachment, message);
    }
    if (const auto* reply = std::get_if<Reply>(&push)) {
      within(reply->data, message);
      (void)read_join_reply(reply->data);
      (void)read_publish_reply(reply->data);
      (void)read_history_reply(reply->data);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static PushDecoder checking;
  static PushDecoder trusting(JsonCheck::skip);
  const std::string_view message(reinterpret_cast<const char*>(data), size);
  look(checking.text(message), message);
  look(checking.binary(message), message);
  look(trusting.text(message), message);
  look(trusting.binary(message), message);
  return 0;
}
