#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tunnel/stream.h"

namespace cfpipe::tunnel {

/// Frames between the two ends of a resumable tunnel (docs/PROTOCOL.md): type, length in three bytes,
/// payload. Numbers are big-endian.
enum class FrameType : std::uint8_t { data = 0, ack = 1, fin = 2, reset = 3 };

inline constexpr std::size_t kFrameHeader = 4;            ///< bytes
inline constexpr std::size_t kMaxDataBytes = 256 * 1024;  ///< payload of a DATA that is taken
inline constexpr std::size_t kMaxResetText = 256;         ///< text of a RESET, in bytes

/// Why an end gives a tunnel up.
enum class ResetCode : std::uint16_t {
  broken_off = 1,  ///< what it leads to has broken off: bytes are missing
  dismissed = 2,   ///< access was revoked
  going_away = 3,  ///< the edge ends
  left = 4         ///< who it was for has gone, and takes nothing more
};

struct Reset {
  ResetCode code = ResetCode::broken_off;
  std::string text;  ///< as it came: not printable by itself
};

/// Writes the header of a DATA so that it ends at `payload`.
void put_data_header(std::byte* payload, std::size_t size);
/// Whole frames. ACK: the number of the next byte that is expected, and one more behind the other end's FIN.
/// FIN: the number of bytes that there are.
std::string ack_frame(std::uint64_t next);
std::string fin_frame(std::uint64_t end);
std::string reset_frame(const Reset& reset);

/// Parser of these frames, however they are cut. Sans-IO: works in the caller's memory.
class FrameDecoder {
 public:
  /// What one feed() saw besides data: of several ACKs the last.
  struct Events {
    std::optional<std::uint64_t> ack;
    std::optional<std::uint64_t> fin;
    std::optional<Reset> reset;
  };

  /// Takes all of `in`; slices of DATA are appended to `payload`. False on a violation, which why() names;
  /// what follows it is not looked at. Behind a FIN there is no DATA, and behind a RESET nothing.
  bool feed(Slice in, std::vector<Slice>& payload, Events& events);
  const char* why() const { return why_; }
  /// For a new carrier, on which a frame begins.
  void restart() { *this = FrameDecoder(); }

 private:
  bool violation(const char* why);
  bool begin();
  bool end(Events& events);

  const char* why_ = "";
  std::array<std::byte, kFrameHeader> header_{};
  std::size_t have_ = 0;  ///< of the header
  FrameType type_ = FrameType::data;
  std::size_t left_ = 0;  ///< of the payload
  bool finished_ = false;
  bool reset_ = false;
  std::string control_;  ///< payload of what is not DATA
};

}  // namespace cfpipe::tunnel
