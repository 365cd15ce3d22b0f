#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace cfpipe::fuzz {

/// Ends the process where a property of the target does not hold: libFuzzer then keeps the input.
inline void require(bool holds, const char* property) {
  if (holds) return;
  std::fprintf(stderr, "fuzz: this does not hold: %s\n", property);
  std::abort();
}

/// An input, read from its front: first what steers the target, then what the peer sends.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const auto value = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  /// Up to `end`, which is dropped, or all of the rest.
  std::string_view until(char end) {
    const auto at = std::min(rest_.find(end), rest_.size());
    const auto part = rest_.substr(0, at);
    rest_.remove_prefix(std::min(at + 1, rest_.size()));
    return part;
  }
  std::string_view take(std::size_t bytes) {
    const auto part = rest_.substr(0, bytes);
    rest_.remove_prefix(part.size());
    return part;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

/// `text` in pieces as a network may bring them: `plan` holds two sizes that alternate, of 1 to 8 and of 1 to
/// 32 bytes.
inline std::vector<std::string_view> cut(std::string_view text, std::uint8_t plan) {
  const std::size_t sizes[] = {1u + (plan & 7u), 1u + (plan / 8u)};
  std::vector<std::string_view> pieces;
  for (std::size_t i = 0; !text.empty(); ++i) {
    pieces.push_back(text.substr(0, sizes[i % 2]));
    text.remove_prefix(pieces.back().size());
  }
  return pieces;
}

}  // namespace cfpipe::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
