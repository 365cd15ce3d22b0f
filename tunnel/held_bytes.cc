#include "tunnel/held_bytes.h"

#include <atomic>

namespace cfpipe::tunnel {
namespace {

std::atomic<std::size_t> held{0};

}  // namespace

std::size_t held_bytes() {
  return held.load(std::memory_order_relaxed);
}

void count_held(std::size_t bytes) {
  held.fetch_add(bytes, std::memory_order_relaxed);
}

void count_freed(std::size_t bytes) {
  held.fetch_sub(bytes, std::memory_order_relaxed);
}

void HeldBytes::set(std::size_t bytes) {
  if (bytes == bytes_) return;
  if (bytes > bytes_) {
    count_held(bytes - bytes_);
  } else {
    count_freed(bytes_ - bytes);
  }
  bytes_ = bytes;
}

}  // namespace cfpipe::tunnel
