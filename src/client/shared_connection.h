#pragma once
// One connection and the clients that use it.

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/entropy.h"
#include "client/connection_machine.h"
#include "client/interest.h"

namespace sparc::client {

/// A client of a shared connection. Calls on the driver's thread; none of them may call the connection back.
class Member {
 public:
  virtual ~Member() = default;
  virtual void on_message(const Message& message) = 0;
  virtual void on_stale(const websocket::Stale& stale) = 0;
  /// The namespace is joined, for the first time or again.
  virtual void on_connected() = 0;
  /// Not connected within the time of an attempt; the connection goes on trying.
  virtual void on_late() = 0;
  /// The connection, or an attempt, is over. With `end.will_retry` false the member is out and is told nothing more.
  virtual void on_ended(const action::Ended& end) = 0;
  /// The namespace was refused: the member is out.
  virtual void on_refused(const Failure& failure) = 0;
  /// A service's question. True: it will be answered by SharedConnection::answer_ask, once.
  [[nodiscard]] virtual bool on_asked(const action::Asked& asked) = 0;
  /// Rooms that the server took away or did not grant again.
  virtual void on_rooms_lost(const std::vector<std::string>& rooms, const std::string& code) = 0;
  virtual void on_problem(const Failure& failure) = 0;
};

/// Carries out what a connection wants of the world.
class Transports {
 public:
  virtual ~Transports() = default;
  virtual void open(LinkId link) = 0;
  virtual void send(LinkId link, std::string bytes) = 0;
  virtual void close(LinkId link) = 0;
  virtual void ask_token() = 0;
};

/// Asks the server for the union of what its members want and gives each its own part. A namespace is joined with its first member
/// and left with its last; the connection is opened with the first and closed with the last.
///
/// Changes of one namespace go to the server one after the other, each made of what the ones before led to.
/// Limits:   a publication to several rooms is told by the server with one of them, and reaches the members that want that one.
/// Thread:   confined to its driver's.
class SharedConnection {
 public:
  static constexpr std::size_t members_max = 1'000;
  static constexpr std::size_t changes_max = 1'000;  // that wait, of one namespace

  using Done = std::move_only_function<void(websocket::Result<std::vector<std::string>>)>;
  using Reply = std::move_only_function<void(websocket::Result<std::string>)>;

  SharedConnection(MachineOptions options, Entropy& entropy, Transports& transports);
  SharedConnection(const SharedConnection&) = delete;
  SharedConnection& operator=(const SharedConnection&) = delete;

  /// Answered by on_connected, on_refused or on_ended. Nothing where the member is in already.
  void enter(const Now& now, std::shared_ptr<Member> member, const std::string& ns, Interest interest);
  /// on_late is due anew, counted from now.
  void wait_again(const Now& now, const Member& member);
  /// Nothing more is told to the member.
  void exit(const Now& now, const Member& member);
  /// `done` gets the rooms asked for, in their short form.
  void subscribe(const Now& now, const Member& member, protocol::Subscribe choice, Done done);
  void unsubscribe(const Now& now, const Member& member, std::vector<std::string> rooms, Done done);
  void request(const Now& now, const Member& member, protocol::Event event, std::int64_t timeout_ms, Reply reply);
  [[nodiscard]] std::expected<void, Failure> send(const Now& now, const Member& member, protocol::Event event);
  void answer_ask(const Now& now, LinkId link, const std::string& call_id, const websocket::Result<std::string>& answer);
  void reconnect(const Now& now);

  void on_token(const Now& now, std::expected<std::string, std::string> token);
  void on_open(const Now& now, LinkId link);
  void on_bytes(const Now& now, LinkId link, std::string_view bytes);
  void on_lost(const Now& now, LinkId link, std::string_view detail);
  void on_tick(const Now& now);
  [[nodiscard]] std::int64_t next_deadline() const;

  [[nodiscard]] bool empty() const { return members_ == 0; }
  [[nodiscard]] bool has(const Member& member) const;
  /// Null for one that is not in.
  [[nodiscard]] const Interest* interest(const Member& member) const;
  [[nodiscard]] bool connected(const Member& member) const;

 private:
  struct Entry {
    std::shared_ptr<Member> member;
    Interest interest;
    protocol::Wish wish;          // of interest
    bool entered = false;         // was told on_connected, and not lost since
    bool admitted = false;        // its wants are part of what was asked for
    std::int64_t late_at_ms = 0;  // when on_late is due; 0: not any more
  };
  struct Change {
    enum class Kind : std::uint8_t { enter, subscribe, unsubscribe } kind = Kind::enter;
    std::weak_ptr<Member> member;
    protocol::Subscribe choice;
    Done done;
  };
  struct Group {
    std::string ns;
    std::vector<std::unique_ptr<Entry>> entries;
    protocol::FilterVocabulary vocabulary;
    protocol::Subscribe asked;  // what the server has been asked for, and will be at the next join
    std::deque<Change> changes;
    OpId busy = 0;      // the change at the front is under way
    Interest prospect;  // of its member, when it succeeds
    protocol::Subscribe prospective;
    bool joined = false;
  };

  void run(const Now& now);
  void handle(const Now& now, Action& action);
  void on_joined(const Now& now, const action::Joined& joined);
  void on_answered(const Now& now, action::Answered& answered);
  void on_ended(const action::Ended& ended);
  void on_refused(const action::JoinRefused& refused);
  void deliver(const Message& message);
  /// The first member that answers such questions does.
  void put_question(const Now& now, const action::Asked& asked);
  void lose_rooms(const Now& now, Group& group, const std::vector<std::string>& rooms, const std::string& code);
  static void admit(Entry& entry, const Group& group);
  void add_change(const Now& now, Group& group, Change change);
  void next_change(const Now& now, Group& group);
  /// True: it waits for the server.
  [[nodiscard]] bool begin_change(const Now& now, Group& group, Change& change);
  void finish_change(const Now& now, Group& group, const websocket::Result<std::string>& answer);
  [[nodiscard]] protocol::Subscribe union_of(const Group& group, const Entry* replaced, const Interest* by) const;
  void shrink(const Now& now, Group& group);
  [[nodiscard]] Group* group_of(const Member& member, Entry** entry = nullptr);
  [[nodiscard]] static Entry* entry_of(Group& group, const Member* member);
  void tell_problem(const Failure& failure);
  void collect(const Now& now);

  std::uint32_t timeout_ms_;
  ConnectionMachine machine_;
  Transports& transports_;
  std::map<std::string, Group, std::less<>> groups_;
  std::size_t members_ = 0;
  OpId last_op_ = 0;
  std::unordered_map<OpId, Reply> replies_;
};

}  // namespace sparc::client
