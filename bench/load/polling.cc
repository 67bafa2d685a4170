#include "load/polling.h"

#include <strings.h>

#include <charconv>

#include "load/options.h"

namespace bench {
namespace {

constexpr std::string_view version = " HTTP/1.1\r\n";

}  // namespace

HttpAnswer parse_http_answer(std::string_view bytes) {
  static constexpr std::string_view length_name = "Content-Length:";
  HttpAnswer answer;
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return answer;
  std::size_t length = std::string_view::npos;
  for (std::size_t at = bytes.find("\r\n"); at < end; at = bytes.find("\r\n", at + 2)) {
    const char* line = bytes.data() + at + 2;
    if (strncasecmp(line, length_name.data(), length_name.size()) != 0) continue;
    line += length_name.size();
    while (*line == ' ') ++line;
    std::from_chars(line, bytes.data() + end, length);
  }
  if (length == std::string_view::npos) give_up("an answer without Content-Length: " + std::string(bytes.substr(0, end)));
  if (bytes.size() - end - 4 < length) return answer;
  std::from_chars(bytes.data() + std::string_view("HTTP/1.1 ").size(), bytes.data() + end, answer.status);
  answer.body = bytes.substr(end + 4, length);
  answer.size = end + 4 + length;
  return answer;
}

std::string Polling::open(std::uint32_t client, Role role, std::uint32_t index) {
  if (gets_.size() <= client) gets_.resize(client + 1);
  std::string& get = gets_[client];
  get = "GET " + dialect_.path(role);
  get.append(version).append("Host: ").append(host_).append("\r\nAccept: */*\r\n");
  get.append(dialect_.headers(role, index)).append("\r\n");
  return get;
}

std::string_view Polling::packets_of(std::uint32_t client, std::string_view body) {
  static constexpr std::string_view sid_key = "0{\"sid\":\"";
  posted_.clear();
  if (body.starts_with(sid_key)) {
    const std::size_t end = body.find('"', sid_key.size());
    gets_[client].insert(gets_[client].find(version), "&sid=" + std::string(body.substr(sid_key.size(), end - sid_key.size())));
  }
  return body == "ok" ? std::string_view{} : body;
}

void Polling::post(std::string_view packet) {
  if (!posted_.empty()) posted_ += '\x1e';
  posted_ += packet;
}

std::string_view Polling::next_request(std::uint32_t client) {
  const std::string_view get = gets_[client];
  if (posted_.empty()) return get;
  post_ = "POST ";
  post_.append(get.substr(4, get.size() - 4 - 2));
  post_.append("Content-Type: text/plain;charset=UTF-8\r\nContent-Length: ").append(std::to_string(posted_.size()));
  post_.append("\r\n\r\n").append(posted_);
  return post_;
}

}  // namespace bench
