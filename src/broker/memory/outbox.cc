#include "broker/memory/outbox.h"

namespace sparc::broker {
namespace {

Missed* missed_in(const Message& message) {
  const auto* answer = std::get_if<std::unique_ptr<Answer>>(&message);
  if (answer == nullptr) return nullptr;
  auto* notice = std::get_if<MissedNotice>(&(*answer)->what);
  return notice == nullptr ? nullptr : &notice->missed;
}

}  // namespace

Outbox::Outbox(Post& post, std::uint16_t from, std::uint16_t to, const Limits& limits)
    : post_(post),
      from_(from),
      to_(to),
      publishes_max_(limits.outage_queue_entries_max),
      publish_bytes_max_(limits.outage_queue_bytes_max) {}

void Outbox::send_request(Request request) { send(std::make_unique<Request>(std::move(request))); }

bool Outbox::send_publish(PublishRequest& request) {
  const std::size_t bytes = request.publication->bytes();
  if (!flush() && (publishes_ >= publishes_max_ || publish_bytes_ + bytes > publish_bytes_max_)) return false;
  send(std::make_unique<Request>(Request{from_, std::move(request)}), bytes);
  return true;
}

void Outbox::send_answer(Answer answer) { send(std::make_unique<Answer>(std::move(answer))); }

void Outbox::send_answer(const StreamKey& stream, Answer answer) {
  if (!noticed_.empty()) noticed_.erase(stream);
  send(std::make_unique<Answer>(std::move(answer)));
}

void Outbox::send_publication(const StreamKey& stream, const PublicationPtr& publication) {
  Message message = publication;
  if (flush() && post_.post(from_, to_, message)) return;
  ++lost_;
  if (!publication->policy.is_volatile) note(stream, *publication);
}

void Outbox::note(const StreamKey& stream, const Publication& lost) {
  Missed*& missed = noticed_[stream];
  if (missed == nullptr) {
    queue_.push_back({std::make_unique<Answer>(Answer{MissedNotice{{.stream = stream}}}), 0});
    missed = missed_in(queue_.back().message);
  }
  if (lost.offset != 0) {
    missed->numbered = true;
  } else if (lost.policy.latest) {
    missed->latest = true;
  } else {
    ++missed->gone;
  }
}

bool Outbox::flush() {
  while (!queue_.empty()) {
    Waiting& first = queue_.front();
    // A notice that leaves grows no more; of its stream there may be another, behind an answer.
    const Missed* missed = missed_in(first.message);
    auto noticed = missed != nullptr ? noticed_.find(missed->stream) : noticed_.end();
    if (noticed != noticed_.end() && noticed->second != missed) noticed = noticed_.end();
    if (!post_.post(from_, to_, first.message)) return false;
    if (noticed != noticed_.end()) noticed_.erase(noticed);
    if (first.publish_bytes > 0) {
      --publishes_;
      publish_bytes_ -= first.publish_bytes;
    }
    queue_.pop_front();
  }
  return true;
}

void Outbox::send(Message message, std::size_t publish_bytes) {
  if (flush() && post_.post(from_, to_, message)) return;
  if (publish_bytes > 0) {
    ++publishes_;
    publish_bytes_ += publish_bytes;
  }
  queue_.push_back({std::move(message), publish_bytes});
}

}  // namespace sparc::broker
