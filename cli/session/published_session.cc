#include "cli/session/published_session.h"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "cli/console/messages.h"

namespace cfpipe::cli {
namespace net = boost::asio;

PublishedSession::PublishedSession(std::string state_directory, OpenSession session)
    : state_directory_(std::move(state_directory)), session_(std::move(session)) {
  session_.process = ::getpid();
  session_.since = unix_now();
}

PublishedSession::~PublishedSession() {
  if (!file_) return;
  file_.reset();
  read_session_files(state_directory_);
}

TunnelCounts PublishedSession::counts() const {
  TunnelCounts out;
  out.open = static_cast<int>(tunnels_.size());
  out.resumed = resumed_;
  for (const auto* tunnel : tunnels_) {
    if (tunnel->detached_since_ == 0) continue;
    out.detached_since =
        out.detached++ == 0 ? tunnel->detached_since_ : std::min(out.detached_since, tunnel->detached_since_);
  }
  return out;
}

void PublishedSession::publish() {
  if (given_up_) return;
  session_.tunnels = counts();
  if (!file_) {
    auto made = SessionFile::make(state_directory_, session_);
    if (made) {
      file_.emplace(std::move(*made));
      return;
    }
    spdlog::debug("cfpipe status is not told of this session: {}", what_text(made.error()));
  } else if (const int error = file_->rewrite(session_); error != 0) {
    spdlog::debug("cfpipe status is no longer told of this session: {}", std::strerror(error));
    file_.reset();
  }
  given_up_ = !file_;
}

PublishedTunnel::~PublishedTunnel() {
  if (session_.tunnels_.erase(this) > 0 && !session_.session_.listens.empty()) session_.publish();
}

void PublishedTunnel::publish() {
  session_.tunnels_.insert(this);
  session_.publish();
}

net::awaitable<void> PublishedTunnel::publish_if_it_lasts() {
  net::steady_timer pause(co_await net::this_coro::executor, kPublishAfter);
  const auto [cancelled] = co_await pause.async_wait(net::as_tuple(net::use_awaitable));
  if (!cancelled) publish();
}

void PublishedTunnel::lost() {
  detached_since_ = unix_now();
  tell();
}

void PublishedTunnel::resumed() {
  detached_since_ = 0;
  ++session_.resumed_;
  tell();
}

void PublishedTunnel::tell() const {
  if (session_.tunnels_.contains(this)) session_.publish();
}

}  // namespace cfpipe::cli
