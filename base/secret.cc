#include "base/secret.h"

#include <openssl/crypto.h>

#include <utility>

namespace cfpipe {

// A moved-from std::string may keep its bytes in the small buffer, so moving is a swap followed by a wipe.
Secret::Secret(Secret&& other) noexcept {
  value_.swap(other.value_);
  other.wipe();
}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    wipe();
    value_.swap(other.value_);
  }
  return *this;
}

void Secret::wipe() noexcept {
  OPENSSL_cleanse(value_.data(), value_.size());
  value_.clear();
}

}  // namespace cfpipe
