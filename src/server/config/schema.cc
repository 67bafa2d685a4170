#include "server/config/schema.h"

#include <charconv>
#include <numeric>

namespace sparc::config {

std::string to_string(const Problem& problem) {
  std::string out = problem.where;
  if (!problem.key.empty()) out += (out.empty() ? "" : ": ") + problem.key;
  return out + (out.empty() ? "" : ": ") + problem.message;
}

void Reader::fault(const Value& at, std::string message) {
  std::string where = source_;
  if (at.line != 0) where += ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
  problems_.push_back({std::move(where), key, std::move(message)});
}

bool Reader::expect(const Value& value, Value::Kind kind, std::string_view allowed) {
  if (value.kind == kind) return true;
  fault(value, "must be " + std::string(allowed) + ", this is " + std::string(name_of(value.kind)));
  return false;
}

std::string snake_case(std::string_view key) {
  std::string out;
  for (std::size_t i = 0; i < key.size(); ++i) {
    const char c = key[i];
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper && i != 0 && out.back() != '_') out += '_';
    out += upper ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return out;
}

namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row.back();
}

std::string_view last_part(std::string_view name) { return name.substr(name.rfind('.') + 1); }

/// What may stand directly under `prefix` ("", or "jwt."), and full names whose last part is `mistaken`.
std::vector<std::string> names_under(std::string_view prefix, std::string_view mistaken, const Fields& fields) {
  std::vector<std::string> names;
  for (const auto& field : fields) {
    if (field.name.starts_with(prefix)) {
      std::string_view rest = std::string_view(field.name).substr(prefix.size());
      names.emplace_back(rest.substr(0, rest.find('.')));
    }
    if (last_part(field.name) == mistaken) return {field.name};
  }
  return names;
}

bool is_table_of(std::string_view prefix, const Fields& fields) {
  return std::any_of(fields.begin(), fields.end(), [&](const Field& f) { return f.name.starts_with(prefix); });
}

class MemberReader {
 public:
  MemberReader(Reader& reader, const Fields& fields, void* into, const OnRead& on_read)
      : reader_(reader), fields_(fields), into_(into), on_read_(on_read), outer_(reader.key) {}

  void read(const Value& table, const std::string& prefix) {
    for (const auto& [spelled, value] : table.members) {
      const std::string name = prefix + snake_case(spelled);
      reader_.key = (outer_.empty() ? "" : outer_ + ".") + prefix + spelled;
      const auto field = std::find_if(fields_.begin(), fields_.end(), [&](const Field& f) { return f.name == name; });
      if (field != fields_.end()) {
        read_field(*field, value);
      } else if (is_table_of(name + ".", fields_)) {
        if (reader_.expect(value, Value::Kind::table, "a table")) read(value, name + ".");
      } else {
        const std::string mistaken = snake_case(spelled);
        reader_.fault(value, "unknown key" + suggestion(mistaken, names_under(prefix, mistaken, fields_)));
      }
    }
    reader_.key = outer_;
  }

 private:
  void read_field(const Field& field, const Value& value) {
    if (std::find(seen_.begin(), seen_.end(), &field) != seen_.end()) {
      reader_.fault(value, "set twice, in two spellings");
      return;
    }
    seen_.push_back(&field);
    field.read(reader_, value, into_);
    if (on_read_) on_read_(field, value);
  }

  Reader& reader_;
  const Fields& fields_;
  void* into_;
  const OnRead& on_read_;
  std::string outer_;
  std::vector<const Field*> seen_;
};

void put(Value& table, std::string_view name, Value value) {
  const auto dot = name.find('.');
  const std::string head(name.substr(0, dot));
  if (dot == std::string_view::npos) {
    table.members.push_back({head, std::move(value)});
    return;
  }
  auto at = std::find_if(table.members.begin(), table.members.end(), [&](const auto& m) { return m.name == head; });
  if (at == table.members.end()) at = table.members.insert(table.members.end(), Value::Member{head, Value::table()});
  put(at->value, name.substr(dot + 1), std::move(value));
}

const Value* member(const Value& table, std::string_view name) {
  for (const auto& [spelled, value] : table.members) {
    if (snake_case(spelled) == name) return &value;
  }
  return nullptr;
}

std::string identity_text(const Value& value) { return value.kind == Value::Kind::text ? value.text : std::string(); }

}  // namespace

std::string nearest_name(std::string_view mistaken, const std::vector<std::string>& names) {
  constexpr std::size_t mistaken_bytes_max = 128;
  if (mistaken.size() > mistaken_bytes_max) return {};
  const std::string* nearest = nullptr;
  std::size_t least = mistaken.size() / 3 + 2;
  for (const auto& name : names) {
    const std::size_t distance = last_part(name) == mistaken ? 0 : edit_distance(mistaken, name);
    if (distance >= least) continue;
    least = distance;
    nearest = &name;
  }
  return nearest == nullptr ? std::string() : *nearest;
}

std::string suggestion(std::string_view mistaken, const std::vector<std::string>& names) {
  const std::string nearest = nearest_name(mistaken, names);
  return nearest.empty() ? nearest : "; did you mean \"" + nearest + "\"?";
}

void read_members(Reader& reader, const Value& table, const Fields& fields, void* into, const OnRead& on_read) {
  MemberReader(reader, fields, into, on_read).read(table, "");
}

Value write_members(const Fields& fields, const void* from) {
  Value table = Value::table();
  for (const auto& field : fields) {
    auto value = field.write(from);
    if (!value) continue;
    put(table, field.name, field.meta.secret ? Value::of(std::string(redacted)) : std::move(*value));
  }
  return table;
}

std::string identity_of(const Record& record, const Value& entry, const void* fallback) {
  std::string out;
  for (const auto& field : record.fields) {
    if (!field.meta.identity) continue;
    const Value* said = member(entry, field.name);
    const auto value = said != nullptr ? std::optional(*said) : field.write(fallback);
    out += (out.empty() ? "" : " ") + (value ? identity_text(*value) : std::string());
  }
  return out;
}

std::string identity_of(const Record& record, const void* entry) {
  const Value nothing = Value::table();
  return identity_of(record, nothing, entry);
}

bool complete(Reader& reader, const Record& record, const Value& entry) {
  bool all = true;
  for (const auto& field : record.fields) {
    if (!field.meta.needed || member(entry, field.name) != nullptr) continue;
    reader.fault(entry, "\"" + field.name + "\" is missing");
    all = false;
  }
  return all;
}

bool read_integer(Reader& reader, const Value& value, std::int64_t min, std::int64_t max, std::int64_t& out) {
  if (!reader.expect(value, Value::Kind::integer, "an integer")) return false;
  if (value.integer < min || value.integer > max) {
    const std::string range =
        max == INT64_MAX ? "at least " + std::to_string(min) : std::to_string(min) + " to " + std::to_string(max);
    reader.fault(value, "must be " + range + ", not " + std::to_string(value.integer));
    return false;
  }
  out = value.integer;
  return true;
}

bool read_text(Reader& reader, const Value& value, const Meta& meta, std::string& out) {
  if (!reader.expect(value, Value::Kind::text, "a text")) return false;
  if (value.text.find('\0') != std::string::npos) {
    reader.fault(value, "must not hold a NUL character");
    return false;
  }
  if (meta.secret && value.text == redacted) {
    reader.fault(value, "was redacted when it was printed: put the secret back, or leave the key out");
    return false;
  }
  if (meta.check != nullptr && !value.text.empty()) {
    if (const std::string allowed = meta.check(value.text); !allowed.empty()) {
      reader.fault(value, "must be " + allowed);
      return false;
    }
  }
  out = value.text;
  return true;
}

void read_texts(Reader& reader, const Value& value, const Meta& meta, std::vector<std::string>& out) {
  if (value.kind == Value::Kind::text) {  // a list of one may be written without brackets
    std::string text;
    if (read_text(reader, value, meta, text)) out = {std::move(text)};
    return;
  }
  if (!reader.expect(value, Value::Kind::list, "a list of texts")) return;
  std::vector<std::string> texts;
  for (const Value& item : value.items) {
    std::string text;
    if (!read_text(reader, item, meta, text)) return;
    if (text.empty()) return reader.fault(item, "must not hold an empty text");
    texts.push_back(std::move(text));
  }
  out = std::move(texts);
}

void choose(Reader& reader, const Value& value, const std::vector<std::string_view>& names, std::size_t& out) {
  if (!reader.expect(value, Value::Kind::text, "a text")) return;
  const auto at = std::find(names.begin(), names.end(), value.text);
  if (at != names.end()) {
    out = static_cast<std::size_t>(at - names.begin());
    return;
  }
  std::string allowed;
  for (std::string_view name : names) allowed += (allowed.empty() ? "" : ", ") + std::string(name);
  reader.fault(value, "must be one of " + allowed + suggestion(value.text, {names.begin(), names.end()}));
}

}  // namespace sparc::config
