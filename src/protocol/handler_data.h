#pragma once
#include <string>
#include <string_view>

#include "base/identity.h"

namespace sparc::protocol {

/// What a handler of a client event gets: the client's data as an object, with the verified identity in it. Members of the client's
/// with the names socketId, userId, tenantId, organizationId, roles are left out, so that no reader can mistake them. Absent data is
/// `{}`; anything but an object becomes `{"data": …}`; further arguments become `args`. `data` is valid JSON.
[[nodiscard]] std::string handler_data(std::string_view data, std::string_view more_args, std::string_view socket_id,
                                       const Identity& identity);

}  // namespace sparc::protocol
