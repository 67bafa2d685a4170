#include "server/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "base/json_text.h"

namespace sparc::server {

struct Log::Impl {
  std::shared_ptr<spdlog::logger> logger;
  config::LogFormat format;
};

namespace {

spdlog::level::level_enum level_of(config::LogLevel level) {
  switch (level) {
    case config::LogLevel::debug: return spdlog::level::debug;
    case config::LogLevel::info: return spdlog::level::info;
    case config::LogLevel::warn: return spdlog::level::warn;
    case config::LogLevel::error: return spdlog::level::err;
    case config::LogLevel::off: return spdlog::level::off;
  }
  return spdlog::level::info;
}

}  // namespace

Log::Log(config::LogLevel level, config::LogFormat format) : impl_(new Impl) {
  impl_->logger = std::make_shared<spdlog::logger>("sparc", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  impl_->logger->set_level(level_of(level));
  impl_->logger->set_pattern(
      format == config::LogFormat::json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})" : "%Y-%m-%dT%H:%M:%S.%eZ %l %v",
      spdlog::pattern_time_type::utc);
  impl_->format = format;
}

Log::~Log() { delete impl_; }

void Log::write(config::LogLevel level, std::string_view event, Fields fields) {
  if (!impl_->logger->should_log(level_of(level))) return;
  std::string line;
  if (impl_->format == config::LogFormat::json) {
    line = "\"event\":" + json_string(event);
    for (const auto& [name, value] : fields) line += ',' + json_string(name) + ':' + json_string(value);
  } else {
    line = event;
    for (const auto& [name, value] : fields) line += ' ' + std::string(name) + '=' + json_string(value);
  }
  impl_->logger->log(level_of(level), "{}", line);
}

}  // namespace sparc::server
