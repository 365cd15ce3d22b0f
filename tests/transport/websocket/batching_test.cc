// A key press leaves at once, as one record in one segment; a bulk stream leaves in batches of full records.
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/steady_timer.hpp>
#include <numeric>

#include "loopback.h"
#include "support/memory_stream.h"
#include "tcp_segments.h"
#include "transport/dial/dialer.h"
#include "transport/websocket/stream.h"
#include "tunnel/fd_stream.h"
#include "tunnel/relay.h"

namespace cfpipe::transport {
namespace net = boost::asio;
namespace {
using cfpipe::testing::data_segments_sent;
using cfpipe::testing::MemoryStream;
using tunnel::IoStatus;
using namespace std::chrono_literals;

/// RFC 8446 5.1 and 5.2: header; what a record of TLS_AES_128_GCM_SHA256 adds to its content; its largest
/// content.
constexpr std::size_t kRecordHeader = 5;
constexpr std::size_t kRecordCost = kRecordHeader + 1 + 16;
constexpr std::size_t kFullRecord = 16 * 1024;
/// RFC 6455 5.2: header and mask of a client's frame that holds less than 126 bytes.
constexpr std::size_t kSmallFrameCost = 2 + 4;

class BatchingTest : public cfpipe::testing::LoopbackTest {
 protected:
  // An open WebSocket whose server reads nothing by itself.
  void open(bool ours = false) {
    serve([this](Channel& channel) -> net::awaitable<void> {
      server = channel.socket().native_handle();
      net::steady_timer forever(loop, net::steady_timer::time_point::max());
      co_await forever.async_wait(net::as_tuple(net::use_awaitable));
    });
    const auto where = url();
    auto channel = std::move(*run(dial_tls(where, options)));
    ASSERT_TRUE(channel) << channel.error().detail;
    until([this] { return server >= 0; });
    client = (*channel)->socket().native_handle();
    stream = make_websocket_stream(std::move(*channel), WsRole::client, ours, {});
    arrived();  // what the handshake has left
    segments_before = data_segments_sent(client);
  }

  void until(const std::function<bool()>& reached) {
    const auto end = soon();
    loop.restart();
    while (!reached() && std::chrono::steady_clock::now() < end) loop.run_one_for(100ms);
    ASSERT_TRUE(reached());
  }

  std::size_t waiting() const {
    int bytes = 0;
    ::ioctl(server, FIONREAD, &bytes);
    return static_cast<std::size_t>(bytes);
  }

  std::size_t unacknowledged() const {
    int bytes = 0;
    ::ioctl(client, SIOCOUTQ, &bytes);
    return static_cast<std::size_t>(bytes);
  }

  std::string arrived() {
    std::string out(waiting(), '\0');
    const auto got = ::recv(server, out.data(), out.size(), MSG_DONTWAIT);
    out.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    return out;
  }

  // The content of each record, in bytes. What is behind the last whole one is left in `wire`.
  static std::vector<std::size_t> records(std::string& wire) {
    std::vector<std::size_t> out;
    while (wire.size() >= kRecordHeader) {
      const auto size = static_cast<std::size_t>(static_cast<unsigned char>(wire[3]) << 8 |
                                                 static_cast<unsigned char>(wire[4]));
      if (wire.size() < kRecordHeader + size) break;
      out.push_back(kRecordHeader + size - kRecordCost);
      wire.erase(0, kRecordHeader + size);
    }
    return out;
  }

  int server = -1, client = -1;
  unsigned segments_before = 0;
  std::unique_ptr<tunnel::Stream> stream;
};

TEST_F(BatchingTest, AKeyPressIsOneRecordAndOneSegmentAtOnce) {
  open();
  MemoryStream keys(loop.get_executor());
  tunnel::Relay relay(loop.get_executor(), keys, *stream);
  net::co_spawn(loop, relay.run(), net::detached);
  for (unsigned pressed = 1; pressed <= 3; ++pressed) {
    keys.say("x");
    until([this] { return waiting() > 0; });
    auto wire = arrived();
    EXPECT_EQ(records(wire), std::vector<std::size_t>{kSmallFrameCost + 1});
    EXPECT_EQ(wire, "");
    EXPECT_EQ(data_segments_sent(client), segments_before + pressed);
  }
}

TEST_F(BatchingTest, ABulkStreamIsCollectedIntoBatches) {
  open();
  constexpr std::size_t kSlice = tunnel::kReadBytes;
  std::vector<std::byte> room(tunnel::kHeadroom + kSlice);
  std::size_t taken = 0;
  for (bool left = false; !left; left = waiting() > 0) {
    ASSERT_LE(taken, 2 * kSendBatch) << "held back for too long";
    std::array<tunnel::Slice, 1> slices{std::span(room).subspan(tunnel::kHeadroom)};
    ASSERT_EQ(stream->take(slices).status, IoStatus::ok);
    taken += kSlice;
  }
  // What had been taken before the last slice left as one batch, by one call.
  EXPECT_GE(taken - kSlice, kSendBatch - kSlice);
  EXPECT_GE(waiting() + unacknowledged(), kSendBatch - kSlice);
}

class BatchingOfPeers : public BatchingTest, public ::testing::WithParamInterface<bool> {};
INSTANTIATE_TEST_SUITE_P(OthersAndOurs, BatchingOfPeers, ::testing::Bool());

TEST_P(BatchingOfPeers, ABulkStreamFillsItsRecords) {
  open(GetParam());
  // A file is a source that always has more.
  constexpr std::size_t kBulk = 4 * 1024 * 1024;
  const int file = ::memfd_create("bulk", MFD_CLOEXEC);
  ASSERT_EQ(::ftruncate(file, kBulk), 0);
  const auto source = tunnel::make_fd_stream(loop.get_executor(), file, file, true);
  tunnel::Relay relay(loop.get_executor(), *source, *stream);
  net::co_spawn(loop, relay.run(), net::detached);
  std::string wire;
  std::vector<std::size_t> sizes;
  std::size_t content = 0;
  until([&] {
    wire += arrived();
    const auto more = records(wire);
    sizes.insert(sizes.end(), more.begin(), more.end());
    content = std::accumulate(sizes.begin(), sizes.end(), std::size_t{0});
    return content >= kBulk;
  });
  EXPECT_GE(content / sizes.size(), kFullRecord * 98 / 100);
}

}  // namespace
}  // namespace cfpipe::transport
