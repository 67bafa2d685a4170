#pragma once
// The server's log: one line an entry, to standard error, as text or JSON.

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "server/config/config.h"

namespace sparc::server {

/// Field names and values are written as they are given: secrets and tokens are never given.
/// Thread: any.
class Log {
 public:
  using Fields = std::initializer_list<std::pair<std::string_view, std::string_view>>;
  Log(config::LogLevel level, config::LogFormat format);
  ~Log();

  void debug(std::string_view event, Fields fields = {}) { write(config::LogLevel::debug, event, fields); }
  void info(std::string_view event, Fields fields = {}) { write(config::LogLevel::info, event, fields); }
  void warn(std::string_view event, Fields fields = {}) { write(config::LogLevel::warn, event, fields); }
  void error(std::string_view event, Fields fields = {}) { write(config::LogLevel::error, event, fields); }

 private:
  void write(config::LogLevel level, std::string_view event, Fields fields);
  struct Impl;
  Impl* impl_;  // owned
};

}  // namespace sparc::server
