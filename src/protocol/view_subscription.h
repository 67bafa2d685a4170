#pragma once
// What `subscribe` of the older Socket.IO clients means: channels, kinds of alerts, events, metrics.

#include <expected>
#include <string_view>

#include "base/codes.h"
#include "protocol/command.h"
#include "protocol/filter.h"

namespace sparc::protocol {

struct ViewSubscription {
  Subscribe subscribe;
  Unsubscribe unsubscribe;  // rooms to leave first; none: nothing to leave
};

enum class SubscriptionChange : std::uint8_t { add, remove };

/// `request` is a valid JSON object with some of:
///   channels     names: a topic of the vocabulary chooses events beside those chosen before, any other is a room
///   alertTypes, priorities   one filter, both must match; an empty or absent list does not constrain
///   eventTypes   topics or exact event names, in place of those chosen before
///   metrics, interval   the topic `metrics`, and a filter on `metric`, newest values once an interval (ms; at least 100)
/// Fault: BAD_REQUEST that begins with "Invalid subscription data" and names the member.
[[nodiscard]] std::expected<ViewSubscription, Fault> subscription_of(std::string_view request, std::string_view ns,
                                                                     const FilterVocabulary& vocabulary, const Wish& current,
                                                                     SubscriptionChange change);

/// Field names of the older wires in the vocabulary's words: a name that is one of a field's paths (severity) becomes that field's
/// (priority). What the vocabulary does not know does not constrain this namespace.
void name_fields(Choice<Filter>& filters, const FilterVocabulary& vocabulary);

}  // namespace sparc::protocol
