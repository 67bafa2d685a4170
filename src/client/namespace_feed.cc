#include "client/namespace_feed.h"

#include <algorithm>
#include <utility>

namespace sparc::client {
namespace native = protocol::native;
namespace {

Message message_of(const native::EventPush& event) {
  Message out;
  out.timestamp = event.timestamp;
  out.namespace_ = event.ns;
  out.event = event.event;
  out.data = event.data;
  out.room = event.room;
  out.id = event.id;
  out.offset = event.offset;
  out.provisional = event.provisional;
  out.more_args = event.more_args;
  for (const auto attachment : event.attachments) out.attachments.emplace_back(attachment);
  return out;
}

std::size_t size_of(const Message& message) {
  std::size_t size = sizeof(Message) + message.data.size() + message.more_args.size();
  for (const auto& attachment : message.attachments) size += attachment.size();
  return size;
}

}  // namespace

bool NamespaceFeed::is_new(const native::EventPush& event, const std::string& epoch) {
  bool is_new = true;
  if (event.offset != 0 && epoch == position_.epoch) {
    is_new = event.offset > position_.offset;
    position_.offset = std::max(position_.offset, event.offset);
  }
  if (event.id.empty()) return is_new;
  if (event.provisional) {
    is_new = provisional_ids_.insert(event.id) && is_new;
  } else if (provisional_ids_.contains(event.id)) {
    is_new = false;
  }
  if (overlapping_) is_new = overlap_ids_.insert(event.id) && is_new;
  return is_new;
}

void NamespaceFeed::on_event(const native::EventPush& event, const std::string& epoch, std::vector<Action>& out) {
  if (!is_new(event, epoch)) return;
  if (!repairing_) {
    out.push_back(action::Delivered{message_of(event)});
    return;
  }
  held_.push_back(message_of(event));
  held_bytes_ += size_of(held_.back());
  if (held_.size() >= held_events_max || held_bytes_ >= held_bytes_max) end_repair(Repair::failed, out);
}

void NamespaceFeed::on_position(const Position& position) {
  if (position.epoch == position_.epoch) {
    position_.offset = std::max(position_.offset, position.offset);
  } else {
    position_ = position;
  }
}

bool NamespaceFeed::begin_repair(const native::GapPush& gap) {
  if (repairing_) return false;
  repairing_ = true;
  repair_rounds_ = 0;
  gap_ = gap;
  repaired_to_ = Position{position_.epoch, gap.from - 1};
  return true;
}

protocol::History NamespaceFeed::repair_request() const {
  protocol::History request;
  request.ns = ns_;
  request.since = repaired_to_;
  return request;
}

bool NamespaceFeed::on_history(const native::HistoryReply& reply, std::vector<Action>& out) {
  if (!repairing_) return false;
  const bool same_stream = reply.position && reply.position->epoch == repaired_to_.epoch;
  if (!reply.recovered || !same_stream) {
    end_repair(Repair::failed, out);
    return false;
  }
  for (const auto& event : reply.events) {
    if (event.offset < gap_.from || event.offset > gap_.to || provisional_ids_.contains(event.id)) continue;
    Message message = message_of(event);
    if (message.namespace_.empty()) message.namespace_ = ns_;
    out.push_back(action::Delivered{std::move(message)});
  }
  if (reply.complete || reply.position->offset >= gap_.to) {
    end_repair(Repair::complete, out);
    return false;
  }
  if (reply.position->offset <= repaired_to_.offset || ++repair_rounds_ == repair_rounds_max) {
    end_repair(Repair::failed, out);
    return false;
  }
  repaired_to_ = *reply.position;
  return true;
}

void NamespaceFeed::end_repair(Repair repair, std::vector<Action>& out) {
  if (!repairing_) return;
  repairing_ = false;
  auto told = stale(gap_);
  told.repaired = repair == Repair::complete;
  out.push_back(action::Stale{std::move(told)});
  for (auto& message : held_) out.push_back(action::Delivered{std::move(message)});
  held_ = {};
  held_bytes_ = 0;
}

websocket::Stale NamespaceFeed::stale(const native::GapPush& gap) const {
  websocket::Stale out;
  out.namespace_ = ns_;
  out.room = gap.room;
  out.count = gap.count;
  out.reason = gap.reason;
  return out;
}

}  // namespace sparc::client
