#pragma once
// Client events to services, as transcripts: what instances get and what clients are answered.
// A line "1<-7" means that instance 1 was given request 7; "7=…" what the client was answered.

#include "broker/memory/service_router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace sparc::broker {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Lines = std::vector<std::string>;

struct Options {
  std::string group = "video";
  std::string tenant;
  bool retryable = false;
  bool local = false;
};

class World : public ServiceRouter::Out {
 public:
  explicit World(Limits limits = {}) : router(limits, *this, entropy_) {}

  /// What forbade some of them.
  std::string handle(InstanceId instance, std::vector<std::string> events, const Options& options = {}) {
    const auto refused =
        router.handle(instance, options.group, options.tenant, std::move(events), options.retryable, options.local, now());
    return refused ? refused->message : std::string{};
  }
  /// A request of a connection; its number is the client's id.
  int send(std::uint64_t connection, const std::string& event = "video:start", const std::string& tenant = "acme") {
    router.accept(call(connection, event, tenant, true), now());
    return request_;
  }
  int send_quietly(std::uint64_t connection, const std::string& event = "video:start") {
    router.accept(call(connection, event, "acme", false), now());
    return request_;
  }
  ServiceCall call(std::uint64_t connection, const std::string& event, const std::string& tenant, bool wants_reply) {
    ++request_;
    return {{}, event, "data of " + std::to_string(request_), {"bytes"}, tenant, connection, 3, wants_reply, request_};
  }
  void result(InstanceId instance, int request, const std::string& data = {}) {
    router.result(instance, id(instance, request), {data, {}}, now());
  }
  void fault(InstanceId instance, int request, Code code) {
    router.result(instance, id(instance, request), {{}, Fault{code, "no", 0}}, now());
  }
  void at(std::int64_t ms) {
    ms_ = ms;
    router.on_tick(now());
  }
  [[nodiscard]] Now now() const { return {ms_, 0}; }
  [[nodiscard]] std::string id(InstanceId instance, int request) const { return ids_.at({instance, request}); }
  [[nodiscard]] const ServiceCall& given(InstanceId instance, int request) const { return given_.at({instance, request}); }
  [[nodiscard]] std::uint32_t deadline_ms(InstanceId instance, int request) const { return deadlines_.at({instance, request}); }
  Lines lines() { return std::exchange(lines_, {}); }

  void invoke(InstanceId instance, const ServiceCall& call, std::uint32_t deadline_ms) override {
    const std::pair key{instance, static_cast<int>(call.request)};
    ids_[key] = call.id;
    given_[key] = call;
    deadlines_[key] = deadline_ms;
    lines_.push_back(std::to_string(instance) + "<-" + std::to_string(call.request));
    if (on_invoke) on_invoke(instance, call);
  }
  void answer(const ServiceCall& call, ServiceAnswer answer) override {
    EXPECT_EQ(call.shard, 3);
    EXPECT_TRUE(call.data.empty() && call.attachments.empty());
    const std::string text = answer.fault          ? std::string(name_of(answer.fault->code))
                             : answer.data.empty() ? "nothing"
                                                   : answer.data;
    lines_.push_back(std::to_string(call.request) + "=" + text);
    if (on_answer) on_answer(call);
  }

 private:
  SeededEntropy entropy_{7};
  int request_ = 0;
  std::int64_t ms_ = 1'000;
  Lines lines_;
  std::map<std::pair<InstanceId, int>, std::string> ids_;
  std::map<std::pair<InstanceId, int>, ServiceCall> given_;
  std::map<std::pair<InstanceId, int>, std::uint32_t> deadlines_;

 public:
  std::function<void(InstanceId, const ServiceCall&)> on_invoke;
  std::function<void(const ServiceCall&)> on_answer;
  ServiceRouter router;
};

inline Limits one_in_flight() {
  Limits limits;
  limits.service_in_flight_max = 1;
  return limits;
}

}  // namespace sparc::broker
