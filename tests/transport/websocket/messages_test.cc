// How much of a stream one message carries: a peer that is not ours may have room for 16 KiB and drop the
// rest (cloudflared's origin side does).
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <numeric>
#include <span>
#include <vector>

#include "quiet_channel.h"
#include "transport/websocket/stream.h"

namespace cfpipe::transport {
namespace net = boost::asio;
namespace {
using Bytes = std::vector<std::byte>;

constexpr std::size_t kRoomOfOthers = 16'384;
constexpr std::size_t kTlsRecord = 16'384;  // RFC 8446 5.1, of plain text
constexpr std::byte kFinalBinary{0x82};     // RFC 6455 5.2

struct Message {
  std::size_t on_the_wire;
  Bytes payload;
};

std::size_t length_in(std::span<const std::byte> bytes) {
  std::size_t value = 0;
  for (const auto byte : bytes) value = value << 8 | std::to_integer<std::size_t>(byte);
  return value;
}

// A reader of its own, so that it believes nothing of the codec.
std::vector<Message> messages(std::span<const std::byte> heard) {
  std::vector<Message> out;
  while (!heard.empty()) {
    EXPECT_EQ(heard[0], kFinalBinary);
    std::size_t at = 2, size = std::to_integer<std::size_t>(heard[1] & std::byte{0x7f});
    const std::size_t more = size == 126 ? 2 : size == 127 ? 8 : 0;
    if (more > 0) size = length_in(heard.subspan(at, more));
    at += more;
    Bytes mask(4);
    if ((heard[1] & std::byte{0x80}) != std::byte{0}) {
      std::copy_n(heard.begin() + static_cast<std::ptrdiff_t>(at), mask.size(), mask.begin());
      at += mask.size();
    }
    Bytes payload(heard.begin() + static_cast<std::ptrdiff_t>(at),
                  heard.begin() + static_cast<std::ptrdiff_t>(at + size));
    for (std::size_t i = 0; i < size; ++i) payload[i] ^= mask[i % mask.size()];
    out.push_back({at + size, std::move(payload)});
    heard = heard.subspan(at + size);
  }
  return out;
}

struct MessageRow {
  WsRole role;
  bool ours;
};

class WebSocketMessages : public ::testing::TestWithParam<MessageRow> {
 protected:
  /// Sends that many bytes in one slice, the tens of thousands of which differ.
  std::vector<Message> send(std::size_t size) {
    Bytes heard;
    auto channel = std::make_unique<cfpipe::testing::QuietChannel>(loop_.get_executor(), heard, false);
    const auto stream = make_websocket_stream(std::move(channel), GetParam().role, GetParam().ours, {});
    Bytes room(tunnel::kHeadroom + size);
    const std::span data = std::span(room).subspan(tunnel::kHeadroom);
    for (std::size_t i = 0; i < size; ++i) data[i] = static_cast<std::byte>(i * 31 >> 5);
    sent_.assign(data.begin(), data.end());
    std::array<tunnel::Slice, 1> slices{data};
    const auto took = stream->take(slices);
    EXPECT_EQ(took.status, tunnel::IoStatus::ok);
    EXPECT_EQ(took.bytes, size);
    return messages(heard);
  }

  net::io_context loop_;
  Bytes sent_;
};

TEST_P(WebSocketMessages, FitTheRoomOfThePeerAndLoseNothing) {
  const std::size_t most = GetParam().ours ? 4 * kRoomOfOthers : kRoomOfOthers;
  for (const std::size_t size :
       {std::size_t{1}, kRoomOfOthers - 9, kRoomOfOthers - 8, kRoomOfOthers - 7, kRoomOfOthers,
        kRoomOfOthers + 1, 4 * kRoomOfOthers, 4 * kRoomOfOthers + 1, std::size_t{1'000'003}}) {
    const auto got = send(size);
    Bytes together;
    for (const auto& message : got) {
      EXPECT_LE(message.payload.size(), most);
      EXPECT_FALSE(message.payload.empty());
      together.insert(together.end(), message.payload.begin(), message.payload.end());
    }
    EXPECT_EQ(together, sent_) << size;
    EXPECT_LE(got.size(), size / (most - 8) + 1) << "more messages than it takes";
  }
}

TEST_P(WebSocketMessages, OfAForeignPeerFillOneTlsRecord) {
  if (GetParam().ours) return;
  for (const auto& message : send(4 * kForeignMessageBytes)) {
    EXPECT_LE(message.on_the_wire, kTlsRecord);
    EXPECT_GE(message.on_the_wire, kTlsRecord - 4);
  }
}

INSTANTIATE_TEST_SUITE_P(Peers, WebSocketMessages,
                         ::testing::Values(MessageRow{WsRole::client, false},
                                           MessageRow{WsRole::client, true},
                                           MessageRow{WsRole::server, false},
                                           MessageRow{WsRole::server, true}));

}  // namespace
}  // namespace cfpipe::transport
