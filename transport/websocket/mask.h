#pragma once

#include <array>
#include <cstddef>

#include "transport/websocket/codec.h"

namespace cfpipe::transport {

/// Random bytes drawn at once.
inline constexpr std::size_t kMaskPool = 1024;

/// Masks for the frames of a client, which the author of the payload cannot foresee (RFC 6455 10.3).
class MaskSource {
 public:
  /// Throws if the system gives no random bytes, since a predictable mask must not be used.
  WsMask next();

 private:
  std::array<unsigned char, kMaskPool> pool_{};
  std::size_t left_ = 0;
};

}  // namespace cfpipe::transport
