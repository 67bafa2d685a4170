// Random services and clients against a small router: what the router promises holds whatever comes, also from within its calls.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "broker/memory/service_router.h"

namespace sparc::broker {
namespace {

constexpr std::int64_t event_ms = 50, grace_ms = 80;
constexpr std::size_t in_flight_max = 3;
constexpr int groups = 3;  // group g handles e0 … eg

struct SentEvent {
  ServiceCall call;
  std::int64_t deadline_ms = 0;
  std::set<int> groups;  // that had a place
  std::set<int> returned_empty;
  bool lost = false, refusable = false;  // a group may have said UNAVAILABLE
  bool left = false;                     // its client
  int answers = 0;
};

struct Sending {  // the newest of an event to a group
  InstanceId instance = 0;
  std::string id;
  bool over = false;
};

struct Service {
  int group = 0;
  bool alive = true, retryable = false;
};

class Scenario : public ServiceRouter::Out {
 public:
  explicit Scenario(std::uint64_t seed) : random_(seed), entropy_(seed), router_(limits(), *this, entropy_) {}

  void go(int steps) {
    for (int i = 0; i < steps; ++i) {
      act();
      check();
    }
    nested_ = 50;  // nobody sends anything new
    now_ms_ += event_ms;
    router_.on_tick(now());
    check();
    const auto end = router_.counters();
    EXPECT_EQ(end.events + end.in_flight + end.waiting, 0U);
    for (const auto& [request, event] : events_) {
      if (!event.call.wants_reply) {
        EXPECT_EQ(event.answers, 0) << request;
      } else if (!event.left) {
        EXPECT_EQ(event.answers, 1) << request;
      }
    }
  }

  void invoke(InstanceId instance, const ServiceCall& call, std::uint32_t deadline_ms) override {
    SentEvent& event = events_.at(call.request);
    Service& service = services_.at(instance);
    ++invokes;
    EXPECT_TRUE(service.alive);
    EXPECT_TRUE(event.groups.contains(service.group));
    EXPECT_LT(now_ms_, event.deadline_ms);
    EXPECT_EQ(deadline_ms, event.deadline_ms - now_ms_);
    EXPECT_EQ(call.data, event.call.data);
    EXPECT_EQ(call.attachments, event.call.attachments);
    EXPECT_EQ(call.connection, event.call.connection);
    check_order(call, service.group, instance);
    check_once(call, service.group, instance);
    EXPECT_LE(in_flight(instance), in_flight_max);
    const std::string id = call.id;
    if (random_.below(6) == 0) give_result(instance, call.request);
    if (random_.below(40) == 0) lose(instance);
    EXPECT_EQ(call.id, id);
    EXPECT_EQ(call.data, event.call.data);
  }

  void answer(const ServiceCall& call, ServiceAnswer answer) override {
    SentEvent& event = events_.at(call.request);
    ++answers;
    ++event.answers;
    EXPECT_TRUE(event.call.wants_reply);
    EXPECT_FALSE(event.left);
    EXPECT_EQ(event.answers, 1);
    if (!answer.fault && answer.data.empty()) {
      EXPECT_EQ(event.returned_empty, event.groups);
      EXPECT_FALSE(event.groups.empty());
    } else if (answer.fault) {
      check_fault(event, answer.fault->code);
    } else {
      EXPECT_EQ(answer.data, "result of " + std::to_string(call.request));
    }
    if (random_.below(20) == 0) leave(call.connection);
    if (random_.below(8) == 0 && ++nested_ < 50) send();
  }

  std::uint64_t invokes = 0, answers = 0, resent = 0;
  std::map<Code, int> faults;

 private:
  static Limits limits() {
    Limits limits;
    limits.service_in_flight_max = in_flight_max;
    limits.service_queue_entries_max = 12;
    limits.service_deadline_ms = event_ms;
    limits.service_group_grace_ms = grace_ms;
    return limits;
  }
  [[nodiscard]] Now now() const { return {now_ms_, 0}; }

  void act() {
    nested_ = 0;
    const auto choice = random_.below(100);
    if (choice < 45) return send();
    if (choice < 75) return give_any_result();
    if (choice < 80) return come();
    if (choice < 84) {
      if (const InstanceId instance = any_service()) lose(instance);
      return;
    }
    if (choice < 87) return leave(clients_[random_.below(clients_.size())]);
    if (choice < 89) return router_.result(any_service(), "nonsense", {"x", {}}, now());
    now_ms_ += random_.below(4) == 0 ? random_.below(60) : random_.below(6);
    router_.on_tick(now());
  }

  void send() {
    SentEvent event;
    const auto name = random_.below(groups + 1);
    const std::int64_t request = ++last_request_;
    const std::uint64_t client = clients_[random_.below(clients_.size())];
    event.call = {{},
                  "e" + std::to_string(name),
                  "data of " + std::to_string(request),
                  {std::to_string(request)},
                  "t",
                  client,
                  0,
                  random_.below(4) != 0,
                  request};
    event.deadline_ms = now_ms_ + event_ms;
    for (int group = static_cast<int>(name); group < groups; ++group) {
      if (has_place(group)) event.groups.insert(group);
    }
    events_.emplace(request, event);
    router_.accept(event.call, now());
  }

  void come() {
    const InstanceId instance = ++last_instance_;
    const int group = static_cast<int>(random_.below(groups));
    services_[instance] = {group, true, random_.below(2) == 0};
    std::vector<std::string> names;
    for (int name = 0; name <= group; ++name) names.push_back("e" + std::to_string(name));
    if (random_.below(2) == 0) names.push_back("e0*");
    router_.handle(instance, "g" + std::to_string(group), random_.below(2) == 0 ? "t" : "", names, services_[instance].retryable,
                   random_.below(4) == 0, now());
  }

  void lose(InstanceId instance) {
    Service& service = services_.at(instance);
    if (!service.alive) return;
    service.alive = false;
    for (auto& [key, sending] : sendings_) {
      if (sending.instance != instance || sending.over) continue;
      sending.over = true;
      if (!service.retryable) events_.at(key.first).lost = true;
    }
    // Its names have their place as long as those of any tenant and those of the tenant do, whichever are kept longer.
    vacant_until_ms_[service.group] = std::max(vacant_until_ms_[service.group], now_ms_ + grace_ms);
    router_.gone(instance, now());
  }

  void leave(std::uint64_t client) {
    for (auto& [request, event] : events_) {
      if (event.call.connection == client) event.left = true;
    }
    std::replace(clients_.begin(), clients_.end(), client, ++last_client_);
    router_.connection_gone(client);
  }

  void give_any_result() {
    std::vector<std::pair<std::int64_t, InstanceId>> open;
    for (const auto& [key, sending] : sendings_) {
      if (is_in_flight(key.first, sending)) open.emplace_back(key.first, sending.instance);
    }
    if (open.empty()) return;
    const auto& [request, instance] = open[random_.below(open.size())];
    give_result(instance, request);
  }

  void give_result(InstanceId instance, std::int64_t request) {
    const int group = services_.at(instance).group;
    Sending& sending = sendings_.at({request, group});
    sending.over = true;
    ServiceAnswer answer;
    const auto kind = random_.below(4);
    if (kind == 0) answer.fault = Fault{Code::FORBIDDEN, "no", 0};
    if (kind == 1) answer.data = "result of " + std::to_string(request);
    if (kind > 1) events_.at(request).returned_empty.insert(group);
    router_.result(instance, std::string(sending.id), std::move(answer), now());
  }

  void check_once(const ServiceCall& call, int group, InstanceId instance) {
    auto [known, is_new] = sendings_.try_emplace({call.request, group});
    Sending& sending = known->second;
    if (is_new) {
      EXPECT_TRUE(ids_.insert(call.id).second) << call.id;
    } else {
      const Service& before = services_.at(sending.instance);
      EXPECT_FALSE(before.alive);
      EXPECT_TRUE(before.retryable);
      EXPECT_EQ(call.id, sending.id);
      ++resent;
    }
    sending = {instance, call.id, false};
  }

  void check_order(const ServiceCall& call, int group, InstanceId instance) {
    Served& served = served_[{call.connection, group}];
    if (served.instance != instance) {
      EXPECT_TRUE(served.instance == 0 || !services_.at(served.instance).alive);
      served = {instance, 0, served.newest};
    }
    EXPECT_LT(served.last, call.request);
    served.last = call.request;
    if (sendings_.contains({call.request, group})) return;  // sent again
    EXPECT_LT(served.newest, call.request);
    served.newest = call.request;
  }

  void check_fault(const SentEvent& event, Code code) {
    ++faults[code];
    switch (code) {
      case Code::NO_HANDLER: EXPECT_TRUE(event.groups.empty()); break;
      case Code::TIMEOUT: EXPECT_GE(now_ms_, event.deadline_ms); break;
      case Code::UNAVAILABLE: EXPECT_TRUE(event.lost || router_.counters().refused_queue_full > refused_seen_); break;
      case Code::FORBIDDEN: break;
      default: ADD_FAILURE() << name_of(code);
    }
    EXPECT_EQ(code == Code::NO_HANDLER, event.groups.empty());
  }

  void check() {
    const auto counters = router_.counters();
    refused_seen_ = counters.refused_queue_full;
    std::size_t started = 0;
    bool all_have_room = true;
    std::set<int> served;
    for (const auto& [instance, service] : services_) {
      if (!service.alive) continue;
      const std::size_t has = in_flight(instance);
      started += has;
      served.insert(service.group);
      all_have_room = all_have_room && has < in_flight_max;
    }
    EXPECT_EQ(counters.in_flight, started);
    EXPECT_LE(counters.waiting, 12U * groups);
    if (all_have_room && served.size() == groups) {
      EXPECT_EQ(counters.waiting, 0U);
    }
    EXPECT_GE(router_.next_due_ms(), now_ms_ + 1);
    std::erase_if(sendings_, [&](const auto& s) { return events_.at(s.first.first).deadline_ms + event_ms < now_ms_; });
  }

  [[nodiscard]] bool has_place(int group) const {
    const bool lives =
        std::any_of(services_.begin(), services_.end(), [&](const auto& s) { return s.second.alive && s.second.group == group; });
    auto vacant = vacant_until_ms_.find(group);
    return lives || (vacant != vacant_until_ms_.end() && vacant->second > now_ms_);
  }
  [[nodiscard]] bool is_in_flight(std::int64_t request, const Sending& sending) const {
    return !sending.over && events_.at(request).deadline_ms > now_ms_;
  }
  [[nodiscard]] std::size_t in_flight(InstanceId instance) const {
    return static_cast<std::size_t>(std::count_if(sendings_.begin(), sendings_.end(), [&](const auto& s) {
      return s.second.instance == instance && is_in_flight(s.first.first, s.second);
    }));
  }
  [[nodiscard]] InstanceId any_service() {
    std::vector<InstanceId> alive;
    for (const auto& [instance, service] : services_) {
      if (service.alive) alive.push_back(instance);
    }
    return alive.empty() ? 0 : alive[random_.below(alive.size())];
  }

  struct Served {
    InstanceId instance = 0;
    std::int64_t last = 0, newest = 0;
  };
  SeededEntropy random_, entropy_;
  std::int64_t now_ms_ = 1;
  std::int64_t last_request_ = 0;
  InstanceId last_instance_ = 0;
  std::uint64_t last_client_ = 6;
  int nested_ = 0;
  std::uint64_t refused_seen_ = 0;
  std::vector<std::uint64_t> clients_{1, 2, 3, 4, 5, 6};
  std::map<std::int64_t, SentEvent> events_;
  std::map<InstanceId, Service> services_;
  std::map<std::pair<std::int64_t, int>, Sending> sendings_;
  std::map<std::pair<std::uint64_t, int>, Served> served_;
  std::map<int, std::int64_t> vacant_until_ms_;
  std::set<std::string> ids_;
  ServiceRouter router_;
};

TEST(ServiceRouterProperty, WhateverComesEachGroupIsServedOnceInOrderAndEachClientAnsweredOnce) {
  std::uint64_t invokes = 0, answers = 0, resent = 0;
  std::map<Code, int> faults;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    Scenario scenario(seed);
    scenario.go(300);
    invokes += scenario.invokes;
    answers += scenario.answers;
    resent += scenario.resent;
    for (const auto& [code, times] : scenario.faults) faults[code] += times;
    ASSERT_FALSE(::testing::Test::HasFailure()) << "seed " << seed;
  }
  // The scenarios reach what they are about.
  EXPECT_GT(invokes, 5'000U);
  EXPECT_GT(answers, 5'000U);
  EXPECT_GT(resent, 100U);
  for (const Code code : {Code::NO_HANDLER, Code::TIMEOUT, Code::UNAVAILABLE, Code::FORBIDDEN})
    EXPECT_GT(faults[code], 50) << name_of(code);
}

}  // namespace
}  // namespace sparc::broker
