#include "protocol/handler_data.h"

#include <array>

#include "base/json_text.h"
#include "protocol/json_scan.h"

namespace sparc::protocol {

std::string handler_data(std::string_view data, std::string_view more_args, std::string_view socket_id,
                         const Identity& identity) {
  static constexpr std::array verified{"socketId", "userId", "tenantId", "organizationId", "roles"};
  std::string out = "{\"socketId\":";
  out.reserve(data.size() + 256);
  append_json_string(out, socket_id);
  out += ",\"userId\":";
  append_json_string(out, identity.user_id);
  out += ",\"tenantId\":";
  append_json_string(out, identity.tenant_id);
  if (!identity.organization_id.empty()) {
    out += ",\"organizationId\":";
    append_json_string(out, identity.organization_id);
  }
  out += ",\"roles\":[";
  for (const std::string_view role : identity.roles) {
    if (out.back() != '[') out += ',';
    append_json_string(out, role);
  }
  out += ']';
  const std::string_view value = json::trimmed(data);
  if (json::kind_of(value) == json::Kind::object) {
    std::string storage;
    json::Walker members(value);
    while (members.next()) {
      const auto key = json::view_string(members.key, storage);
      bool taken = !key;
      for (const char* name : verified) taken = taken || *key == name;
      if (taken || (!more_args.empty() && *key == "args")) continue;
      out += ',';
      out += members.key;
      out += ':';
      out += members.value;
    }
  } else if (!value.empty()) {
    out += ",\"data\":";
    out += value;
  }
  if (!more_args.empty()) {
    out += ",\"args\":[";
    out += more_args;
    out += ']';
  }
  out += '}';
  return out;
}

}  // namespace sparc::protocol
