#pragma once
// What one shard sends to one other: in order, and never lost but for publications, whose loss is said.

#include <cstdint>
#include <deque>
#include <unordered_map>

#include "base/limits.h"
#include "broker/memory/message.h"

namespace sparc::broker {

/// The way from one shard to another. Where the mailbox is full, requests and answers wait here in order and are retried at each
/// call; a publication is lost, and unless it is volatile a notice of it takes its place in the queue.
///
/// Order:    what waits here is sent before anything newer, so a shard is told in the order in which things happened at the home.
/// Loss:     a notice stands behind every answer about its stream that was given before the loss, so that no answer covers one
///           up. Losses without an answer between them share a notice while it waits.
/// Limits:   answers and requests are bounded by those who wait for them; publications that are to be published (nobody need wait
///           for those) by `outage_queue_entries_max` and `outage_queue_bytes_max`. Notices: one per stream and answer.
/// Thread:   of the sending shard.
class Outbox {
 public:
  Outbox(Post& post, std::uint16_t from, std::uint16_t to, const Limits& limits);
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  void send_request(Request request);
  /// False: too much waits already; nothing was taken.
  [[nodiscard]] bool send_publish(PublishRequest& request);
  void send_answer(Answer answer);
  /// An answer that says where `stream` stands.
  void send_answer(const StreamKey& stream, Answer answer);
  void send_publication(const StreamKey& stream, const PublicationPtr& publication);

  /// Retries what waits. True: nothing waits any more.
  bool flush();
  [[nodiscard]] std::size_t waiting() const { return queue_.size(); }
  [[nodiscard]] std::uint64_t lost() const { return lost_; }

 private:
  struct Waiting {
    Message message;
    std::size_t publish_bytes = 0;  // of a publish request; else 0
  };
  void send(Message message, std::size_t publish_bytes = 0);
  void note(const StreamKey& stream, const Publication& lost);

  Post& post_;
  std::uint16_t from_;
  std::uint16_t to_;
  std::size_t publishes_max_;
  std::size_t publish_bytes_max_;
  std::deque<Waiting> queue_;
  std::size_t publishes_ = 0;  // of queue_
  std::size_t publish_bytes_ = 0;
  std::unordered_map<StreamKey, Missed*, StreamKeyHash> noticed_;  // in queue_, behind every answer about the stream
  std::uint64_t lost_ = 0;
};

}  // namespace sparc::broker
