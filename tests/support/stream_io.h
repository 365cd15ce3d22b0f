#pragma once

#include <gtest/gtest.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstring>
#include <string>
#include <vector>

#include "tunnel/stream.h"

/// A tunnel's stream for coroutines of tests, which wait ten seconds and no longer.
namespace cfpipe::testing {
namespace net = boost::asio;
using tunnel::IoStatus;
using tunnel::Stream;

inline net::awaitable<void> woken(Stream& stream, void (Stream::*on)(Stream::Callback)) {
  net::steady_timer timer(co_await net::this_coro::executor, std::chrono::seconds(10));
  (stream.*on)([&timer] { timer.cancel(); });
  const auto [error] = co_await timer.async_wait(net::as_tuple(net::use_awaitable));
  EXPECT_TRUE(error) << "it hangs";
}

inline net::awaitable<IoStatus> write_to(Stream& stream, std::string text) {
  std::vector<std::byte> bytes(tunnel::kHeadroom + text.size());
  std::memcpy(bytes.data() + tunnel::kHeadroom, text.data(), text.size());
  tunnel::Slice left(bytes.data() + tunnel::kHeadroom, text.size());
  for (;;) {
    const auto took = stream.take({&left, 1});
    left = left.subspan(took.bytes);
    if (took.status == IoStatus::ok) break;
    if (took.status == IoStatus::failed) co_return took.status;
    co_await woken(stream, &Stream::on_writable);
  }
  co_return stream.flush();
}

struct Got {
  std::string bytes;
  IoStatus status;
};
/// Until that many have come, or the end.
inline net::awaitable<Got> read_from(Stream& stream, std::size_t most = std::string::npos) {
  std::string out;
  while (out.size() < most) {
    const auto status = stream.fill();
    if (status == IoStatus::would_block) {
      co_await woken(stream, &Stream::on_readable);
      continue;
    }
    if (status != IoStatus::ok) co_return Got{out, status};
    while (!stream.ready().empty()) {
      const auto slice = stream.ready()[0];
      out.append(reinterpret_cast<const char*>(slice.data()), slice.size());
      stream.consume(slice.size());
    }
  }
  co_return Got{out, IoStatus::ok};
}

}  // namespace cfpipe::testing
