#include "server/config/view_rows.h"

#include <algorithm>
#include <array>

#include "protocol/json_checker.h"
#include "protocol/json_scan.h"
#include "server/config/checks.h"
#include "server/config/names.h"

namespace sparc::config {

using protocol::Condition;
using protocol::View;
using protocol::ViewChannel;
using protocol::ViewClaims;
using protocol::ViewInput;
using protocol::ViewOutput;

namespace {

constexpr std::array<std::pair<std::string_view, Condition::Operator>, 6> operators{
    {{"==", Condition::Operator::equal},
     {"!=", Condition::Operator::not_equal},
     {"<", Condition::Operator::less},
     {"<=", Condition::Operator::less_or_equal},
     {">", Condition::Operator::greater},
     {">=", Condition::Operator::greater_or_equal}}};

std::string_view without_spaces_around(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

bool is_scalar(std::string_view text, bool numbers_only) {
  using protocol::json::Kind;
  if (!protocol::JsonChecker().fault(text).empty()) return false;
  const Kind kind = protocol::json::kind_of(protocol::json::trimmed(text));
  return kind == Kind::number || (!numbers_only && kind != Kind::array && kind != Kind::object);
}

}  // namespace

bool is_pointer(std::string_view text) {
  if (!text.empty() && text.front() != '/') return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '~' && (i + 1 == text.size() || (text[i + 1] != '0' && text[i + 1] != '1'))) return false;
  }
  return true;
}

std::optional<Condition> condition_from_text(std::string_view text) {
  const std::size_t space = text.find(' ');
  if (space == std::string_view::npos || space == 0) return std::nullopt;
  const std::string_view rest = without_spaces_around(text.substr(space));
  const std::size_t end = rest.find(' ');
  const auto op = std::find_if(operators.begin(), operators.end(), [&](const auto& o) { return o.first == rest.substr(0, end); });
  if (op == operators.end() || end == std::string_view::npos) return std::nullopt;
  const std::string_view value = without_spaces_around(rest.substr(end));
  const bool ordered = op->second != Condition::Operator::equal && op->second != Condition::Operator::not_equal;
  if (!is_pointer(text.substr(0, space)) || !is_scalar(value, ordered)) return std::nullopt;
  return Condition{std::string(text.substr(0, space)), op->second, std::string(value)};
}

std::string text_of(const Condition& condition) {
  const auto op = std::find_if(operators.begin(), operators.end(), [&](const auto& o) { return o.second == condition.op; });
  return condition.pointer + " " + std::string(op->first) + " " + condition.value;
}

std::string check_template(const std::string& text) {
  constexpr std::string_view allowed = "a room's name, with members of the request in braces as in stream:{cameraId}";
  std::size_t at = 0;
  while ((at = text.find_first_of("{}", at)) != std::string::npos) {
    const std::size_t close = text.find_first_of("{}", at + 1);
    if (text[at] != '{' || close == std::string::npos || text[close] != '}' || close == at + 1) return std::string(allowed);
    at = close + 1;
  }
  return check_room(text).empty() ? std::string() : std::string(allowed);
}

std::string check_socketio_namespace(const std::string& text) {
  if (text == "/" || (text[0] == '/' && check_namespace_name(text.substr(1)).empty())) return {};
  return "/ or a name behind a slash, as in /alerts";
}

std::string check_view_host(const std::string& text) {
  const bool name = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' || c == '[' || c == ']' ||
           c == ':';
  });
  const bool with_port = text.find(':') != std::string::npos && !text.starts_with('[');
  return name && !with_port && text.size() <= 255 ? "" : "a host without port, in lower case";
}

void Codec<Condition>::read(Reader& reader, const Value& value, const Meta& meta, Condition& out) {
  std::string text;
  if (!read_text(reader, value, meta, text)) return;
  if (auto condition = condition_from_text(text)) {
    out = std::move(*condition);
  } else {
    reader.fault(value,
                 "must be a JSON pointer, one of == != < <= > >=, and a JSON value (a number behind < <= > >=), as in "
                 "/analysis/riskScore > 80");
  }
}

void Codec<std::vector<std::pair<std::string, std::string>>>::read(Reader& reader, const Value& value, const Meta& meta,
                                                                   Pairs& out) {
  if (!reader.expect(value, Value::Kind::table, "a table of texts")) return;
  Pairs pairs;
  const std::string outer = reader.key;
  for (const auto& [name, item] : value.members) {
    std::string text;
    reader.key = outer + "." + name;
    // Not by read_text's own check: the empty text is the whole payload.
    if (read_text(reader, item, Meta{meta.help}, text)) {
      const std::string allowed = meta.check == nullptr ? std::string() : meta.check(text);
      if (!allowed.empty()) reader.fault(item, "must be " + allowed);
      pairs.emplace_back(name, std::move(text));
    }
  }
  reader.key = outer;
  out = std::move(pairs);
}

std::optional<Value> Codec<std::vector<std::pair<std::string, std::string>>>::write(const Pairs& value) {
  Value table = Value::table();
  for (const auto& [name, text] : value) table.members.push_back({name, Value::of(text)});
  return table;
}

namespace {

std::string check_pointer(const std::string& text) {
  return is_pointer(text) ? "" : "a JSON pointer as in /analysis/riskScore; empty: the whole payload";
}

}  // namespace

template <>
const Record& record_of<ViewChannel>() {
  static const Record record{
      "channel",
      {
          field<&ViewChannel::name>("name", "What clients call it; of the other kinds what stands before the id: `org:`.")
              .checked(check_name)
              .identifies()
              .needed(),
          field<&ViewChannel::kind>("kind", "`organization` and `user`: the client's own alone, and what is addressed to it."),
          field<&ViewChannel::initial>("initial", "Whether clients hold it from the start."),
          field<&ViewChannel::enabled>("enabled", "`false` takes a shipped channel away."),
      }};
  return record;
}

template <>
const Record& record_of<ViewInput>() {
  static const Record record{
      "view input",
      {
          field<&ViewInput::event>("event", "What clients send, `*` for any run of characters.")
              .checked(check_name)
              .identifies()
              .needed(),
          field<&ViewInput::has>("has", "A member that the request must have; empty: any request.").identifies(),
          field<&ViewInput::action>(
              "action",
              "What becomes of it: `forward` makes it a client event for services, the others are done by the "
              "server; `refresh`: the argument is a new token; `ignore`: counted."),
          field<&ViewInput::ns>("namespace", "Of the event; empty: the view's first.").checked(check_namespace_name),
          field<&ViewInput::to>("to", "The name that services know; empty: as sent.").checked(check_name),
          field<&ViewInput::argument>("argument", "The member under which services get an argument that is no object."),
          field<&ViewInput::enters>("enters", "A room that success joins, members of the request in braces: `stream:{cameraId}`.")
              .checked(check_template),
          field<&ViewInput::leaves>("leaves", "A room that is left.").checked(check_template),
          field<&ViewInput::success>("success", "The event that answers; empty: only the acknowledgement and `<event>:response`.")
              .checked(check_name),
          field<&ViewInput::failure>("failure", "The event that tells of an error; empty: `error`.").checked(check_name),
          field<&ViewInput::copied>("copied", "Members of the request that both answers repeat."),
          field<&ViewInput::stamped>("stamped", "Whether the event of `success` has a `timestamp`."),
          field<&ViewInput::enabled>("enabled", "`false` takes a shipped row away."),
      },
      true};
  return record;
}

template <>
const Record& record_of<ViewOutput>() {
  static const Record record{
      "view output",
      {
          field<&ViewOutput::ns>("namespace", "Where the event is published.")
              .checked(check_namespace_name)
              .identifies()
              .needed(),
          field<&ViewOutput::event>("event", "Its name, `*` for any run of characters.")
              .checked(check_name)
              .identifies()
              .needed(),
          field<&ViewOutput::to>("to", "What clients see it as; empty: as published.").checked(check_name).identifies(),
          field<&ViewOutput::channels>("channels", "Raw WebSocket: for those who hold one of them; empty: for everybody."),
          field<&ViewOutput::when>("when",
                                   "Only payloads with this: JSON pointer, `==` `!=` `<` `<=` `>` or `>=`, JSON value, as in "
                                   "`/analysis/riskScore > 80`."),
          field<&ViewOutput::fields>(
              "fields",
              "A payload of its own: member = JSON pointer into what was published (empty: all of it). What is "
              "not there is left out. An empty table: the payload as published.")
              .checked(check_pointer),
          field<&ViewOutput::enabled>("enabled", "`false` takes a shipped row away."),
      }};
  return record;
}

template <>
const Record& record_of<View>() {
  static const Record record{
      "view",
      {
          field<&View::name>("name", "An entry named like a shipped one is merged over it.")
              .checked(check_name)
              .identifies()
              .needed(),
          field<&View::enabled>("enabled", "`false` leaves a shipped view out."),
          field<&View::wire>("wire", "The clients' protocol: Socket.IO 4, or JSON messages over plain WebSocket."),
          field<&View::paths>("paths",
                              "Where they connect. Raw WebSocket: needed. Socket.IO: empty is any path under `socketio.path`.")
              .checked(check_path),
          field<&View::hosts>("hosts", "The `Host` that they name, without port; empty: any.").checked(check_view_host),
          field<&View::socketio_namespace>("socketio_namespace", "Socket.IO: the namespace that they connect to: `/`, `/alerts`.")
              .checked(check_socketio_namespace),
          field<&View::namespaces>("namespaces", "What they are in; at least one.").checked(check_namespace_name),
          field<&View::tenant_gate>("tenant_gate",
                                    "Whether they get the tenant's events only from `join-tenant` to `leave-tenant`."),
          field<&View::greets>("greets", "Whether they are sent `connected {clientId, namespace, tenantId, timestamp}`."),
          field<&View::on_expiry>("on_expiry", "What becomes of a connection whose token ends."),
          field<&View::claims, &ViewClaims::user_id>("claims.user_id", "Claims that name the user; empty: `jwt.claims.user_id`."),
          field<&View::claims, &ViewClaims::tenant_id>("claims.tenant_id", "The same for the tenant."),
          field<&View::claims, &ViewClaims::organization_id>("claims.organization_id", "The same for the organization."),
          field<&View::claims, &ViewClaims::roles_required>("claims.roles_required",
                                                            "`false`: a token without roles is one that has none."),
          field<&View::user_rate>("rate_limit_options",
                                  "Client frames of one user through this view, beside the namespace's own limit."),
          field<&View::anonymous_tenant>("anonymous_tenant", "The tenant of clients without a token; empty: they are refused.")
              .checked(check_id),
          field<&View::channels>("channels", "Raw WebSocket: what clients subscribe to, at most 16."),
          field<&View::inputs>(
              "inputs", "Socket.IO: what clients send; the first row that matches applies, yours before the shipped ones."),
          field<&View::outputs>(
              "outputs",
              "What clients see of events: every row that matches, in order. An event that no row names goes to Socket.IO "
              "clients as published, to the others not at all."),
      },
      true};
  return record;
}

}  // namespace sparc::config
