#include "edge/connector/link.h"

#include <boost/asio/post.hpp>

#include "transport/http2/session.h"

namespace cfpipe::edge {

bool ConnectorLink::post(Job job) {
  const std::lock_guard lock(mutex_);
  if (!attached_) return false;
  boost::asio::post(executor_, [self = shared_from_this(), job = std::move(job)] {
    if (self->host_ != nullptr) job(*self->host_);
  });
  return true;
}

void ConnectorLink::end(std::string why) {
  post([why = std::move(why)](LinkHost& host) { host.end(why); });
}

bool ConnectorLink::has_room() const {
  return !closing_.load(std::memory_order_relaxed) && tunnels() < transport::kH2MaxStreams;
}

void ConnectorLink::detach() {
  const std::lock_guard lock(mutex_);
  attached_ = false;
  host_ = nullptr;
}

}  // namespace cfpipe::edge
