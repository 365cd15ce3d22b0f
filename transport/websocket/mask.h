#pragma once

#include <array>
#include <cstddef>

#include "transport/websocket/codec.h"

namespace cfpipe::transport {

/// Random bytes that are drawn at once.
inline constexpr std::size_t kMaskPool = 1024;

/// Masks for the frames of a client, which the author of the payload cannot foresee (RFC 6455 10.3).
class MaskSource {
 public:
  /// Throws where the system gives no random bytes: what is sent under a mask that is known may not leave.
  WsMask next();

 private:
  std::array<unsigned char, kMaskPool> pool_{};
  std::size_t left_ = 0;
};

}  // namespace cfpipe::transport
