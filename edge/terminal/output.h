#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tunnel/held_bytes.h"

namespace cfpipe::edge::terminal {

/// How much of a session's output may be on its way to the page, in bytes: what it has not said it has drawn.
/// As much is kept for a page that comes back.
inline constexpr std::size_t kWindowBytes = 256 * 1024;

/// The last of what a terminal has put out, by the position of each byte since its session began. Only as
/// much is taken in as the page draws: that bounds memory, and what stands before the prompt after a Ctrl-C.
class Output {
 public:
  std::uint64_t begin() const { return begin_; }
  std::uint64_t end() const { return begin_ + kept_.size(); }
  /// How many bytes may be added now.
  std::size_t room() const;
  /// At most room() of them.
  void add(std::string_view bytes);
  /// The page has drawn everything up to there; says nothing where that cannot be.
  void drawn(std::uint64_t position);
  /// What is kept from `position` on, at most `most` bytes; begin() <= position <= end().
  std::string_view from(std::uint64_t position, std::size_t most) const;
  /// Where a page goes on that has drawn everything up to `position`: there, or else where what is kept
  /// begins.
  std::uint64_t resume(std::uint64_t position) const;

 private:
  std::string kept_;         // at most twice the window
  tunnel::HeldBytes held_;   // its capacity
  std::uint64_t begin_ = 0;  // position of its first byte
  std::uint64_t drawn_ = 0;
};

}  // namespace cfpipe::edge::terminal
