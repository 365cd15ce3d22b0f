#include "transport/websocket/mask.h"

#include <openssl/rand.h>

#include <cstring>
#include <stdexcept>

namespace cfpipe::transport {

WsMask MaskSource::next() {
  if (left_ < sizeof(WsMask)) {
    if (RAND_bytes(pool_.data(), static_cast<int>(pool_.size())) != 1)
      throw std::runtime_error("the system gives no random bytes");
    left_ = pool_.size();
  }
  left_ -= sizeof(WsMask);
  WsMask mask;
  std::memcpy(mask.data(), pool_.data() + left_, mask.size());
  return mask;
}

}  // namespace cfpipe::transport
