#include <curl/curl.h>

#include <iostream>
#include <iterator>
#include <memory>

#include "app/commands.h"
#include "base/json_text.h"

namespace sparc::app {
namespace {

constexpr long timeout_ms = 10'000;
constexpr std::size_t answer_bytes_max = 1'048'576;

std::string request_body(const Arguments& arguments) {
  std::string data = arguments.data;
  if (data == "-") data.assign(std::istreambuf_iterator<char>(std::cin), {});
  return "{\"namespace\":" + json_string(arguments.ns) + ",\"room\":" + json_string(arguments.room) +
         ",\"event\":" + json_string(arguments.event) + ",\"data\":" + data + "}";
}

std::string server_url(const Arguments& arguments, const config::Config& config) {
  std::string url = arguments.url;
  if (url.empty()) {
    const bool own_port = config.admin_port.has_value();
    std::string host = own_port ? config.admin_host : config.host;
    if (host == "0.0.0.0") host = "127.0.0.1";
    if (host == "::") host = "::1";
    if (host.find(':') != std::string::npos) host = "[" + host + "]";
    const bool tls = !own_port && !config.tls_certificate_file.empty();
    url = (tls ? "https://" : "http://") + host + ":" + std::to_string(own_port ? *config.admin_port : config.port);
  }
  if (url.ends_with('/')) url.pop_back();
  return url + "/api/v1/broadcast";
}

std::size_t keep(char* bytes, std::size_t size, std::size_t count, void* into) {
  auto& answer = *static_cast<std::string*>(into);
  if (answer.size() + size * count > answer_bytes_max) return 0;
  answer.append(bytes, size * count);
  return size * count;
}

struct Answer {
  CURLcode error = CURLE_OK;
  long status = 0;
  std::string body;
};

Answer post(const std::string& url, const std::string& api_key, const std::string& body) {
  Answer answer;
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(), curl_easy_cleanup);
  curl_slist* list = curl_slist_append(nullptr, "Content-Type: application/json");
  list = curl_slist_append(list, ("X-API-Key: " + api_key).c_str());
  const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers(list, curl_slist_free_all);
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, body.data());
  curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, timeout_ms);
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, keep);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &answer.body);
  answer.error = curl_easy_perform(curl.get());
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &answer.status);
  return answer;
}

}  // namespace

int publish(const Arguments& arguments) {
  const auto loaded = load_configuration(arguments);
  if (!loaded) return loaded.error();
  const config::Config& config = loaded->config;
  std::string api_key = config.api_key;
  if (api_key.empty() && !config.api_keys.empty()) api_key = config.api_keys.front().key;
  if (api_key.empty()) {
    std::cerr << "publish: needs WEBSOCKET_API_KEY, or --dev-keys\n";
    return exit_usage;
  }
  const std::string url = server_url(arguments, config);
  const Answer answer = post(url, api_key, request_body(arguments));
  if (answer.error != CURLE_OK) {
    std::cerr << "publish: " << url << ": " << curl_easy_strerror(answer.error) << "\n";
    return exit_failure;
  }
  const bool accepted = answer.status >= 200 && answer.status < 300;
  (accepted ? std::cout : std::cerr) << answer.body << "\n";
  return accepted ? exit_ok : exit_failure;
}

}  // namespace sparc::app
