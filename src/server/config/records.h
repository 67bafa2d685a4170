#pragma once
// The keys of the entries of configured lists (namespaces, rooms, …), as tables like the one of the top level.

#include "server/config/config.h"
#include "server/config/schema.h"

namespace sparc::config {

/// What an entry starts from when its name is new.
[[nodiscard]] Namespace new_namespace();

template <>
Namespace new_entry<Namespace>();

template <>
const Record& record_of<Topic>();
template <>
const Record& record_of<FilterField>();
template <>
const Record& record_of<EventRule>();
template <>
const Record& record_of<Namespace>();
template <>
const Record& record_of<RoomRule>();
template <>
const Record& record_of<Anonymous>();
template <>
const Record& record_of<ApiKey>();

}  // namespace sparc::config
