#include "protocol/native/request_writer.h"

#include <cassert>
#include <span>

#include "protocol/native/attachments.h"
#include "protocol/native/json_fields.h"
#include "protocol/scalar.h"

namespace sparc::protocol::native {
namespace {

/// Writes a command without the frame's end, so that attachments may follow.
class Writer {
 public:
  Writer(std::string& out, std::optional<std::int64_t> id) : out_(out), id_(id) {}

  void operator()(const Auth& auth) {
    begin("auth");
    append_field(out_, R"(,"token":)", auth.token);
  }
  void operator()(const Join& join) {
    begin("join");
    wants(join.wants);
    position(R"(,"recover":)", join.recover);
  }
  void operator()(const Leave& leave) {
    begin("leave");
    ns(leave.ns);
  }
  void operator()(const Subscribe& subscribe) {
    begin("subscribe");
    wants(subscribe);
  }
  void operator()(const Unsubscribe& unsubscribe) {
    begin("unsubscribe");
    ns(unsubscribe.ns);
    list(R"(,"rooms":)", unsubscribe.rooms);
  }
  void operator()(const Event& event) {
    make_room(out_, 128 + event.data.size() + event.more_args.size());
    begin("event");
    ns(event.ns);
    arguments(event);
  }
  void operator()(const Presence& presence) {
    begin("presence");
    ns(presence.ns);
    append_field(out_, R"(,"room":)", presence.room);
  }
  void operator()(const History& history) {
    begin("history");
    ns(history.ns);
    position(R"(,"since":)", history.since);
    if (history.limit != 0) append_field(out_, R"(,"limit":)", history.limit);
  }
  void operator()(const Pong&) { begin("pong"); }
  void operator()(const Publish& publish) {
    make_room(out_, 192 + publish.data.size() + publish.more_args.size());
    begin("publish");
    ns(publish.ns);
    rooms(publish.rooms);
    arguments(publish);
    if (!publish.except.empty()) list(R"(,"except":)", publish.except);
    optional(R"(,"publicationId":)", publish.publication_id);
    optional(R"(,"tenantId":)", publish.tenant);
  }
  void operator()(const Ask& ask) {
    begin("ask");
    ns(ask.ns);
    if (ask.connection.empty()) {
      rooms(ask.rooms);
    } else {
      append_field(out_, R"(,"connectionId":)", ask.connection);
    }
    arguments(ask);
    if (!ask.except.empty()) list(R"(,"except":)", ask.except);
    optional(R"(,"tenantId":)", ask.tenant);
    if (ask.timeout_ms != 0) append_field(out_, R"(,"timeoutMs":)", ask.timeout_ms);
  }
  void operator()(const Handle& handle) {
    begin("handle");
    append_field(out_, R"(,"group":)", handle.group);
    list(R"(,"events":)", handle.events);
    out_ += handle.retryable ? R"(,"retryable":true)" : R"(,"retryable":false)";
  }
  void operator()(const Result& result) {
    begin("result");
    append_field(out_, R"(,"callId":)", result.call_id);
    if (!result.error_code.empty()) {
      append_field(out_, R"(,"error":{"code":)", result.error_code);
      append_field(out_, R"(,"message":)", result.error_message);
      out_.push_back('}');
    } else if (!result.data.empty()) {
      append_arguments(out_, result.data, {});
    }
  }
  void operator()(const Watch& watch) {
    begin("watch");
    list(R"(,"hooks":)", watch.hooks);
  }

 private:
  void begin(std::string_view type) {
    out_ += R"({"type":")";
    out_ += type;
    out_.push_back('"');
    if (!id_) return;
    out_ += R"(,"id":)";
    append_number(out_, *id_);
  }
  void ns(const std::string& name) { append_field(out_, R"(,"namespace":)", name); }
  void optional(std::string_view key, const std::string& value) {
    if (!value.empty()) append_field(out_, key, value);
  }
  void rooms(const std::vector<std::string>& names) {
    if (names.size() == 1) {
      append_field(out_, R"(,"room":)", names.front());
    } else {
      list(R"(,"rooms":)", names);
    }
  }
  void list(std::string_view key, std::span<const std::string> items) {
    out_ += key;
    append_strings(out_, items);
  }
  void position(std::string_view key, const std::optional<Position>& position) {
    if (!position) return;
    out_ += key;
    append_field(out_, R"({"epoch":)", position->epoch);
    append_field(out_, R"(,"offset":)", position->offset);
    out_.push_back('}');
  }
  template <class T>
  void arguments(const T& carrier) {
    append_field(out_, R"(,"event":)", carrier.event);
    if (!carrier.data.empty() || !carrier.more_args.empty()) append_arguments(out_, carrier.data, carrier.more_args);
  }

  void wants(const Subscribe& wants) {
    ns(wants.ns);
    if (!wants.rooms.empty()) list(R"(,"rooms":)", wants.rooms);
    if (wants.topics.kind == Choice<std::string>::Kind::everything) out_ += R"(,"topics":null)";
    if (wants.topics.kind == Choice<std::string>::Kind::list) list(R"(,"topics":)", wants.topics.items);
    if (wants.filters.kind == Choice<Filter>::Kind::everything) out_ += R"(,"filters":null)";
    if (wants.filters.kind == Choice<Filter>::Kind::list) filters(wants.filters.items);
  }
  void filters(const std::vector<Filter>& items) {
    out_ += R"(,"filters":[)";
    for (const auto& item : items) {
      if (out_.back() != '[') out_.push_back(',');
      filter(item);
    }
    out_.push_back(']');
  }
  void filter(const Filter& filter) {
    out_.push_back('{');
    for (const auto& [name, values] : filter.fields) {
      if (out_.back() != '{') out_.push_back(',');
      append_json_string(out_, name);
      out_ += ":[";
      for (const auto& value : values) {
        if (out_.back() != '[') out_.push_back(',');
        append_scalar(out_, value);
      }
      out_.push_back(']');
    }
    if (filter.every_ms != 0) append_field(out_, filter.fields.empty() ? R"("everyMs":)" : R"(,"everyMs":)", filter.every_ms);
    out_.push_back('}');
  }

  std::string& out_;
  std::optional<std::int64_t> id_;
};

const std::vector<std::string>* attachments_of(const Command& command) {
  return std::visit(
      []<class T>(const T& carrier) -> const std::vector<std::string>* {
        if constexpr (requires { carrier.attachments; }) return &carrier.attachments;
        return nullptr;
      },
      command);
}

}  // namespace

bool has_attachments(const Command& command) {
  const auto* attachments = attachments_of(command);
  return attachments != nullptr && !attachments->empty();
}

void append_request(std::string& out, const Request& request) {
  assert(!has_attachments(request.command));
  std::visit(Writer(out, request.id), request.command);
  out.push_back('}');
}

void append_binary_request(std::string& out, const Request& request) {
  const auto* attachments = attachments_of(request.command);
  assert(attachments != nullptr);
  const std::size_t begin = out.size();
  out.append(4, '\0');
  std::visit(Writer(out, request.id), request.command);
  append_attachment_lengths(out, *attachments);
  out.push_back('}');
  patch_header_length(out, begin, out.size() - begin - 4);
  for (const auto& attachment : *attachments) out += attachment;
}

}  // namespace sparc::protocol::native
