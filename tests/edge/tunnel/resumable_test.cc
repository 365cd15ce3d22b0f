#include "edge/tunnel/resumable.h"

#include <gtest/gtest.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <optional>
#include <string>

#include "base/clock.h"
#include "edge/listener/resuming.h"
#include "support/memory_stream.h"

namespace cfpipe::edge {
namespace {
namespace net = boost::asio;
using namespace std::chrono_literals;
using tunnel::ResumeAttach;
using tunnel::ResumeAttached;
using tunnel::ResumeEnd;
using tunnel::ResumeKeys;

TunnelGrant grant_of(const std::string& identity) {
  TunnelGrant grant;
  grant.app_hostname = "vm.example.com";
  grant.identity = identity;
  return grant;
}
Request request_to(const std::string& host) {
  Request request;
  request.host = host;
  return request;
}

/// An open tunnel whose client has these keys.
class ResumableTunnelTest : public ::testing::Test {
 protected:
  explicit ResumableTunnelTest(bool early = false) {
    auto edge_keys = *ResumeKeys::make();
    open =
        std::make_shared<ResumableTunnel>(all, loop.get_executor(), std::move(edge_keys), keys.public_key(),
                                          TunnelOwner(grant_of("ann"), request_to("vm.example.com")), 1s);
    all->add(open);
    id = open->id();
    EXPECT_TRUE(keys.agree(open->opened().edge_key, ResumeEnd::edge));
    auto carrier = std::make_unique<testing::MemoryStream>(loop.get_executor());
    first = carrier.get();
    open->from_early_data = early;
    stream = open->begin(std::move(carrier));
    open.reset();
  }

  ResumeAttach attach(std::uint32_t epoch, std::uint64_t next = 0) const {
    return {id, epoch, next, keys.proof(ResumeEnd::client, id, epoch, next)};
  }
  std::optional<TakenOver> take_over(const ResumeAttach& attach, bool may_be_replay = true) {
    const auto found = all->find(id);
    if (!found) return std::nullopt;
    std::optional<TakenOver> out;
    auto taking = found->take_over(attach, may_be_replay);
    net::co_spawn(loop, std::move(taking),
                  [&out](std::exception_ptr, std::optional<TakenOver> got) { out = std::move(got); });
    loop.restart();
    loop.poll();
    return out;
  }

  /// The carrier of an attempt may come after the next one was admitted.
  void expect_last_goes_on(const TakenOver& one, const TakenOver& last) {
    const auto late = all->find(id)->carry_on(one.turn, 0, loop.get_executor());
    const auto good = all->find(id)->carry_on(last.turn, 0, loop.get_executor());
    const auto later = all->find(id)->carry_on(one.turn, 0, loop.get_executor());
    loop.restart();
    loop.poll();
    EXPECT_EQ(late->fill(), tunnel::IoStatus::failed);
    EXPECT_EQ(good->fill(), tunnel::IoStatus::would_block);
    EXPECT_EQ(later->fill(), tunnel::IoStatus::failed);
  }

  net::io_context loop;
  std::shared_ptr<ResumableTunnels> all = std::make_shared<ResumableTunnels>();
  ResumeKeys keys = *ResumeKeys::make();
  std::shared_ptr<ResumableTunnel> open;
  tunnel::SessionId id{};
  testing::MemoryStream* first = nullptr;
  std::unique_ptr<tunnel::Stream> stream;
};

TEST_F(ResumableTunnelTest, IsFoundAsLongAsItsStreamIsOpen) {
  EXPECT_TRUE(all->find(id));
  EXPECT_FALSE(all->find(tunnel::new_session_id()));
  stream->close();
  EXPECT_FALSE(take_over(attach(1)));
  loop.poll();
  EXPECT_FALSE(all->find(id));
}

TEST_F(ResumableTunnelTest, ItsClientTakesItOverAndIsAnsweredWithAProof) {
  const auto taken = take_over(attach(1));
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->answer.next, 0u);
  EXPECT_TRUE(tunnel::same_proof(taken->answer.proof, keys.proof(ResumeEnd::edge, id, 1, 0)));
}

TEST_F(ResumableTunnelTest, TheSiteSeesWhetherItHasItsClient) {
  const auto handle = std::make_shared<TunnelHandle>(loop.get_executor());
  all->find(id)->recorded(7, handle);
  EXPECT_EQ(all->find(id)->record(), 7);
  EXPECT_EQ(handle->detached(), 0);
  first->end_saying(tunnel::End::cut);
  stream->on_readable([] {});
  loop.poll();
  (void)stream->fill();
  loop.restart();
  loop.poll();
  EXPECT_NEAR(static_cast<double>(handle->detached()), static_cast<double>(unix_now()), 5);
  const auto taken = take_over(attach(1));
  ASSERT_TRUE(taken);
  EXPECT_NE(handle->detached(), 0) << "until it is carried on";
  const auto near = all->find(id)->carry_on(taken->turn, 0, loop.get_executor());
  loop.restart();
  loop.poll();
  EXPECT_EQ(handle->detached(), 0);
}

TEST_F(ResumableTunnelTest, ALossBeforeTheRecordIsSeenWithIt) {
  ASSERT_TRUE(take_over(attach(1)));
  const auto handle = std::make_shared<TunnelHandle>(loop.get_executor());
  all->find(id)->recorded(7, handle);
  EXPECT_NE(handle->detached(), 0);
}

TEST_F(ResumableTunnelTest, WhatIsNotItsClientsChangesNothing) {
  auto stranger = *ResumeKeys::make();
  ASSERT_TRUE(stranger.agree(keys.public_key(), ResumeEnd::edge));
  ResumeAttach foreign = attach(1);
  foreign.proof = stranger.proof(ResumeEnd::client, id, 1, 0);
  EXPECT_FALSE(take_over(foreign));
  ResumeAttach returned = attach(1);
  returned.proof = keys.proof(ResumeEnd::edge, id, 1, 0);
  EXPECT_FALSE(take_over(returned)) << "the edge's own words";
  ResumeAttach other_number = attach(1, 5);
  other_number.next = 6;
  EXPECT_FALSE(take_over(other_number));
  EXPECT_FALSE(first->closed()) << "its connection is as it was";
}

TEST_F(ResumableTunnelTest, AnAttemptIsGoodOnceAndSupersedesThoseBefore) {
  const auto second = take_over(attach(2));
  ASSERT_TRUE(second);
  EXPECT_FALSE(take_over(attach(2))) << "played again";
  EXPECT_FALSE(take_over(attach(1), false)) << "held back";
  const auto third = take_over(attach(3));
  ASSERT_TRUE(third);
  expect_last_goes_on(*second, *third);
}

// Early data whose connection broke is sent again (RFC 8446 D.3), by a client or by a balancer in between.
TEST_F(ResumableTunnelTest, AnAttemptThatIsNoReplayIsGoodAgain) {
  const auto early = take_over(attach(2));
  ASSERT_TRUE(early);
  const auto again = take_over(attach(2), false);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->answer.proof, early->answer.proof);
  EXPECT_FALSE(take_over(attach(2))) << "the first of them, held back";
  EXPECT_FALSE(take_over(attach(1), false));
  expect_last_goes_on(*early, *again);
}

TEST_F(ResumableTunnelTest, EndsWhenItsClientStaysAwayTooLong) {
  first->end_saying(tunnel::End::cut);
  bool woken = false;
  stream->on_readable([&woken] { woken = true; });
  loop.run_for(100ms);
  EXPECT_EQ(stream->fill(), tunnel::IoStatus::would_block) << "it waits";
  stream->on_readable([&woken] { woken = true; });
  woken = false;
  loop.restart();
  loop.run_for(3s);
  EXPECT_TRUE(woken);
  EXPECT_EQ(stream->fill(), tunnel::IoStatus::failed);
  EXPECT_EQ(stream->end(), tunnel::End::cut);
  EXPECT_EQ(stream->end_detail(), "the client has not come back within 1s");
}

TEST_F(ResumableTunnelTest, EndsAtOnceWhereNoClientCanComeBack) {
  first->end_saying(tunnel::End::cut);
  stream->on_readable([] {});
  loop.run_for(20ms);
  EXPECT_EQ(stream->fill(), tunnel::IoStatus::would_block) << "it waits";
  all->leave();
  loop.restart();
  loop.run_for(20ms);
  EXPECT_EQ(stream->end(), tunnel::End::cut);
}

TEST_F(ResumableTunnelTest, EndsWithItsConnectionOnceTheProcessLeaves) {
  all->leave();
  loop.run_for(20ms);
  stream->on_readable([] {});
  EXPECT_EQ(stream->fill(), tunnel::IoStatus::would_block) << "it has its client";
  first->end_saying(tunnel::End::cut);
  loop.restart();
  loop.run_for(20ms);
  stream->fill();
  loop.restart();
  loop.run_for(20ms);
  EXPECT_EQ(stream->end(), tunnel::End::cut);
}

class EarlyTunnelTest : public ResumableTunnelTest {
 protected:
  EarlyTunnelTest() : ResumableTunnelTest(true) {}
  bool lives_without_connection() {
    first->end_saying(tunnel::End::cut);
    stream->on_readable([] {});
    loop.restart();
    loop.run_for(50ms);
    stream->fill();
    loop.restart();
    loop.run_for(50ms);
    return stream->end() == tunnel::End::open;
  }
};

TEST_F(EarlyTunnelTest, EndsWithItsConnectionIfNothingElseWasHeard) {
  EXPECT_FALSE(lives_without_connection()) << "it may have been a replay";
  EXPECT_EQ(stream->end(), tunnel::End::cut);
}

TEST_F(EarlyTunnelTest, IsKeptOnceItsClientHasSentMore) {
  using namespace std::string_literals;
  first->say("\0\0\0\3SSH"s);
  stream->on_readable([] {});
  loop.run_for(20ms);
  ASSERT_EQ(stream->fill(), tunnel::IoStatus::ok);
  while (!stream->ready().empty()) stream->consume(stream->ready()[0].size());
  EXPECT_TRUE(lives_without_connection());
}

TEST(TunnelOwner, IsWhoWasGrantedWhat) {
  const TunnelOwner ann(grant_of("ann"), request_to("vm.example.com"));
  EXPECT_EQ(ann, TunnelOwner(grant_of("ann"), request_to("vm.example.com")));
  EXPECT_NE(ann, TunnelOwner(grant_of("bob"), request_to("vm.example.com")));
  EXPECT_NE(ann, TunnelOwner(grant_of("ann"), request_to("other.example.com")))
      << "an application of many hosts";
  for (auto change : {+[](TunnelGrant& grant) { grant.destination = "10.0.0.1:22"; },
                      +[](TunnelGrant& grant) { grant.client_id = "id.access"; },
                      +[](TunnelGrant& grant) { grant.app_hostname = "db.example.com"; }}) {
    TunnelGrant grant = grant_of("ann");
    change(grant);
    EXPECT_NE(ann, TunnelOwner(grant, request_to("vm.example.com")));
  }
}

// Its client is on another network by now, and never takes what it was sent.
TEST_F(ResumableTunnelTest, ACarrierWhoseClientTakesNothingGoesSoonAfterTheNextHasCome) {
  constexpr tunnel::RelayTimes kTimes{20ms, 20ms};
  const auto taken = take_over(attach(1));
  ASSERT_TRUE(taken);
  auto carrier = std::make_unique<testing::MemoryStream>(loop.get_executor());
  carrier->stop_hearing();
  bool over = false;
  auto carrying =
      carry_on({all->find(id), taken->turn, 0, {}}, std::move(carrier), loop.get_executor(), kTimes);
  net::co_spawn(loop, std::move(carrying), [&](std::exception_ptr) {
    over = true;
    loop.stop();
  });
  const auto run_for = [this](std::chrono::milliseconds time) {
    loop.restart();
    loop.run_for(time);
  };
  run_for(20ms);
  std::string room(tunnel::kHeadroom, '\0');
  room += "output";
  std::array<tunnel::Slice, 1> output = {
      tunnel::Slice(reinterpret_cast<std::byte*>(room.data()) + tunnel::kHeadroom, 6)};
  EXPECT_EQ(stream->take(output).status, tunnel::IoStatus::ok);
  run_for(200ms);
  EXPECT_FALSE(over) << "a slow client is waited for";
  ASSERT_TRUE(take_over(attach(2)));
  run_for(10s);
  EXPECT_TRUE(over);
}

}  // namespace
}  // namespace cfpipe::edge
