#include "edge/terminal/output.h"

namespace cfpipe::edge::terminal {

std::size_t Output::room() const {
  const std::uint64_t waiting = end() - drawn_;
  return waiting >= kWindowBytes ? 0 : kWindowBytes - static_cast<std::size_t>(waiting);
}

void Output::add(std::string_view bytes) {
  kept_.append(bytes);
  held_.set(kept_.capacity());
  // Moved once for every window that has gone by, not for every read.
  if (kept_.size() < 2 * kWindowBytes) return;
  const std::size_t old = kept_.size() - kWindowBytes;
  kept_.erase(0, old);
  begin_ += old;
}

void Output::drawn(std::uint64_t position) {
  if (position > drawn_ && position <= end()) drawn_ = position;
}

std::string_view Output::from(std::uint64_t position, std::size_t most) const {
  return std::string_view(kept_).substr(static_cast<std::size_t>(position - begin_), most);
}

std::uint64_t Output::resume(std::uint64_t position) const {
  return position >= begin_ && position <= end() ? position : begin_;
}

}  // namespace cfpipe::edge::terminal
