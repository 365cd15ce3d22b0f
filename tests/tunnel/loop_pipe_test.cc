#include "tunnel/loop_pipe.h"

#include <gtest/gtest.h>

#include <array>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstring>
#include <future>
#include <optional>
#include <thread>

#include "tunnel/held_bytes.h"
#include "tunnel/relay.h"

namespace cfpipe::tunnel {
namespace {
namespace net = boost::asio;
using namespace std::chrono_literals;

/// Both ends on loops that the test runs by itself.
class LoopPipeTest : public ::testing::Test {
 protected:
  LoopPipeTest() { std::tie(near, far) = make_loop_pipe(near_loop.get_executor(), far_loop.get_executor()); }

  static Stream::Took put(Stream& stream, const std::string& text) {
    std::vector<std::byte> room(kHeadroom + text.size());
    std::memcpy(room.data() + kHeadroom, text.data(), text.size());
    std::array<Slice, 1> slices = {Slice(room.data() + kHeadroom, text.size())};
    return stream.take(slices);
  }
  static std::string take_all(Stream& stream) {
    std::string out;
    while (stream.fill() == IoStatus::ok) {
      for (const auto& slice : stream.ready())
        out.append(reinterpret_cast<const char*>(slice.data()), slice.size());
      stream.consume(stream.ready()[0].size());
    }
    return out;
  }
  /// Runs what waits on the loop; whether that was anything.
  static bool ran(net::io_context& loop) {
    loop.restart();
    return loop.poll() > 0;
  }

  net::io_context near_loop, far_loop;
  std::unique_ptr<Stream> near, far;
};

TEST_F(LoopPipeTest, BytesComeInOrderInBothDirections) {
  EXPECT_EQ(far->fill(), IoStatus::would_block);
  EXPECT_EQ(put(*near, "one ").status, IoStatus::ok);
  EXPECT_EQ(put(*near, "two").bytes, 3u);
  put(*far, "three");
  EXPECT_EQ(take_all(*far), "one two");
  EXPECT_EQ(take_all(*near), "three");
  EXPECT_EQ(near->fill(), IoStatus::would_block);
  EXPECT_EQ(near->end(), End::open);
}

TEST_F(LoopPipeTest, TheReaderIsWokenOnItsOwnLoopOnce) {
  int woken = 0;
  far->on_readable([&] { ++woken; });
  EXPECT_FALSE(ran(far_loop));
  put(*near, "a");
  put(*near, "b");
  EXPECT_FALSE(ran(near_loop));
  EXPECT_EQ(woken, 0) << "inside of a call";
  ran(far_loop);
  EXPECT_EQ(woken, 1);
  put(*near, "c");
  ran(far_loop);
  EXPECT_EQ(woken, 1) << "nothing was asked for";
  far->on_readable([&] { ++woken; });
  ran(far_loop);
  EXPECT_EQ(woken, 2) << "something was there";
}

TEST_F(LoopPipeTest, AReaderThatTakesTheBytesFirstIsToldOfTheNext) {
  int woken = 0;
  far->on_readable([&] { ++woken; });
  put(*near, "a");
  EXPECT_EQ(take_all(*far), "a");
  ran(far_loop);
  EXPECT_EQ(woken, 0);
  put(*near, "b");
  ran(far_loop);
  EXPECT_EQ(woken, 1);
}

TEST_F(LoopPipeTest, AFullDirectionStopsTheWriterUntilThereIsRoom) {
  const auto took = put(*near, std::string(kLoopPipeBytes + 10, 'x'));
  EXPECT_EQ(took.status, IoStatus::would_block);
  EXPECT_EQ(took.bytes, kLoopPipeBytes);
  int woken = 0;
  near->on_writable([&] { ++woken; });
  EXPECT_FALSE(ran(near_loop));
  EXPECT_EQ(far->fill(), IoStatus::ok);
  ran(near_loop);
  EXPECT_EQ(woken, 1);
  EXPECT_EQ(put(*near, "y").status, IoStatus::ok);
  far->consume(kLoopPipeBytes);
  EXPECT_EQ(take_all(*far), "y");
}

TEST_F(LoopPipeTest, EachDirectionEndsByItself) {
  put(*near, "last");
  EXPECT_EQ(near->finish(), IoStatus::ok);
  EXPECT_EQ(take_all(*far), "last");
  EXPECT_EQ(far->fill(), IoStatus::eof);
  EXPECT_EQ(far->end(), End::clean);
  EXPECT_EQ(put(*far, "answer").status, IoStatus::ok);
  far->finish();
  far->close();
  EXPECT_EQ(take_all(*near), "answer");
  EXPECT_EQ(near->fill(), IoStatus::eof);
}

TEST_F(LoopPipeTest, WhatBreaksOffIsCutBehindWhatHasCome) {
  put(*near, "half");
  near->breaks_off();
  near->finish();
  EXPECT_EQ(take_all(*far), "half");
  EXPECT_EQ(far->fill(), IoStatus::failed);
  EXPECT_EQ(far->end(), End::cut);
}

TEST_F(LoopPipeTest, AnEndThatGoesCutsTheOtherAndWakesBothOfItsWaits) {
  put(*far, std::string(kLoopPipeBytes, 'x'));
  int woken = 0;
  far->on_readable([&] { ++woken; });
  far->on_writable([&] { ++woken; });
  near.reset();
  ran(far_loop);
  EXPECT_EQ(woken, 2);
  EXPECT_EQ(far->fill(), IoStatus::failed);
  EXPECT_EQ(put(*far, "x").status, IoStatus::failed);
  EXPECT_EQ(far->end(), End::cut);
}

TEST_F(LoopPipeTest, ClosedEndsAreNotToldOfAnything) {
  int woken = 0;
  far->on_readable([&] { ++woken; });
  put(*near, "a");  // posted already
  far->close();
  put(*near, "b");
  ran(far_loop);
  EXPECT_EQ(woken, 0);
}

TEST_F(LoopPipeTest, ACallbackMayDestroyItsEnd) {
  far->on_readable([this] { far.reset(); });
  far->on_writable([] { FAIL() << "its end is gone"; });
  put(*near, "a");
  ran(far_loop);
  EXPECT_FALSE(far);
}

TEST_F(LoopPipeTest, HoldsNothingWhileNothingIsUnderWay) {
  const auto before = held_bytes();
  put(*near, "key press");
  EXPECT_GT(held_bytes(), before);
  EXPECT_LE(held_bytes(), before + 8 * 1024);
  take_all(*far);
  EXPECT_EQ(held_bytes(), before);
  put(*near, "more");
  near.reset();
  far.reset();
  EXPECT_EQ(held_bytes(), before);
}

// Half a tunnel that says nothing, and whose other half has said all and is reset: by a peer of HTTP/2, or on
// another loop.
TEST_F(LoopPipeTest, ARelayIsToldThatAnEndHasGoneWhichHadFinished) {
  auto [quiet, user] = make_loop_pipe(near_loop.get_executor(), near_loop.get_executor());
  Relay relay(near_loop.get_executor(), *quiet, *near);
  std::optional<Outcome> outcome;
  relay.start([&](const Outcome& out) { outcome = out; });
  put(*far, "all");
  far->finish();
  ran(near_loop);
  EXPECT_EQ(take_all(*user), "all");
  EXPECT_EQ(user->fill(), IoStatus::eof);
  EXPECT_FALSE(outcome) << "the user may still have something to say";
  put(*user, "something");
  ran(near_loop);
  EXPECT_EQ(take_all(*far), "something");
  far.reset();
  ran(near_loop);
  EXPECT_TRUE(outcome);
  EXPECT_EQ(put(*user, "more").status, IoStatus::failed);
}

TEST_F(LoopPipeTest, AnEndThatWasGoneBeforeIsToldToo) {
  int told = 0;
  far->finish();
  far.reset();
  near->on_gone([&] { ++told; });
  EXPECT_EQ(told, 0) << "inside of a call";
  ran(near_loop);
  EXPECT_EQ(told, 1);
}

/// A loop on a thread of its own.
struct Thread {
  net::io_context loop{1};
  net::executor_work_guard<net::io_context::executor_type> work{loop.get_executor()};
  std::thread thread{[this] { loop.run(); }};
  ~Thread() {
    loop.stop();
    thread.join();
  }
};

// A relay on each thread and a pipe between them, as a tunnel through another loop's connection has it.
TEST(LoopPipeThreads, CarryMegabytesBothWaysByteForByte) {
  constexpr std::size_t kBytes = 64 * 1024 * 1024;
  Thread left, right;
  auto [a, b] = make_loop_pipe(left.loop.get_executor(), right.loop.get_executor());
  struct Endpoint {
    explicit Endpoint(std::unique_ptr<Stream> own) : stream(std::move(own)) {}
    std::unique_ptr<Stream> stream;
    std::uint64_t sent = 0, got = 0;
    bool wrong = false;
    std::promise<void> done;
    bool wrote_all = false;

    void write() {
      std::vector<std::byte> room(kHeadroom + 100'000);
      while (sent < kBytes) {
        const std::size_t count = std::min<std::size_t>(100'000 - sent % 7, kBytes - sent);
        for (std::size_t i = 0; i < count; ++i)
          room[kHeadroom + i] = static_cast<std::byte>((sent + i) * 31 >> 3);
        Slice slice(room.data() + kHeadroom, count);
        const auto took = stream->take({&slice, 1});
        sent += took.bytes;
        if (took.status != IoStatus::ok) return stream->on_writable([this] { write(); });
      }
      stream->finish();
    }
    void read() {
      for (;;) {
        const auto status = stream->fill();
        if (status == IoStatus::would_block) return stream->on_readable([this] { read(); });
        if (status != IoStatus::ok) return done.set_value();
        const auto slice = stream->ready()[0];
        for (std::size_t i = 0; i < slice.size(); ++i)
          wrong = wrong || slice[i] != static_cast<std::byte>((got + i) * 31 >> 3);
        got += slice.size();
        stream->consume(slice.size());
      }
    }
  };
  Endpoint one{std::move(a)}, two{std::move(b)};
  for (auto [endpoint, loop] : {std::pair{&one, &left.loop}, std::pair{&two, &right.loop}}) {
    net::post(*loop, [endpoint = endpoint] { endpoint->read(); });
    net::post(*loop, [endpoint = endpoint] { endpoint->write(); });
  }
  for (auto* endpoint : {&one, &two}) {
    ASSERT_EQ(endpoint->done.get_future().wait_for(60s), std::future_status::ready) << "it hangs";
    EXPECT_EQ(endpoint->got, kBytes);
    EXPECT_FALSE(endpoint->wrong);
  }
  // Each on its own loop, as always.
  for (auto [endpoint, loop] : {std::pair{&one, &left.loop}, std::pair{&two, &right.loop}}) {
    std::promise<void> closed;
    net::post(*loop, [endpoint = endpoint, &closed] {
      EXPECT_EQ(endpoint->stream->end(), End::clean);
      endpoint->stream.reset();
      closed.set_value();
    });
    closed.get_future().wait();
  }
}

// The loop of one end may go at any moment, with what is on its way to it.
TEST(LoopPipeThreads, OneLoopMayGoWhileTheOtherWrites) {
  for (int round = 0; round < 200; ++round) {
    Thread left;
    auto right = std::make_unique<Thread>();
    auto [a, b] = make_loop_pipe(left.loop.get_executor(), right->loop.get_executor());
    std::promise<void> failed;
    net::post(left.loop, [stream = a.get(), &failed] {
      std::array<std::byte, kHeadroom + 10> room{};
      Slice slice(room.data() + kHeadroom, 10);
      for (;;) {
        const auto took = stream->take({&slice, 1});
        if (took.status == IoStatus::failed) return failed.set_value();
      }
    });
    std::promise<void> read;
    // The loop owns it, and what it waits for: both go with the loop.
    net::post(right->loop, [&right, owned = std::make_shared<std::unique_ptr<Stream>>(std::move(b)), &read] {
      const auto timer = std::make_shared<net::steady_timer>(right->loop, 1h);
      timer->async_wait([owned, timer](const boost::system::error_code&) {});
      (*owned)->on_readable([] {});
      while ((*owned)->fill() == IoStatus::ok) (*owned)->consume((*owned)->ready()[0].size());
      (*owned)->on_readable([] {});
      read.set_value();
    });
    read.get_future().wait();
    right.reset();
    EXPECT_EQ(failed.get_future().wait_for(30s), std::future_status::ready) << "it hangs";
    std::promise<void> closed;
    net::post(left.loop, [&a = a, &closed] {
      a.reset();
      closed.set_value();
    });
    closed.get_future().wait();
  }
}

}  // namespace
}  // namespace cfpipe::tunnel
