#pragma once
// What shards send each other: requests to a stream's home, its answers, and publications.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "broker/broker.h"

namespace sparc::broker {

struct PublishRequest {
  Ticket ticket = 0;
  std::shared_ptr<Publication> publication;  // the home writes number and epoch before anybody else sees it
};
struct EnterRequest {
  Ticket ticket = 0;
  StreamKey stream;
};
struct LeaveRequest {
  StreamKey stream;
};
struct ReadRequest {
  Ticket ticket = 0;
  StreamKey stream;
  std::optional<Position> since;
  ReadLimits limits;
};
struct LatestRequest {
  Ticket ticket = 0;
  StreamKey stream;
  std::vector<std::string> rooms;
};
struct DirectoryRequest {
  enum class Act : std::uint8_t { attached, detached, tenants_of };
  Act act = Act::tenants_of;
  Ticket ticket = 0;
  IdKind kind = IdKind::user;
  std::string id;
  std::string tenant;  // not of tenants_of
};
struct RecordRequest {
  enum class Act : std::uint8_t { keep, take };
  Act act = Act::take;
  Ticket ticket = 0;
  std::string key;
  std::string value;         // of keep
  std::uint32_t ttl_ms = 0;  // of keep
};
struct PointsRequest {
  Ticket ticket = 0;
  std::string name;
  Rate rate;
  std::uint32_t points = 0;
};

struct Request {
  std::uint16_t from = 0;
  std::variant<PublishRequest, EnterRequest, LeaveRequest, ReadRequest, LatestRequest, DirectoryRequest, RecordRequest,
               PointsRequest>
      what;
};

struct PublishedAnswer {
  Ticket ticket = 0;
  Published result;
};
struct EnteredAnswer {
  Ticket ticket = 0;
  StreamState state;
};
struct HistoryAnswer {
  Ticket ticket = 0;
  HistoryPart part;
};
struct LatestAnswer {
  Ticket ticket = 0;
  std::vector<PublicationPtr> values;
};
struct TenantsAnswer {
  Ticket ticket = 0;
  std::vector<std::string> tenants;
};
struct RecordAnswer {
  Ticket ticket = 0;
  std::optional<std::string> value;
};
struct PointsAnswer {
  Ticket ticket = 0;
  std::uint32_t granted = 0;
  std::int64_t retry_after_ms = 0;
};
struct MissedNotice {
  Missed missed;
};
struct AvailabilityNotice {
  bool available = true;
};

struct Answer {
  std::variant<PublishedAnswer, EnteredAnswer, HistoryAnswer, LatestAnswer, TenantsAnswer, RecordAnswer, PointsAnswer,
               MissedNotice, AvailabilityNotice>
      what;
};

/// One item of a mailbox. Three words: mailboxes hold tens of thousands.
using Message = std::variant<PublicationPtr, std::unique_ptr<Request>, std::unique_ptr<Answer>>;

/// How messages travel between shards; the server does it with mailboxes, the simulator with delays.
class Post {
 public:
  virtual ~Post() = default;
  /// Moves from `message` unless the answer is false: the receiver's mailbox is full and nothing was stored. What one shard posts
  /// to another arrives there in order, by `MemoryBroker::Door::on_message`, never before this call returns.
  /// Thread: of the shard `from`.
  [[nodiscard]] virtual bool post(std::uint16_t from, std::uint16_t to, Message& message) = 0;
};

}  // namespace sparc::broker
