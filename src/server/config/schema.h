#pragma once
// How a table of keys reads and writes plain structs: one row a key, from which reading, printing and documentation follow.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/token_bucket.h"
#include "server/config/value.h"

namespace sparc::config {

/// A mistake in what was configured. Never holds the value of a secret.
struct Problem {
  std::string where;    // file.toml:3:7, WEBSOCKET_PORT or --port
  std::string key;      // limits.message_bytes_max; empty where there is none
  std::string message;  // what is wrong and what is allowed
};

/// `where: key: message`.
[[nodiscard]] std::string to_string(const Problem& problem);

/// Collects mistakes while one source is read, and knows where it is in it.
class Reader {
 public:
  Reader(std::string source, std::vector<Problem>& problems) : source_(std::move(source)), problems_(problems) {}

  void fault(const Value& at, std::string message);
  /// Whether `value` is of `kind`; otherwise says what it is and what it should be.
  [[nodiscard]] bool expect(const Value& value, Value::Kind kind, std::string_view allowed);

  std::string key;  // of the value being read
  [[nodiscard]] const std::string& source() const { return source_; }

 private:
  std::string source_;
  std::vector<Problem>& problems_;
};

/// What is known of a key beside its name.
struct Meta {
  std::string_view help;
  std::string_view unit{};                             // milliseconds, bytes, …
  std::string_view variable{};                         // the environment's name for it; empty: made from the key
  std::int64_t min = 0;                                // of integers
  std::int64_t max = -1;                               // -1: as far as the type goes
  std::string (*check)(const std::string&) = nullptr;  // of texts and of the items of lists: empty, or what is allowed
  bool secret = false;
  bool identity = false;  // of an entry: entries with the same one are the same
  bool needed = false;    // of an entry that is new
};

/// How a value is given as one text, in a variable or a flag.
enum class Shape : std::uint8_t { boolean, integer, text, texts, entries };

struct Record;

/// One key of a struct whose type the row knows and its user does not.
struct Field {
  std::string name;  // a dot in it is a table in the text
  Meta meta;
  Shape shape;
  const Record* entries;  // of lists of tables
  std::string (*allowed_)(const Meta&);
  void (*read_)(Reader&, const Value&, const Meta&, void*);
  std::optional<Value> (*write_)(const void*);

  /// "integer 1 to 65535", "text", …
  [[nodiscard]] std::string allowed() const { return allowed_(meta); }
  void read(Reader& reader, const Value& value, void* into) const { read_(reader, value, meta, into); }
  /// Nothing: not set.
  [[nodiscard]] std::optional<Value> write(const void* from) const { return write_(from); }

  Field& in(std::string_view unit) { return meta.unit = unit, *this; }
  Field& at_least(std::int64_t min) { return meta.min = min, *this; }
  Field& at_most(std::int64_t max) { return meta.max = max, *this; }
  Field& between(std::int64_t min, std::int64_t max) { return at_least(min).at_most(max); }
  Field& checked(std::string (*check)(const std::string&)) { return meta.check = check, *this; }
  Field& variable(std::string_view env) { return meta.variable = env, *this; }
  Field& kept_secret() { return meta.secret = true, *this; }
  Field& identifies() { return meta.identity = true, *this; }
  Field& needed() { return meta.needed = true, *this; }
};

/// The keys of the entries of a list.
struct Record {
  std::string_view name;  // namespace, room rule, …
  std::vector<Field> fields;
  bool first_match = false;  // entries are looked at in order: new ones stand before the shipped ones
};

template <class T>
const Record& record_of();

/// `maxDelayMs` as `max_delay_ms`: keys may be spelled as the TypeScript options are.
[[nodiscard]] std::string snake_case(std::string_view key);

using Fields = std::vector<Field>;
using OnRead = std::function<void(const Field&, const Value&)>;

/// Reads a table's members into the struct behind `fields`, complaining of keys that it does not have.
void read_members(Reader& reader, const Value& table, const Fields& fields, void* into, const OnRead& on_read = nullptr);
/// As a table; secrets as `redacted`.
[[nodiscard]] Value write_members(const Fields& fields, const void* from);
inline constexpr std::string_view redacted = "(redacted)";
/// A value as it stands in a variable or a flag: lists of texts separated by commas, lists of tables as JSON.
[[nodiscard]] std::optional<Value> value_from_text(Reader& reader, const Field& field, std::string_view text);
/// The name nearest to a mistaken one by edit distance; empty where none is near.
[[nodiscard]] std::string nearest_name(std::string_view mistaken, const std::vector<std::string>& names);
/// The same as `; did you mean "x"?`, or empty.
[[nodiscard]] std::string suggestion(std::string_view mistaken, const std::vector<std::string>& names);

/// What makes two entries the same; `fallback` is a new entry, for keys that are not said.
[[nodiscard]] std::string identity_of(const Record& record, const Value& entry, const void* fallback);
[[nodiscard]] std::string identity_of(const Record& record, const void* entry);
/// Complains of keys that are needed and that `entry` lacks.
[[nodiscard]] bool complete(Reader& reader, const Record& record, const Value& entry);

// ---- types -------------------------------------------------------------------------------------------------------------------

template <class E>
struct EnumNames;  // static constexpr std::array<std::pair<E, std::string_view>, n> names

[[nodiscard]] bool read_integer(Reader& reader, const Value& value, std::int64_t min, std::int64_t max, std::int64_t& out);
[[nodiscard]] bool read_text(Reader& reader, const Value& value, const Meta& meta, std::string& out);
void read_texts(Reader& reader, const Value& value, const Meta& meta, std::vector<std::string>& out);
void read_rate(Reader& reader, const Value& value, Rate& out);
/// Sets `out` to the index of the name that `value` is.
void choose(Reader& reader, const Value& value, const std::vector<std::string_view>& names, std::size_t& out);
[[nodiscard]] std::string write_rate(Rate rate);

template <class T>
T new_entry() {
  return T{};
}

template <class T>
struct Codec {
  static_assert(std::is_integral_v<T> || std::is_enum_v<T>);

  static std::int64_t most(const Meta& meta) {
    if (meta.max >= 0) return meta.max;
    return sizeof(T) >= 8 ? INT64_MAX : static_cast<std::int64_t>((std::uint64_t{1} << (8 * sizeof(T))) - 1);
  }
  static void read(Reader& reader, const Value& value, const Meta& meta, T& out) {
    if constexpr (std::is_enum_v<T>) {
      std::vector<std::string_view> names;
      for (const auto& [e, name] : EnumNames<T>::names) names.push_back(name);
      std::size_t chosen = names.size();
      choose(reader, value, names, chosen);
      if (chosen < names.size()) out = EnumNames<T>::names[chosen].first;
    } else {
      std::int64_t number = 0;
      if (read_integer(reader, value, meta.min, most(meta), number)) out = static_cast<T>(number);
    }
  }
  static std::optional<Value> write(const T& value) {
    if constexpr (std::is_enum_v<T>) {
      for (const auto& [e, name] : EnumNames<T>::names) {
        if (e == value) return Value::of(std::string(name));
      }
      return std::nullopt;
    } else {
      return Value::of(static_cast<std::int64_t>(value));
    }
  }
  static constexpr Shape shape = std::is_enum_v<T> ? Shape::text : Shape::integer;
  static std::string allowed(const Meta& meta) {
    if constexpr (std::is_enum_v<T>) {
      std::string out;
      for (const auto& [e, name] : EnumNames<T>::names) out += (out.empty() ? "" : " \\| ") + std::string(name);
      return out;
    } else {
      const auto upper = most(meta);
      return upper >= UINT32_MAX ? "integer ≥ " + std::to_string(meta.min)
                                 : "integer " + std::to_string(meta.min) + " to " + std::to_string(upper);
    }
  }
  static const Record* entries() { return nullptr; }
};

template <>
struct Codec<bool> {
  static void read(Reader& reader, const Value& value, const Meta&, bool& out) {
    if (reader.expect(value, Value::Kind::boolean, "true or false")) out = value.boolean;
  }
  static std::optional<Value> write(bool value) { return Value::of(value); }
  static constexpr Shape shape = Shape::boolean;
  static std::string allowed(const Meta&) { return "true \\| false"; }
  static const Record* entries() { return nullptr; }
};

template <>
struct Codec<std::string> {
  static void read(Reader& reader, const Value& value, const Meta& meta, std::string& out) {
    std::string text;
    if (read_text(reader, value, meta, text)) out = std::move(text);
  }
  static std::optional<Value> write(const std::string& value) {
    return value.empty() ? std::nullopt : std::optional(Value::of(value));
  }
  static constexpr Shape shape = Shape::text;
  static std::string allowed(const Meta&) { return "text"; }
  static const Record* entries() { return nullptr; }
};

template <>
struct Codec<std::vector<std::string>> {
  static void read(Reader& reader, const Value& value, const Meta& meta, std::vector<std::string>& out) {
    read_texts(reader, value, meta, out);
  }
  static std::optional<Value> write(const std::vector<std::string>& values) {
    std::vector<Value> items;
    for (const auto& value : values) items.push_back(Value::of(value));
    return Value::list(std::move(items));
  }
  static constexpr Shape shape = Shape::texts;
  static std::string allowed(const Meta&) { return "list of texts"; }
  static const Record* entries() { return nullptr; }
};

template <>
struct Codec<Rate> {
  static void read(Reader& reader, const Value& value, const Meta&, Rate& out) { read_rate(reader, value, out); }
  static std::optional<Value> write(Rate value) { return Value::of(write_rate(value)); }
  static constexpr Shape shape = Shape::text;
  static std::string allowed(const Meta&) { return "rate"; }
  static const Record* entries() { return nullptr; }
};

template <class T>
struct Codec<std::optional<T>> : Codec<T> {
  static void read(Reader& reader, const Value& value, const Meta& meta, std::optional<T>& out) {
    T read_value{};
    Codec<T>::read(reader, value, meta, read_value);
    out = read_value;
  }
  static std::optional<Value> write(const std::optional<T>& value) { return value ? Codec<T>::write(*value) : std::nullopt; }
};

/// Lists of tables. An entry that is named like one that is there is merged over it.
template <class T>
struct Codec<std::vector<T>> {
  static void read(Reader& reader, const Value& value, const Meta&, std::vector<T>& out) {
    const Record& record = record_of<T>();
    if (!reader.expect(value, Value::Kind::list, "a list of tables")) return;
    std::vector<std::string> seen;
    std::size_t front = 0;
    const std::string list_key = reader.key;
    for (std::size_t i = 0; i < value.items.size(); ++i) {
      const Value& item = value.items[i];
      reader.key = list_key + "[" + std::to_string(i) + "]";
      if (!reader.expect(item, Value::Kind::table, "a table")) continue;
      T fresh = new_entry<T>();
      const std::string identity = identity_of(record, item, &fresh);
      T* target = find(record, out, identity);
      if (target == nullptr && !complete(reader, record, item)) continue;
      if (std::find(seen.begin(), seen.end(), identity) != seen.end()) {
        reader.fault(item, "the second entry for \"" + identity + "\"");
        continue;
      }
      seen.push_back(identity);
      if (target == nullptr) {
        const auto at = record.first_match ? out.begin() + static_cast<std::ptrdiff_t>(front++) : out.end();
        target = &*out.insert(at, std::move(fresh));
      }
      read_members(reader, item, record.fields, target);
    }
    reader.key = list_key;
  }
  static std::optional<Value> write(const std::vector<T>& values) {
    std::vector<Value> items;
    for (const auto& value : values) items.push_back(write_members(record_of<T>().fields, &value));
    return Value::list(std::move(items));
  }
  static constexpr Shape shape = Shape::entries;
  static std::string allowed(const Meta&) { return "list of " + std::string(record_of<T>().name) + " tables"; }
  static const Record* entries() { return &record_of<T>(); }

 private:
  static T* find(const Record& record, std::vector<T>& in, const std::string& identity) {
    for (auto& entry : in) {
      if (identity_of(record, &entry) == identity) return &entry;
    }
    return nullptr;
  }
};

// ---- rows --------------------------------------------------------------------------------------------------------------------

template <class M>
struct MemberOf;
template <class C, class T>
struct MemberOf<T C::*> {
  using Owner = C;
  using Type = T;
};

template <auto First, auto... Rest, class Owner>
auto& reach(Owner& owner) {
  if constexpr (sizeof...(Rest) == 0) {
    return owner.*First;
  } else {
    return reach<Rest...>(owner.*First);
  }
}

/// The row of a member, reached through a chain of members: field<&Config::jwt, &TokenKeys::secret>("jwt.secret", "…").
template <auto First, auto... Rest>
Field field(std::string name, std::string_view help) {
  using Owner = typename MemberOf<decltype(First)>::Owner;
  using Type = std::remove_reference_t<decltype(reach<First, Rest...>(std::declval<Owner&>()))>;
  return {std::move(name),
          Meta{help},
          Codec<Type>::shape,
          Codec<Type>::entries(),
          Codec<Type>::allowed,
          [](Reader& reader, const Value& value, const Meta& meta, void* into) {
            Codec<Type>::read(reader, value, meta, reach<First, Rest...>(*static_cast<Owner*>(into)));
          },
          [](const void* from) { return Codec<Type>::write(reach<First, Rest...>(*static_cast<const Owner*>(from))); }};
}

}  // namespace sparc::config
