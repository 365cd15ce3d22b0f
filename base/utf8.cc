#include "base/utf8.h"

#include <algorithm>
#include <cstddef>

namespace cfpipe {
namespace {

struct Range {
  unsigned char low, high;
  bool holds(char byte) const {
    const auto value = static_cast<unsigned char>(byte);
    return low <= value && value <= high;
  }
};

constexpr Range kTail{0x80, 0xbf};

// A character of several bytes by its first: what the second may be, and how many more follow that (RFC 3629
// 4).
struct Form {
  Range first, second;
  std::size_t more;
};

constexpr Form kForms[] = {
    {{0xc2, 0xdf}, kTail, 0},        {{0xe0, 0xe0}, {0xa0, 0xbf}, 1}, {{0xe1, 0xec}, kTail, 1},
    {{0xed, 0xed}, {0x80, 0x9f}, 1}, {{0xee, 0xef}, kTail, 1},        {{0xf0, 0xf0}, {0x90, 0xbf}, 2},
    {{0xf1, 0xf3}, kTail, 2},        {{0xf4, 0xf4}, {0x80, 0x8f}, 2},
};

// Bytes of the character at the front of `text`; 0 if it is malformed.
std::size_t character(std::string_view text) {
  constexpr Range kAscii{0x00, 0x7f};
  if (kAscii.holds(text[0])) return 1;
  for (const auto& [first, second, more] : kForms) {
    if (!first.holds(text[0])) continue;
    if (text.size() < 2 + more || !second.holds(text[1])) return 0;
    const auto rest = text.substr(2, more);
    const bool good = std::all_of(rest.begin(), rest.end(), [](char byte) { return kTail.holds(byte); });
    return good ? 2 + more : 0;
  }
  return 0;
}

}  // namespace

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto size = character(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

}  // namespace cfpipe
