#include "edge/tunnel/handle.h"

#include <boost/asio/post.hpp>
#include <utility>

namespace cfpipe::edge {

void TunnelHandle::dismiss(std::string why) {
  const std::lock_guard lock(mutex_);
  if (std::exchange(dismissed_, true)) return;
  why_ = std::move(why);
  post();
}

std::optional<std::string> TunnelHandle::dismissal() const {
  const std::lock_guard lock(mutex_);
  return dismissed_ ? std::optional(why_) : std::nullopt;
}

void TunnelHandle::on_dismissed(Told told) {
  const std::lock_guard lock(mutex_);
  told_ = std::move(told);
  if (dismissed_) post();
}

void TunnelHandle::count(std::shared_ptr<const tunnel::Counters> counters) {
  const std::lock_guard lock(mutex_);
  counters_ = std::move(counters);
}

TunnelHandle::Moved TunnelHandle::moved() const {
  const std::lock_guard lock(mutex_);
  return counters_ ? Moved{counters_->get(0), counters_->get(1)} : Moved();
}

void TunnelHandle::forget() {
  const std::lock_guard lock(mutex_);
  told_ = nullptr;
  executor_ = {};
}

// The lock is held while posting, so that the executor's loop cannot go meanwhile.
void TunnelHandle::post() {
  if (executor_) boost::asio::post(executor_, [self = shared_from_this()] { self->tell(); });
}

void TunnelHandle::tell() {
  // Taken out first: it may end the tunnel, and with it this callback's place.
  if (const Told told = std::exchange(told_, nullptr)) told(why_);
}

}  // namespace cfpipe::edge
