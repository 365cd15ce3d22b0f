#pragma once

#include <array>
#include <cstddef>

#include "transport/websocket_codec.h"

namespace cfpipe::transport {

/// Masks for the frames of a client, which the author of the payload cannot foresee (RFC 6455 10.3).
class MaskSource {
 public:
  WsMask next();

 private:
  std::array<unsigned char, 1024> pool_{};  // random bytes that are drawn at once
  std::size_t left_ = 0;
};

}  // namespace cfpipe::transport
