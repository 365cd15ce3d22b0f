// Of a connection: how it becomes one of HTTP/2.
#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "edge/listener/http1_connection.h"
#include "transport/http2/codes.h"

namespace cfpipe::edge {
namespace net = boost::asio;
namespace {

/// What is read at once until the client's version is known, in bytes.
constexpr std::size_t kFirstRead = 4 * 1024;

// Whether it begins with the preface of HTTP/2; nothing while it may yet.
std::optional<bool> has_preface(std::string_view begin) {
  const auto size = std::min(begin.size(), transport::kH2Preface.size());
  if (begin.substr(0, size) != transport::kH2Preface.substr(0, size)) return false;
  if (size < transport::kH2Preface.size()) return std::nullopt;
  return true;
}

}  // namespace

// ALPN says so, or an unencrypted client's first bytes do: prior knowledge (RFC 9113 3.3). Nothing: the
// client has sent neither in its time, or has gone.
net::awaitable<std::optional<bool>> Connection::chooses_http2() {
  if (tls_ != nullptr) co_return tls_->tls().alpn() == "h2";
  const auto deadline = std::chrono::steady_clock::now() + timeouts_.request;
  first_until_ = deadline;
  for (;;) {
    const auto room = input_.buffer().prepare(kFirstRead);
    std::size_t got = 0;
    const auto status = channel_->read({static_cast<std::byte*>(room.data()), room.size()}, got);
    if (status == tunnel::IoStatus::would_block) {
      const bool more = co_await channel_->readable(deadline);
      if (!more) co_return std::nullopt;
      continue;
    }
    if (status != tunnel::IoStatus::ok) co_return false;  // the reader of requests meets it again
    input_.buffer().commit(got);
    const auto known =
        has_preface({static_cast<const char*>(input_.buffer().data().data()), input_.bytes().size()});
    if (known) co_return known;
  }
}

net::awaitable<void> Connection::serve_http2() {
  // Without early data nothing can be asked before the handshake is finished, and what the server says
  // first, its SETTINGS, saves the client a round trip.
  if (tls_ != nullptr && tls_->tls().has_early_data()) {
    const bool proven = co_await prove();
    if (!proven) co_return;
  }
  tls_ = nullptr;  // goes with the channel
  h2_ = std::make_shared<H2Connection>(std::move(channel_), context_, source_, seat_, input_.bytes());
  input_.clear();
  if (draining_) h2_->drain();
  if (stopping_) h2_->stop(false);
  co_await h2_->run();
}

}  // namespace cfpipe::edge
