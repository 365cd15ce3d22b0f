#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cfpipe::transport {

/// Streams whose end a server remembers, the latest first.
inline constexpr std::size_t kH2RememberedStreams = 128;

/// The streams that a client has opened on one connection, to tell HEADERS for streams that it ended (RFC
/// 9113 5.1) and for numbers that it skipped (5.1.1) from those that were in flight when the server reset
/// their stream.
class H2Sequence {
 public:
  /// HEADERS have come for a stream that is not open. They open it (kH2NoError), or were in flight
  /// (kH2NoError), or are a connection error of this code.
  std::uint32_t fault_of_head(std::int32_t stream);
  /// The stream has closed, and the client had ended or reset it before.
  void ended(std::int32_t stream);

 private:
  struct Opened {
    std::int32_t stream;
    bool ended;
  };
  std::int32_t last_ = 0;
  std::vector<Opened> opened_;  ///< ascending
};

}  // namespace cfpipe::transport
