#pragma once

#include <cstdint>

#include "base/error.h"

namespace cfpipe::edge {

/// Serials that one write to disk reserves, at most. Those that a process leaves unused are skipped.
inline constexpr std::uint64_t kMaxSerialBlock = 256;

/// The serial numbers of SSH certificates, one sequence for all CAs. Failures are Stage::state with one
/// printable line.
class SerialStore {
 public:
  virtual ~SerialStore() = default;

  /// A number above all that this handle has returned, and that no handle on the store returns again, also
  /// after a crash: it belongs to a block that was reserved on disk before. The first number of a new store
  /// is 1; there are gaps.
  virtual Result<std::uint64_t> next() = 0;
};

}  // namespace cfpipe::edge
