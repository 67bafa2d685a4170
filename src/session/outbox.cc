#include "session/outbox.h"

#include <algorithm>
#include <cassert>

namespace sparc::session {
namespace {

// Pick::lane of what stands in no namespace's lane.
constexpr std::int32_t picked_committed = -3, picked_control = -2, picked_invoke = -1;

}  // namespace

bool Outbox::push_control(Frame frame, std::size_t bytes_max) {
  const std::size_t before = control_bytes_;
  control_bytes_ += frame.size();
  control_.push_back(std::move(frame));
  return before <= bytes_max;
}

bool Outbox::push_invoke(Frame frame, std::size_t bytes_max) {
  invoke_bytes_ += frame.size();
  invokes_.push_back(std::move(frame));
  return invoke_bytes_ <= bytes_max;
}

Lane& Outbox::lane(const LaneSettings& settings) {
  if (Lane* found = find_lane(settings.ns)) return *found;
  auto place =
      std::find_if(lanes_.begin(), lanes_.end(), [&](const Lane& l) { return l.settings().priority > settings.priority; });
  return *lanes_.emplace(place, settings);
}

Lane* Outbox::find_lane(NamespaceId ns) {
  for (Lane& lane : lanes_) {
    if (lane.settings().ns == ns) return &lane;
  }
  return nullptr;
}

void Outbox::drop_lane(NamespaceId ns) {
  std::erase_if(lanes_, [&](const Lane& lane) { return lane.settings().ns == ns; });
}

void Outbox::commit(Frame block, std::uint32_t begin, std::uint32_t end) {
  assert(!committed_);
  committed_ = std::move(block);
  committed_begin_ = begin;
  committed_end_ = end;
}

bool Outbox::has_frames() const {
  return committed_ || !control_.empty() || !invokes_.empty() ||
         std::any_of(lanes_.begin(), lanes_.end(), [](const Lane& l) { return l.has_frames(); });
}

bool Outbox::idle() const {
  return !committed_ && control_.empty() && invokes_.empty() &&
         std::all_of(lanes_.begin(), lanes_.end(), [](const Lane& l) { return l.idle(); });
}

std::size_t Outbox::bytes() const {
  std::size_t total = control_bytes_ + invoke_bytes_ + (committed_end_ - committed_begin_);
  for (const Lane& lane : lanes_) total += lane.bytes();
  return total;
}

void Outbox::gather(GapRenderer& gaps, std::int64_t now_ms, std::string& scratch) {
  scratch.clear();
  picks_.clear();
  if (committed_) {
    scratch.append(committed_.bytes().substr(committed_begin_, committed_end_ - committed_begin_));
    picks_.push_back({committed_end_ - committed_begin_, picked_committed, {}});
  }
  auto gather_all = [&](Ring<Frame>& frames, std::int32_t lane) {
    for (std::size_t i = 0; i < frames.size() && scratch.size() < gather_bytes; ++i) {
      scratch.append(frames[i].bytes());
      picks_.push_back({static_cast<std::uint32_t>(frames[i].size()), lane, {}});
    }
  };
  gather_all(control_, picked_control);
  gather_all(invokes_, picked_invoke);
  for (std::size_t l = 0; l < lanes_.size(); ++l) {
    Lane& lane = lanes_[l];
    for (std::size_t i = 0; scratch.size() < gather_bytes && (i = lane.next(i, now_ms)) != Lane::npos; ++i) {
      Entry& entry = lane.at(i);
      Frame gap;
      std::string_view bytes;
      if (entry.kind == Entry::Kind::gap) {
        gap = gaps.render_gap(lane.settings().ns, *entry.gap);
        bytes = gap.bytes();
      } else {
        bytes = entry.block.bytes().substr(entry.begin, entry.size);
      }
      scratch.append(bytes);
      picks_.push_back({static_cast<std::uint32_t>(bytes.size()), static_cast<std::int32_t>(l), std::move(gap)});
    }
  }
}

void Outbox::consume(std::size_t bytes) {
  for (Pick& pick : picks_) {
    const std::size_t gone = std::min<std::size_t>(bytes, pick.size);
    if (gone == 0 && pick.size != 0) break;
    bytes -= gone;
    const bool whole = gone == pick.size;
    if (pick.lane == picked_committed) {
      committed_begin_ += static_cast<std::uint32_t>(gone);
      if (whole) committed_ = Frame{};
      if (whole) committed_begin_ = committed_end_ = 0;
    } else if (pick.lane < 0) {
      const bool control = pick.lane == picked_control;
      Frame frame = control ? control_.pop_front() : invokes_.pop_front();
      (control ? control_bytes_ : invoke_bytes_) -= frame.size();
      if (!whole) commit(std::move(frame), static_cast<std::uint32_t>(gone), pick.size);
    } else {
      Lane& lane = lanes_[static_cast<std::size_t>(pick.lane)];
      Entry& entry = lane.at(lane.next(0, INT64_MIN));
      if (!whole) {
        Frame block = pick.gap ? std::move(pick.gap) : entry.block;
        const std::uint32_t begin = pick.gap || entry.kind == Entry::Kind::gap ? 0 : entry.begin;
        commit(std::move(block), begin + static_cast<std::uint32_t>(gone), begin + pick.size);
      }
      lane.pop();
    }
    if (!whole) break;
  }
  std::erase_if(lanes_, [](const Lane& lane) { return lane.idle() && lane.until == 0; });
}

}  // namespace sparc::session
