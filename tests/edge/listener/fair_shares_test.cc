// What one party may have and do, and how much is remembered of parties.
#include <gtest/gtest.h>

#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "edge/limits/attempts.h"
#include "edge/limits/outstanding.h"
#include "edge/limits/party.h"
#include "edge/limits/row_limits.h"
#include "edge/limits/seats.h"

namespace cfpipe::edge {
namespace {

constexpr std::int64_t kShareTime = 1'700'000'000;

PartyKey numbered(std::size_t number) {
  return address_key(boost::asio::ip::address_v4(static_cast<std::uint32_t>(0x0a000000 + number)));
}

TEST(PartyKeys, CountAnIPv4AddressAsItselfAndAnIPv6AddressByIts64) {
  EXPECT_NE(address_key("192.0.2.1"), address_key("192.0.2.2"));
  EXPECT_EQ(address_key("::ffff:192.0.2.1"), address_key("192.0.2.1"));
  EXPECT_NE(address_key("::ffff:192.0.2.1"), address_key("::ffff:192.0.2.2"));
  EXPECT_EQ(address_key("2001:db8:0:1::1"), address_key("2001:db8:0:1:ffff::2"));
  EXPECT_NE(address_key("2001:db8:0:1::1"), address_key("2001:db8:0:2::1"));
  EXPECT_EQ(address_key("fe80::1%lo"), address_key("fe80::2"));
  EXPECT_EQ(address_key("nonsense"), address_key(""));
}

TEST(PartyKeys, CountAPersonWithoutRegardToCaseAndATokenByItsId) {
  EXPECT_EQ(person_key("Ann@Example.com"), person_key("ann@example.COM"));
  EXPECT_NE(person_key("ann@example.com"), person_key("bob@example.com"));
  EXPECT_EQ(person_key("deploy", "1.access"), person_key("renamed", "1.access"));
  EXPECT_NE(person_key("deploy", "1.access"), person_key("deploy", "2.access"));
  EXPECT_NE(person_key("1.access"), person_key("", "1.access"));
  EXPECT_NE(person_key("192.0.2.1"), address_key("192.0.2.1"));
}

TEST(Seats, AreCountedWhileTheyLive) {
  Seats seats({2, 0});
  auto first = seats.take("a");
  {
    const auto second = seats.take("a");
    EXPECT_TRUE(first && second);
    EXPECT_FALSE(seats.take("a"));
    EXPECT_TRUE(seats.take("b")) << "another party has its own";
  }
  const auto moved = std::move(*first);
  first.reset();
  const auto next = seats.take("a");
  EXPECT_TRUE(next);
  EXPECT_FALSE(seats.take("a")) << "a seat that has moved is still one";
  EXPECT_EQ(seats.taken(), 2u);
}

TEST(Seats, SayWhetherOnePartyOrAllHaveTooMany) {
  Seats seats({2, 3});
  Seats::Refusal why{};
  const auto a = seats.take("a", &why);
  const auto b = seats.take("a", &why);
  EXPECT_EQ(why, Seats::Refusal::none);
  EXPECT_FALSE(seats.take("a", &why));
  EXPECT_EQ(why, Seats::Refusal::each);
  const auto c = seats.take("b", &why);
  EXPECT_TRUE(c);
  EXPECT_FALSE(seats.take("c", &why));
  EXPECT_EQ(why, Seats::Refusal::all);
}

TEST(Seats, ThatWereTakenBeforeTheLimitCount) {
  Seats seats({});
  std::vector<std::optional<Seats::Seat>> taken;
  for (int i = 0; i < 3; ++i) taken.push_back(seats.take("a"));
  seats.set_limits({3, 0});
  EXPECT_FALSE(seats.take("a"));
  taken.clear();
  EXPECT_TRUE(seats.take("a"));
}

TEST(Seats, MayOutliveWhatGaveThem) {
  auto seats = std::make_unique<Seats>(Seats::Limits{1, 1});
  const auto seat = seats->take("a");
  seats.reset();
  EXPECT_TRUE(seat);
}

TEST(Attempts, ComeBackOverAMinute) {
  Attempts attempts(3);
  const auto here = address_key("192.0.2.1");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(attempts.take(here, kShareTime), 0);
  EXPECT_EQ(attempts.take(here, kShareTime), 20) << "a third of a minute for one of three";
  EXPECT_EQ(attempts.take(here, kShareTime + 19), 1) << "asking costs nothing";
  EXPECT_EQ(attempts.take(here, kShareTime + 20), 0);
  EXPECT_EQ(attempts.take(here, kShareTime + 20), 20);
  EXPECT_EQ(attempts.take(address_key("192.0.2.2"), kShareTime), 0) << "another address has its own";
  for (int i = 0; i < 3; ++i) EXPECT_EQ(attempts.take(here, kShareTime + 1000), 0);
  EXPECT_GT(attempts.take(here, kShareTime + 1000), 0) << "no more than three are saved up";
  EXPECT_GT(attempts.take(here, kShareTime), 0) << "a clock that was set back gives nothing";
}

TEST(Attempts, AreThereAtTheTimeThatWasNamed) {
  Attempts attempts(7);
  const auto here = address_key("192.0.2.1");
  for (int i = 0; i < 7; ++i) EXPECT_EQ(attempts.take(here, kShareTime), 0);
  EXPECT_EQ(attempts.take(here, kShareTime), 9) << "a seventh of a minute, and not a second too early";
  EXPECT_EQ(attempts.take(here, kShareTime + 8), 1);
  EXPECT_EQ(attempts.take(here, kShareTime + 9), 0);
}

TEST(Attempts, OfAFloodOfAddressesTakeNothingFromOthersAndNoMoreMemory) {
  Attempts attempts(1);
  EXPECT_EQ(attempts.take(numbered(0), kShareTime), 0);
  EXPECT_EQ(attempts.take(numbered(1), kShareTime), 0);
  EXPECT_NE(attempts.take(numbered(0), kShareTime), 0) << "which makes it the latest";
  for (std::size_t i = 2; i <= kMaxParties; ++i) EXPECT_EQ(attempts.take(numbered(i), kShareTime), 0);
  EXPECT_EQ(attempts.size(), kMaxParties);
  EXPECT_NE(attempts.take(numbered(0), kShareTime), 0);
  EXPECT_EQ(attempts.take(numbered(1), kShareTime), 0) << "forgotten for another";
}

TEST(Attempts, AreAsManyAsItLikesWithoutALimit) {
  Attempts attempts(0);
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(attempts.take(numbered(0), kShareTime), 0);
  EXPECT_EQ(attempts.size(), 0u);
}

class RowLimit : public ::testing::Test {
 protected:
  int rows(RowCause cause, const PartyKey& person, const PartyKey& address, int tries) {
    int taken = 0;
    for (int i = 0; i < tries; ++i) taken += limits_.take(cause, person, address, now_) ? 1 : 0;
    return taken;
  }
  std::int64_t now_ = kShareTime;
  RowLimits limits_;
  const int each_ = static_cast<int>(rates_of(RowCause::denied).each.most);
};

TEST_F(RowLimit, IsForEachPersonAndEachAddressAlone) {
  EXPECT_EQ(rows(RowCause::denied, "mallory", "here", 1000), each_);
  EXPECT_EQ(rows(RowCause::denied, "ann", "here", 1), 1) << "another person at the same address";
  EXPECT_EQ(rows(RowCause::denied, "mallory", "elsewhere", 1), 0) << "the same person at another address";
  EXPECT_EQ(rows(RowCause::denied, {}, "here", 1000), each_) << "those without a name are counted apart";
  EXPECT_EQ(rows(RowCause::denied, {}, "elsewhere", 1), 1);
  EXPECT_EQ(rows(RowCause::service_token, {}, "here", 1), 1) << "another cause";
}

TEST_F(RowLimit, TellsTheNextRowHowManyWereLeftOut) {
  EXPECT_EQ(rows(RowCause::denied, "mallory", "here", each_ + 120), each_);
  now_ += 60;
  EXPECT_EQ(limits_.take(RowCause::denied, "ann", "here", now_), 0u) << "of others";
  EXPECT_EQ(limits_.take(RowCause::denied, "mallory", "here", now_), 120u);
  EXPECT_EQ(limits_.take(RowCause::denied, "mallory", "here", now_), 0u) << "told already";
}

TEST_F(RowLimit, BoundsTheRowsOfManyPeopleAtOneAddress) {
  int taken = 0;
  for (int i = 0; i < 1000; ++i) taken += rows(RowCause::denied, "mallory" + std::to_string(i), "here", 1);
  EXPECT_EQ(taken, static_cast<int>(rates_of(RowCause::denied).known_at_address.most));
}

TEST_F(RowLimit, BoundsTheRowsOfAnyNumberOfAddressesAndLeavesPeopleTheirs) {
  int taken = 0;
  for (std::size_t i = 0; i < 3 * kMaxParties; ++i) taken += rows(RowCause::denied, {}, numbered(i), 1);
  EXPECT_EQ(taken, static_cast<int>(rates_of(RowCause::denied).all.most));
  EXPECT_EQ(limits_.size(), kMaxParties);
  const auto left_out = limits_.take(RowCause::denied, "ann", numbered(0), now_);
  ASSERT_TRUE(left_out) << "a person's row is not hidden by those of a flood";
  EXPECT_GT(*left_out, kMaxParties) << "what was left out of those that are forgotten is told as well";
}

TEST_F(RowLimit, InTheLongRunIsFarLowerThanAtOnce) {
  int taken = 0;
  for (int second = 0; second < 3600; ++second, ++now_) taken += rows(RowCause::denied, "mallory", "here", 5);
  const Rate& rate = rates_of(RowCause::denied).each;
  EXPECT_LE(taken, rate.most + 60 * rate.per_minute);
  EXPECT_GE(taken, 59 * rate.per_minute);
}

TEST_F(RowLimit, HasANameForEachCause) {
  for (std::size_t i = 0; i < kRowCauses; ++i) EXPECT_FALSE(name_of(static_cast<RowCause>(i)).empty());
}

using Added = Outstanding::Added;

TEST(OutstandingThings, AreSoManyOfOneOwnerUntilTakenOrExpired) {
  Outstanding things(2, 100);
  EXPECT_EQ(things.add("ann", "1", kShareTime + 60, kShareTime), Added::yes);
  EXPECT_EQ(things.add("ann", "2", kShareTime + 60, kShareTime), Added::yes);
  EXPECT_EQ(things.add("ann", "3", kShareTime + 60, kShareTime), Added::too_many_of_owner);
  EXPECT_EQ(things.add("bob", "4", kShareTime + 60, kShareTime), Added::yes);
  things.taken("1");
  things.taken("1");
  things.taken("never there");
  EXPECT_EQ(things.add("ann", "3", kShareTime + 70, kShareTime + 10), Added::yes);
  EXPECT_EQ(things.add("ann", "5", kShareTime + 70, kShareTime + 59), Added::too_many_of_owner);
  EXPECT_EQ(things.add("ann", "5", kShareTime + 120, kShareTime + 60), Added::yes) << "2 has expired";
  EXPECT_EQ(things.size(), 2u) << "and 4";
}

TEST(OutstandingThings, ReplaceOneOfTheSameNameOfAnyOwner) {
  Outstanding things(1, 100);
  EXPECT_EQ(things.add("ann", "1", kShareTime + 60, kShareTime), Added::yes);
  EXPECT_EQ(things.add("ann", "1", kShareTime + 61, kShareTime), Added::yes);
  EXPECT_EQ(things.add("bob", "1", kShareTime + 62, kShareTime), Added::yes);
  EXPECT_EQ(things.size(), 1u);
  EXPECT_EQ(things.add("ann", "2", kShareTime + 60, kShareTime), Added::yes);
  EXPECT_EQ(things.add("ann", "1", kShareTime + 60, kShareTime), Added::too_many_of_owner);
  EXPECT_EQ(things.add("bob", "3", kShareTime + 60, kShareTime), Added::too_many_of_owner)
      << "1 is still bob's";
}

TEST(OutstandingThings, AreReplacedWhereThereIsNoRoomForMore) {
  Outstanding things(1, 1);
  EXPECT_EQ(things.add("ann", "1", kShareTime + 60, kShareTime), Added::yes);
  EXPECT_EQ(things.add("ann", "1", kShareTime + 60, kShareTime), Added::yes);
  EXPECT_EQ(things.add("bob", "2", kShareTime + 60, kShareTime), Added::full);
}

TEST(OutstandingThings, AreSoManyInAllAndLeaveNothingBehind) {
  Outstanding things(2, 3);
  EXPECT_EQ(things.add("a", "1", kShareTime + 60, kShareTime), Added::yes);
  EXPECT_EQ(things.add("b", "2", kShareTime + 60, kShareTime), Added::yes);
  EXPECT_EQ(things.add("c", "3", kShareTime + 60, kShareTime), Added::yes);
  EXPECT_EQ(things.add("d", "4", kShareTime + 60, kShareTime), Added::full);
  for (int i = 0; i < 10'000; ++i) {
    const std::string name = "quick " + std::to_string(i);
    things.taken("3");
    ASSERT_EQ(things.add("c", name, kShareTime + 60, kShareTime), Added::yes);
    things.taken(name);
  }
  EXPECT_EQ(things.size(), 2u);
}

}  // namespace
}  // namespace cfpipe::edge
