#include "connector/tunnel/origin_dial.h"

#include <gtest/gtest.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>

#include "connector/tunnel/log_budget.h"

namespace cfpipe::connector {
namespace {

namespace net = boost::asio;
using auth::OriginFault;
using net::ip::tcp;

class OriginDialTest : public ::testing::Test {
 protected:
  OriginDialTest() : listener_(io_, tcp::endpoint(net::ip::make_address("127.0.0.1"), 0)) {}

  DialledOrigin dial(const std::string& origin, AllowList list, bool per_user = false) {
    auto rules = std::make_shared<const TunnelRules>(TunnelRules{std::move(list), per_user});
    std::optional<DialledOrigin> out;
    auto dialling = dial_into(rules, Authority::parse(origin).value(), out);
    net::co_spawn(io_, std::move(dialling), [](const std::exception_ptr& thrown) { EXPECT_FALSE(thrown); });
    io_.restart();
    while (!out && io_.run_one() > 0) {
    }
    return std::move(out.value());
  }
  static net::awaitable<void> dial_into(std::shared_ptr<const TunnelRules> rules, Authority origin,
                                        std::optional<DialledOrigin>& out) {
    out.emplace(co_await dial_origin(rules, origin, "alice@example.com"));
  }
  AllowList listed() const { return AllowList({AllowedOrigin::parse(where()).value()}); }
  std::string where() const { return "127.0.0.1:" + std::to_string(listener_.local_endpoint().port()); }

  net::io_context io_;
  tcp::acceptor listener_;
};

TEST_F(OriginDialTest, ReachesWhatIsListed) {
  const auto dialled = dial(where(), listed());
  ASSERT_TRUE(std::holds_alternative<tcp::socket>(dialled));
  EXPECT_EQ(std::get<tcp::socket>(dialled).local_endpoint().address(), net::ip::make_address("127.0.0.1"));
}

TEST_F(OriginDialTest, DialsNothingElse) {
  EXPECT_EQ(std::get<OriginFault>(dial(where(), AllowList())), OriginFault::not_allowed);
  EXPECT_EQ(std::get<OriginFault>(dial("no-such-host.invalid:22", AllowList())), OriginFault::not_allowed);
  const std::string port = std::to_string(listener_.local_endpoint().port());
  const AllowList neighbour({AllowedOrigin::parse("127.0.0.2:" + port).value()});
  EXPECT_EQ(std::get<OriginFault>(dial(where(), neighbour)), OriginFault::not_allowed);
  EXPECT_EQ(std::get<OriginFault>(dial("localhost:" + port, neighbour)), OriginFault::not_allowed);
  listener_.non_blocking(true);
  boost::system::error_code error;
  (void)listener_.accept(error);
  EXPECT_EQ(error, net::error::would_block);
}

TEST_F(OriginDialTest, TellsAListedNameWithoutAddressFromAnotherOne) {
  const AllowList list(
      {AllowedOrigin::parse("vm.invalid:22").value(), AllowedOrigin::parse("10.0.0.0/8:22").value()});
  EXPECT_EQ(std::get<OriginFault>(dial("vm.invalid:22", list)), OriginFault::no_address);
}

TEST_F(OriginDialTest, NamesARefusal) {
  const std::string place = where();
  const AllowList list = listed();
  listener_.close();
  EXPECT_EQ(std::get<OriginFault>(dial(place, list)), OriginFault::refused);
  EXPECT_EQ(std::get<OriginFault>(dial(place, list, true)), OriginFault::refused);
}

TEST_F(OriginDialTest, ComesFromTheSubjectsOwnAddressIfThatIsAskedFor) {
  const auto dialled = dial(where(), listed(), true);
  ASSERT_TRUE(std::holds_alternative<tcp::socket>(dialled));
  EXPECT_EQ(std::get<tcp::socket>(dialled).local_endpoint().address(),
            address_of_subject("alice@example.com"));
}

TEST(AddressOfSubject, IsStableAndTheSubjectsOwn) {
  EXPECT_EQ(address_of_subject("alice@example.com").to_string(), "127.144.152.49");
  std::set<net::ip::address_v4> all;
  for (int i = 0; i < 2000; ++i) {
    const auto address = address_of_subject("user" + std::to_string(i) + "@example.com");
    const auto bytes = address.to_bytes();
    EXPECT_EQ(bytes[0], 127);
    EXPECT_GE(bytes[1], 1);
    EXPECT_LE(bytes[1], 254);
    EXPECT_GE(bytes[3], 1);
    EXPECT_LE(bytes[3], 254);
    all.insert(address);
  }
  EXPECT_GT(all.size(), 1990U);
}

TEST(LogBudget, LeavesLinesOutAndCountsThem) {
  LogBudget budget(3, 1);
  LogBudget::Time now{};
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(budget.take(now));
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(budget.take(now));
  EXPECT_EQ(budget.left_out(), 5U);
  EXPECT_EQ(budget.left_out(), 0U);
  now += std::chrono::seconds(1);
  EXPECT_TRUE(budget.take(now));
  EXPECT_FALSE(budget.take(now));
  now += std::chrono::hours(1);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(budget.take(now));
  EXPECT_FALSE(budget.take(now));
}

}  // namespace
}  // namespace cfpipe::connector
