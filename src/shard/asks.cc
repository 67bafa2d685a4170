#include "shard/asks.h"

#include "base/json_text.h"

namespace sparc::shard {
namespace {

void append_answer(std::string& out, std::string& attached, const Answered& one) {
  const auto& [client, answer] = one;
  out += "{\"connectionId\":" + json_string(client.id) + ",\"userId\":" + json_string(client.user_id) +
         ",\"tenantId\":" + json_string(client.tenant_id);
  if (answer.fault) {
    out += ",\"error\":{\"code\":\"" + std::string(name_of(answer.fault->code)) +
           "\",\"message\":" + json_string(answer.fault->message) + "}";
  }
  if (!answer.data.empty()) out += ",\"data\":" + answer.data;
  if (!answer.more_args.empty()) out += ",\"args\":[" + answer.more_args + ']';
  if (!answer.attachments.empty()) {
    out += ",\"attachments\":[";
    for (const std::string& attachment : answer.attachments) {
      if (out.back() != '[') out += ',';
      out += std::to_string(attachment.size());
      attached += attachment;
    }
    out += ']';
  }
  out += '}';
}

}  // namespace

std::size_t ClientAnswer::bytes() const {
  std::size_t size = data.size() + more_args.size() + (fault ? fault->message.size() : 0);
  for (const std::string& attachment : attachments) size += attachment.size();
  return size;
}

std::vector<std::vector<AskOut>> PendingAsks::begin(std::vector<Recipients> found, const std::string& asker, const Limits& limits,
                                                    AskDone done) {
  const auto refuse = [&](Fault fault) {
    refused_.add();
    done(std::unexpected(std::move(fault)));
    return std::vector<std::vector<AskOut>>{};
  };
  std::size_t count = 0;
  bool more = false;
  for (const Recipients& of : found) {
    count += of.clients.size();
    more = more || of.more;
  }
  if (more || count > limits.ask_clients_max) {
    return refuse({Code::BAD_REQUEST, "more than " + std::to_string(limits.ask_clients_max) +
                                          " clients would be asked (limits.ask_clients_max); name smaller rooms"});
  }
  if (count == 0) {
    done(std::vector<Answered>{});
    return {};
  }
  constexpr std::int64_t retry_ms = 1000;
  if (unanswered_ + count > limits.asked_clients_max) {
    return refuse({Code::UNAVAILABLE, "too many clients were asked and have not answered (limits.asked_clients_max)", retry_ms});
  }
  const auto of_asker = unanswered_of_.find(asker);
  if ((of_asker == unanswered_of_.end() ? 0 : of_asker->second) + count > limits.service_asked_clients_max) {
    return refuse({Code::UNAVAILABLE,
                   "too many clients that this service asked have not answered (limits.service_asked_clients_max)", retry_ms});
  }
  Ask ask;
  ask.asker = asker;
  std::vector<std::vector<AskOut>> out(found.size());
  ++last_;
  for (std::size_t shard = 0; shard < found.size(); ++shard) {
    for (Recipient& client : found[shard].clients) {
      out[shard].push_back({client.connection, {last_, static_cast<std::uint32_t>(ask.clients.size())}});
      ask.clients.push_back({std::move(client), {}});
    }
  }
  ask.missing = count;
  ask.done = std::move(done);
  unanswered_ += count;
  unanswered_of_[asker] += count;
  asks_.emplace(last_, std::move(ask));
  return out;
}

void PendingAsks::answer(const AskPlace& place, ClientAnswer answer, const Limits& limits) {
  auto found = asks_.find(place.ask);
  if (found == asks_.end()) return;  // cleared
  Ask& ask = found->second;
  const std::size_t bytes = answer.bytes();
  if (ask.bytes + bytes > limits.ask_answer_bytes_max || bytes_ + bytes > limits.asks_node_bytes_max) {
    const char* limit =
        ask.bytes + bytes > limits.ask_answer_bytes_max ? "limits.ask_answer_bytes_max" : "limits.asks_node_bytes_max";
    answer = {};
    answer.fault = {Code::PAYLOAD_TOO_LARGE, std::string("the answers are larger than ") + limit};
  } else {
    ask.bytes += bytes;
    bytes_ += bytes;
  }
  ask.clients[place.client].answer = std::move(answer);
  --unanswered_;
  auto of_asker = unanswered_of_.find(ask.asker);
  if (--of_asker->second == 0) unanswered_of_.erase(of_asker);
  if (--ask.missing != 0) return;
  Ask over = std::move(ask);
  asks_.erase(found);  // before `done`, which may begin another
  bytes_ -= over.bytes;
  over.done(std::move(over.clients));
}

void OpenQuestions::add(ConnectionId client, std::uint64_t number, NamespaceId ns, const AskPlace& place,
                        std::int64_t deadline_ms) {
  questions_.emplace(Key{client.packed(), number}, Question{place, deadline_ms, ns});
  deadlines_.emplace(deadline_ms, client.packed(), number);
}

std::size_t OpenQuestions::count(ConnectionId client) const {
  std::size_t count = 0;
  for (auto it = questions_.lower_bound({client.packed(), 0}); it != questions_.end() && it->first.first == client.packed(); ++it)
    ++count;
  return count;
}

std::optional<AskPlace> OpenQuestions::take(ConnectionId client, std::uint64_t number) {
  const auto found = questions_.find({client.packed(), number});
  if (found == questions_.end()) return std::nullopt;
  return erase(found);
}

std::vector<AskPlace> OpenQuestions::take_all(ConnectionId client, std::optional<NamespaceId> ns) {
  std::vector<AskPlace> places;
  auto it = questions_.lower_bound({client.packed(), 0});
  while (it != questions_.end() && it->first.first == client.packed()) {
    const auto question = it++;
    if (!ns || question->second.ns == *ns) places.push_back(erase(question));
  }
  return places;
}

std::vector<AskPlace> OpenQuestions::take_late(std::int64_t now_ms) {
  std::vector<AskPlace> places;
  while (next_deadline() <= now_ms) {
    const auto& [deadline, client, number] = *deadlines_.begin();
    places.push_back(erase(questions_.find({client, number})));
  }
  return places;
}

AskPlace OpenQuestions::erase(Questions::iterator question) {
  const auto& [key, value] = *question;
  const AskPlace place = value.place;
  deadlines_.erase({value.deadline_ms, key.first, key.second});
  questions_.erase(question);
  return place;
}

std::string answers_json(const std::vector<Answered>& answers, std::string& attached) {
  std::string out = "{\"answers\":[";
  for (const Answered& one : answers) {
    if (out.back() != '[') out += ',';
    append_answer(out, attached, one);
  }
  return out + "]}";
}

}  // namespace sparc::shard
