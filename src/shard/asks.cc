#include "shard/asks.h"

#include "base/json_text.h"

namespace sparc::shard {
namespace {

std::size_t bytes_of(const ClientAnswer& answer) {
  std::size_t size = answer.data.size() + answer.more_args.size();
  for (const std::string& attachment : answer.attachments) size += attachment.size();
  return size;
}

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

std::vector<std::vector<AskOut>> Asks::begin(std::vector<Recipients> found, const Limits& limits, AskDone done) {
  const auto refuse = [&](Fault fault) {
    refused_.add();
    done(std::unexpected(std::move(fault)));
    return std::vector<std::vector<AskOut>>{};
  };
  std::size_t count = 0;
  for (const Recipients& of : found) count += of.count;
  if (count > limits.ask_clients_max) {
    return refuse({Code::BAD_REQUEST, std::to_string(count) + " clients would be asked; an ask reaches " +
                                          std::to_string(limits.ask_clients_max) + " at most (limits.ask_clients_max)"});
  }
  if (unanswered_ + count > limits.asked_clients_max) {
    return refuse({Code::UNAVAILABLE, "too many clients were asked and have not answered (limits.asked_clients_max)", 1000});
  }
  if (count == 0) {
    done(std::vector<Answered>{});
    return {};
  }
  Ask ask;
  std::vector<std::vector<AskOut>> out(found.size());
  ++last_;
  for (std::size_t shard = 0; shard < found.size(); ++shard) {
    for (Recipient& client : found[shard].clients) {
      out[shard].push_back({client.connection, {last_, static_cast<std::uint32_t>(ask.clients.size())}});
      ask.clients.push_back({std::move(client), {}});
    }
  }
  ask.missing = ask.clients.size();
  ask.done = std::move(done);
  unanswered_ += ask.missing;
  asks_.emplace(last_, std::move(ask));
  return out;
}

void Asks::answer(const AskPlace& place, ClientAnswer answer, const Limits& limits) {
  auto found = asks_.find(place.ask);
  if (found == asks_.end()) return;
  Ask& ask = found->second;
  const std::size_t bytes = bytes_of(answer);
  if (ask.bytes + bytes > limits.ask_answer_bytes_max) {
    answer = {};
    answer.fault = {Code::PAYLOAD_TOO_LARGE, "the answers are larger than limits.ask_answer_bytes_max"};
  } else {
    ask.bytes += bytes;
  }
  ask.clients[place.client].answer = std::move(answer);
  --unanswered_;
  if (--ask.missing != 0) return;
  Ask over = std::move(ask);
  asks_.erase(found);  // before `done`, which may begin another
  over.done(std::move(over.clients));
}

std::uint64_t AskedClients::add(ConnectionId client, const AskPlace& place, std::int64_t deadline_ms) {
  questions_.emplace(++last_, Question{client, place, deadline_ms});
  asked_[client.packed()].push_back(last_);
  deadlines_.emplace(deadline_ms, last_);
  return last_;
}

std::optional<AskPlace> AskedClients::take(ConnectionId client, std::uint64_t number) {
  auto found = questions_.find(number);
  if (found == questions_.end() || found->second.client != client) return std::nullopt;
  return erase(number);
}

std::vector<AskPlace> AskedClients::take_all(ConnectionId client) {
  std::vector<AskPlace> places;
  auto found = asked_.find(client.packed());
  if (found == asked_.end()) return places;
  const std::vector<std::uint64_t> numbers = found->second;
  for (const std::uint64_t number : numbers) places.push_back(erase(number));
  return places;
}

std::vector<AskPlace> AskedClients::take_late(std::int64_t now_ms) {
  std::vector<AskPlace> places;
  while (next_deadline() <= now_ms) places.push_back(erase(deadlines_.begin()->second));
  return places;
}

AskPlace AskedClients::erase(std::uint64_t number) {
  auto found = questions_.find(number);
  const Question question = found->second;
  questions_.erase(found);
  deadlines_.erase({question.deadline_ms, number});
  auto of = asked_.find(question.client.packed());
  std::erase(of->second, number);
  if (of->second.empty()) asked_.erase(of);
  return question.place;
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
