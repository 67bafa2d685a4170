#include "protocol/view_map.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/header.h"
#include "base/json_text.h"
#include "base/pattern.h"
#include "protocol/json_scan.h"
#include "protocol/scalar.h"

namespace sparc::protocol {
namespace {

std::string_view at_pointer(std::string_view payload, std::string_view pointer) {
  return pointer.empty() ? payload : json::find(payload, pointer);
}

bool equal(std::string_view a, std::string_view b) {
  const Scalar scalar = scalar_of(a);
  return scalar.empty() ? a == b : scalar == scalar_of(b);
}

std::optional<double> number_of(std::string_view raw) {
  if (json::kind_of(raw) != json::Kind::number) return std::nullopt;
  double number = 0;  // stays so where it is too small for a double
  (void)std::from_chars(raw.data(), raw.data() + raw.size(), number);
  return number;
}

bool holds(const Condition& condition, std::string_view payload) {
  const std::string_view found = at_pointer(payload, condition.pointer);
  if (found.empty()) return false;
  const bool same = equal(found, condition.value);
  if (condition.op == Condition::Operator::equal) return same;
  if (condition.op == Condition::Operator::not_equal) return !same;
  const auto left = number_of(found);
  const auto right = number_of(condition.value);
  if (!left || !right) return false;
  switch (condition.op) {
    case Condition::Operator::less: return !same && *left < *right;
    case Condition::Operator::less_or_equal: return same || *left < *right;
    case Condition::Operator::greater: return !same && *left > *right;
    case Condition::Operator::greater_or_equal: return same || *left > *right;
    case Condition::Operator::equal:
    case Condition::Operator::not_equal: break;
  }
  return false;
}

/// The channels that show this publication whatever the row says: those of an organization or a user that it is addressed to.
ChannelSet addressed_channels(const View& view, const Publication& publication) {
  ChannelSet set = 0;
  for (std::size_t i = 0; i < view.channels.size() && i < channels_max; ++i) {
    const ViewChannel::Kind kind = view.channels[i].kind;
    if (kind == ViewChannel::Kind::plain) continue;
    const std::string_view prefix = kind == ViewChannel::Kind::organization ? "org:" : "user:";
    const auto begins_so = [&](const std::string& room) { return room.starts_with(prefix); };
    if (std::any_of(publication.rooms.begin(), publication.rooms.end(), begins_so)) set |= static_cast<ChannelSet>(1U << i);
  }
  return set;
}

ChannelSet row_channels(const View& view, const ViewOutput& row) {
  ChannelSet set = 0;
  for (std::size_t i = 0; i < view.channels.size() && i < channels_max; ++i) {
    const auto at = std::find(row.channels.begin(), row.channels.end(), view.channels[i].name);
    if (at != row.channels.end()) set |= static_cast<ChannelSet>(1U << i);
  }
  return set;
}

void project(std::string& out, const ViewOutput& row, std::string_view payload) {
  out.assign(1, '{');
  for (const auto& [name, pointer] : row.fields) {
    const std::string_view value = at_pointer(payload, pointer);
    if (value.empty()) continue;
    if (out.size() > 1) out.push_back(',');
    append_json_string(out, name);
    out.push_back(':');
    out += value;
  }
  out.push_back('}');
}

std::string_view member_of(std::string_view object, std::string_view name) {
  if (json::kind_of(object) != json::Kind::object) return {};
  std::string_view found;
  std::string storage;
  json::Walker members(object);
  while (members.next()) {
    const auto key = json::view_string(members.key, storage);
    if (key && *key == name) found = members.value;
  }
  return found;
}

/// What is null counts as absent.
std::string_view given(std::string_view object, std::string_view name) {
  const std::string_view found = member_of(object, name);
  return found == "null" ? std::string_view{} : found;
}

void append_member(std::string& out, std::string_view name, std::string_view value) {
  if (out.size() > 1) out.push_back(',');
  append_json_string(out, name);
  out.push_back(':');
  out += value;
}

}  // namespace

bool serves_host(const View& view, std::string_view host) {
  return view.hosts.empty() ||
         std::ranges::any_of(view.hosts, [&](const std::string& listed) { return equals_ignoring_case(listed, host); });
}

void show(const View& view, std::string_view ns, const Publication& publication, ChannelSet held, std::string& scratch,
          const std::function<void(const Shown&)>& visit) {
  if (view.wire == View::Wire::rawws && !publication.attachments.empty()) return;
  const std::string_view payload = json::trimmed(publication.data);
  const ChannelSet addressed = held & addressed_channels(view, publication);
  bool named = false;
  for (const ViewOutput& row : view.outputs) {
    if (row.ns != ns || !matches_pattern(row.event, publication.event)) continue;
    named = true;
    if (!row.channels.empty() && addressed == 0 && (held & row_channels(view, row)) == 0) continue;
    if (row.when && !holds(*row.when, payload)) continue;
    const std::string_view name = row.to.empty() ? std::string_view(publication.event) : std::string_view(row.to);
    if (row.fields.empty()) {
      visit({name, payload, publication.more_args, true});
    } else {
      project(scratch, row, payload);
      visit({name, scratch, {}, false});
    }
  }
  if (!named && view.wire == View::Wire::socketio) visit({publication.event, payload, publication.more_args, true});
}

const ViewInput* input_of(const View& view, std::string_view event, std::string_view first) {
  const std::string_view request = json::trimmed(first);
  for (const ViewInput& row : view.inputs) {
    if (matches_pattern(row.event, event) && (row.has.empty() || !given(request, row.has).empty())) return &row;
  }
  return nullptr;
}

ViewInput token_refresh() {
  ViewInput row;
  row.event = "token:refresh";
  row.action = ViewInput::Action::refresh;
  row.success = "token:refreshed";
  return row;
}

std::string request_of(const ViewInput& row, std::string_view first) {
  const std::string_view value = json::trimmed(first);
  if (value.empty()) return "{}";
  if (json::kind_of(value) == json::Kind::object) return std::string(value);
  std::string out(1, '{');
  append_member(out, row.argument.empty() ? "data" : row.argument, value);
  out.push_back('}');
  return out;
}

std::string fill_template(std::string_view text, std::string_view request_json) {
  const std::string_view request = json::trimmed(request_json);
  std::string out;
  while (true) {
    const std::size_t open = text.find('{');
    const std::size_t close = open == std::string_view::npos ? open : text.find('}', open);
    out += text.substr(0, close == std::string_view::npos ? text.size() : open);
    if (close == std::string_view::npos) return out;
    const Scalar value = scalar_of(given(request, text.substr(open + 1, close - open - 1)));
    if (value.size() < 2) return {};
    out.append(value, 1);
    text.remove_prefix(close + 1);
  }
}

std::string merge_copied(const ViewInput& row, std::string_view request_json, std::string_view data) {
  const std::string_view request = json::trimmed(request_json);
  const std::string_view answer = json::trimmed(data);
  const bool object = json::kind_of(answer) == json::Kind::object;
  std::string out(1, '{');
  for (const std::string& name : row.copied) {
    const std::string_view value = given(request, name);
    const bool answered = object ? !member_of(answer, name).empty() : !answer.empty() && name == "data";
    if (!value.empty() && !answered) append_member(out, name, value);
  }
  if (object) {
    const std::string_view members = json::trimmed(answer.substr(1, answer.size() - 2));
    if (!members.empty() && out.size() > 1) out.push_back(',');
    out += members;
  } else if (!answer.empty()) {
    append_member(out, "data", answer);
  }
  out.push_back('}');
  return out;
}

}  // namespace sparc::protocol
