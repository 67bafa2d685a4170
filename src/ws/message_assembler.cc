#include "ws/message_assembler.h"

namespace sparc::ws {

std::optional<CloseFault> MessageAssembler::begin_frame(std::uint64_t payload_bytes, std::size_t bytes_max,
                                                        std::size_t fragments_max) {
  if (++fragments_ > fragments_max) return CloseFault{CloseCode::too_big, "message has too many fragments"};
  if (bytes_.size() > bytes_max || payload_bytes > bytes_max - bytes_.size()) {
    return CloseFault{CloseCode::too_big, "message exceeds the size limit"};
  }
  return std::nullopt;
}

std::optional<CloseFault> MessageAssembler::add(std::string_view piece) {
  if (type_ == Opcode::text && !compressed_ && !utf8_.feed(piece))
    return CloseFault{CloseCode::invalid_data, "text is not UTF-8"};
  bytes_.append(piece);
  return std::nullopt;
}

std::optional<CloseFault> MessageAssembler::finish() const {
  if (type_ == Opcode::text && !compressed_ && !utf8_.complete()) return CloseFault{CloseCode::invalid_data, "text is not UTF-8"};
  return std::nullopt;
}

}  // namespace sparc::ws
