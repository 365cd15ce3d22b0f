#include "tunnel/preamble.h"

#include <gtest/gtest.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <exception>

#include "relay_fixture.h"
#include "tunnel/forwarding_stream.h"
#include "tunnel/relay.h"

namespace cfpipe::tunnel {
namespace {

/// A preamble on a stream whose peer is the test.
struct Talk {
  explicit Talk(Faults faults = {}) {
    auto stream = std::make_unique<MemoryStream>(loop.get_executor(), faults);
    peer = stream.get();
    preamble.emplace(loop.get_executor(), std::move(stream));
  }
  template <class T>
  T run(net::awaitable<T> what) {
    std::optional<T> out;
    net::co_spawn(loop, std::move(what),
                  [&out](const std::exception_ptr&, T value) { out = std::move(value); });
    loop.restart();
    loop.run_for(5s);
    return out.value();
  }
  std::optional<std::string> line(std::size_t most) { return run(preamble->line(most, soon())); }
  static Preamble::Deadline soon() { return std::chrono::steady_clock::now() + 100ms; }

  net::io_context loop;
  MemoryStream* peer = nullptr;
  std::optional<Preamble> preamble;
};

TEST(Preamble, ReadsLinesHoweverTheyAreCut) {
  for (std::size_t step : {std::size_t{1}, std::size_t{3}, std::size_t{100}}) {
    Talk talk(Faults{step});
    talk.peer->say("one\r\ntwo\nthree");
    EXPECT_EQ(talk.line(80), "one\r\n");
    EXPECT_EQ(talk.line(4), "two\n");
    EXPECT_EQ(talk.run(talk.preamble->peek(Talk::soon())), 't');
  }
}

TEST(Preamble, WhatIsNoLineStaysUnread) {
  for (const char* text : {"longer than it may be\n", "without an end"}) {
    Talk talk;
    talk.peer->say(text);
    EXPECT_EQ(talk.line(10), std::nullopt);
    EXPECT_EQ(talk.run(talk.preamble->peek(Talk::soon())), text[0]);
  }
}

TEST(Preamble, DoesNotWaitForOneWhoHasGone) {
  Talk talk;
  talk.peer->say("half a l");
  talk.peer->end_saying();
  const auto before = std::chrono::steady_clock::now();
  EXPECT_EQ(talk.run(talk.preamble->line(80, before + 1h)), std::nullopt);
  EXPECT_LT(std::chrono::steady_clock::now() - before, 5s);
}

TEST(Preamble, SaysAllToOneWhoReadsSlowly) {
  Talk talk(Faults{1'000, 3});
  EXPECT_TRUE(talk.run(talk.preamble->say("what is said", Talk::soon())));
  EXPECT_EQ(talk.peer->heard(), "what is said");
  talk.peer->stop_hearing();
  EXPECT_FALSE(talk.run(talk.preamble->say("what is not", Talk::soon())));
}

/// Its peer sends without end.
class Flood final : public ForwardingStream {
 public:
  using ForwardingStream::ForwardingStream;
  static constexpr int kMost = 100'000;  // ends for one who waits for the end
  IoStatus fill() override { return ++fills < kMost ? IoStatus::ok : IoStatus::eof; }
  std::span<Slice> ready() override { return std::span(&slice_, 1); }
  void consume(std::size_t) override {}
  int fills = 0;

 private:
  std::array<std::byte, 1> bytes_{};
  Slice slice_{bytes_};
};

TEST(Preamble, OneWhoNeverStopsSendingKeepsNoOneFromTheLoop) {
  net::io_context loop;
  auto flood = std::make_unique<Flood>(std::make_unique<MemoryStream>(loop.get_executor()));
  const Flood& sent = *flood;
  Preamble preamble(loop.get_executor(), std::move(flood));
  net::co_spawn(loop, preamble.end(std::chrono::steady_clock::now() + 1h), net::detached);
  int fills = 0;
  net::post(loop, [&] { net::post(loop, [&] { fills = sent.fills; }); });
  loop.run();
  EXPECT_LT(fills, 10);
  const int before = sent.fills;
  net::co_spawn(loop, preamble.end(std::chrono::steady_clock::now()), net::detached);
  loop.restart();
  loop.run();
  EXPECT_LE(sent.fills, before + 1) << "it is late";
}

TEST(Preamble, IsStoppedWhereverItIs) {
  Talk talk;
  const auto stop = talk.preamble->stopper();
  net::post(talk.loop, stop);
  EXPECT_EQ(talk.run(talk.preamble->peek(std::chrono::steady_clock::now() + 1h)), std::nullopt);
  talk.preamble.reset();
  stop();
}

// The relay gets what was read and not told, then what comes.
TEST(Preamble, TheStreamGoesOnBehindIt) {
  Talk talk(Faults{7});
  MemoryStream far(talk.loop.get_executor());
  talk.peer->say("line\n" + pattern(10'000, 1));
  talk.peer->end_saying();
  ASSERT_EQ(talk.line(80), "line\n");
  talk.preamble->unread("again ");
  const auto near = std::move(*talk.preamble).stream();
  Relay relay(talk.loop.get_executor(), *near, far, kShort);
  std::optional<Outcome> outcome;
  relay.start([&outcome](const Outcome& done) { outcome = done; });
  far.say("back");
  far.end_saying();
  talk.loop.restart();
  talk.loop.run_for(5s);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(far.heard(), "again " + pattern(10'000, 1));
  EXPECT_EQ(talk.peer->heard(), "back");
  EXPECT_EQ(outcome->near, End::clean);
}

}  // namespace
}  // namespace cfpipe::tunnel
