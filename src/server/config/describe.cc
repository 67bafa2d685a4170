#include "server/config/describe.h"

#include <algorithm>

#include "server/config/options.h"
#include "server/config/view_rows.h"

namespace sparc::config {
namespace {

std::string toml_of(const Value& value) {
  std::string out;
  append_toml(out, value);
  return out;
}

/// Lists of tables are the long ones: an entry a line.
std::string toml_of_entries(const Value& list) {
  if (list.items.empty()) return "[]";
  std::string out = "[\n";
  for (const auto& item : list.items) out += "  " + toml_of(item) + ",\n";
  return out + "]";
}

std::string origin_of(const Loaded& loaded, const Option& option) {
  const auto at = loaded.origins.find(option.field.name);
  return at == loaded.origins.end() ? "default" : at->second;
}

std::string cell(std::string_view text) { return text.empty() ? "" : "`" + std::string(text) + "`"; }

std::string default_cell(const Option& option, const Config& defaults) {
  if (option.field.shape == Shape::entries)
    return option.field.name == "namespaces" || option.field.name == "rooms" || option.field.name == "views" ? "see below"
                                                                                                             : "none";
  const auto value = option.field.write(&defaults);
  return value && !option.field.meta.secret ? cell(toml_of(*value)) : "not set";
}

std::string kind_cell(const Field& field) {
  return field.allowed() + (field.meta.unit.empty() ? "" : ", " + std::string(field.meta.unit));
}

void append_group(std::string& out, std::string_view group, const Config& defaults) {
  out += "\n## " + std::string(group) + "\n\n| key | variable, flag | value | default | |\n| --- | --- | --- | --- | --- |\n";
  for (const auto& option : options()) {
    if (option.group != group) continue;
    out += "| `" + option.field.name + "` | `" + option.variable + "` `" + option.flag + "` | " + kind_cell(option.field) +
           " | " + default_cell(option, defaults) + " | " + std::string(option.field.meta.help) + " |\n";
  }
}

void append_record(std::string& out, const std::string& title, const Record& record) {
  out += "\n### " + title + "\n\n| key | value | |\n| --- | --- | --- |\n";
  for (const auto& field : record.fields) {
    out += "| `" + field.name + "`" + (field.meta.needed ? " (needed)" : "") + " | " + kind_cell(field) + " | " +
           std::string(field.meta.help) + " |\n";
  }
  for (const auto& field : record.fields) {
    if (field.entries != nullptr) append_record(out, title + "." + field.name, *field.entries);
  }
}

/// Without what a new entry of the list has anyway.
template <class T>
Value differing(const T& entry) {
  Value out = write_members(record_of<T>().fields, &entry);
  const T fresh = new_entry<T>();
  const Value defaults = write_members(record_of<T>().fields, &fresh);
  std::erase_if(out.members, [&](const Value::Member& member) {
    return std::any_of(defaults.members.begin(), defaults.members.end(), [&](const Value::Member& other) {
      return other.name == member.name && toml_of(other.value) == toml_of(member.value);
    });
  });
  return out;
}

template <class T>
void append_rows(std::string& out, std::string_view name, const std::vector<T>& rows) {
  if (rows.empty()) return;
  out += std::string(name) + " = [\n";
  for (const T& row : rows) out += "  " + toml_of(differing(row)) + ",\n";
  out += "]\n";
}

void append_shipped_views(std::string& out, const Config& defaults) {
  out += "\n### The shipped views\n\nWhat is not said is as in a new view.\n\n```toml\n";
  for (const protocol::View& view : defaults.views) {
    out += (&view == &defaults.views.front() ? "[[views]]\n" : "\n[[views]]\n");
    protocol::View head = view;
    head.channels.clear();
    head.inputs.clear();
    head.outputs.clear();
    for (const auto& [name, value] : differing(head).members) out += name + " = " + toml_of(value) + "\n";
    append_rows(out, "channels", view.channels);
    append_rows(out, "inputs", view.inputs);
    append_rows(out, "outputs", view.outputs);
  }
  out += "```\n";
}

void append_shipped(std::string& out, const Config& defaults) {
  out += "\n### What is shipped\n\nTopics and fields of `alerts` are those that every new namespace starts with.\n\n```toml\n";
  for (const char* key : {"namespaces", "rooms"}) {
    const auto value = find_option(key)->field.write(&defaults);
    out += std::string(key) + " = " + toml_of_entries(*value) + "\n";
  }
  out += "```\n";
}

constexpr std::string_view introduction =
    "# Configuration\n"
    "\n"
    "Made by `sparc-websocket docs-config` from the table that the server reads; do not edit.\n"
    "\n"
    "Flags win over environment variables, those over the file of `--config`, that over the defaults. Every key can be set in "
    "all\n"
    "three ways. In a file it is TOML: `limits.message_bytes_max = 65536`, or `message_bytes_max` under `[limits]`; keys may "
    "also be\n"
    "spelled as the TypeScript options are (`messageBytesMax`). In a variable or a flag, lists of texts are separated by commas, "
    "and\n"
    "lists of tables are JSON: `WEBSOCKET_NAMESPACES='[{\"name\":\"doors\",\"history\":true}]'`. A variable that is set to "
    "nothing counts as\n"
    "not set.\n"
    "\n"
    "Lists of tables are merged: an entry that is named like one that is there changes only the keys that it has. Other values\n"
    "replace. A rate is `\"points/duration\"` as in `\"100/60s\"` (`ms`, `s`, `m`, `h`; milliseconds when no unit is said),\n"
    "`{ points, duration }` with seconds, `{ points, duration_ms }`, or `\"off\"`.\n"
    "\n"
    "`sparc-websocket check-config FILE` says what is wrong with a file and where; `sparc-websocket serve --print-config` prints "
    "what\n"
    "applies and where each value came from. Both leave secrets out.\n";

}  // namespace

std::string effective_toml(const Loaded& loaded) {
  std::string out;
  for (const auto& option : options()) {
    const auto value = option.field.write(&loaded.stated);
    const std::string origin = origin_of(loaded, option);
    if (!value) {
      out += "# " + option.field.name + " is not set\n";
    } else if (option.field.meta.secret) {
      out += "# " + option.field.name + " = " + std::string(redacted) + "  # " + origin + "\n";
    } else {
      const bool entries = option.field.shape == Shape::entries;
      out += option.field.name + " = " + (entries ? toml_of_entries(*value) : toml_of(*value)) + "  # " + origin + "\n";
    }
  }
  return out;
}

std::string documentation() {
  const Config defaults = shipped_defaults();
  std::string out(introduction);
  std::string_view group;
  for (const auto& option : options()) {
    if (option.group == group) continue;
    group = option.group;
    append_group(out, group, defaults);
    for (const auto& entry : options()) {
      if (entry.group == group && entry.field.entries != nullptr) append_record(out, entry.field.name, *entry.field.entries);
    }
    if (group == find_option("namespaces")->group) append_shipped(out, defaults);
    if (group == find_option("views")->group) append_shipped_views(out, defaults);
  }
  return out;
}

}  // namespace sparc::config
