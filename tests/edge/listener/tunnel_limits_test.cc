// How many tunnels may be open at once, and for how long each is granted.
#include "edge/tunnels_fixture.h"

namespace cfpipe::edge {
namespace {

class TunnelLimit : public TunnelsTest {
 protected:
  void limited(TunnelLimits limits) {
    Config config = two_applications(dir_ / "state");
    config.tunnel_limits = limits;
    config.applications[0].session_limit = std::chrono::hours(8);
    make_site(config);
  }
  std::string login(const std::string& email) {
    browser_ = std::make_unique<Browser>(io_, *site_);
    return std::string(program_login(email).app_token.reveal());
  }
  /// Why no further tunnel is granted; empty where one is.
  std::string refusal(const std::string& token) {
    const auto asked = ask(token);
    if (std::holds_alternative<TunnelGrant>(asked)) return {};
    EXPECT_EQ(std::get<Answer>(asked).status, 429);
    return header_of(std::get<Answer>(asked), "Cfpipe-Reason");
  }
  TunnelGrant granted(const std::string& token) { return std::get<TunnelGrant>(ask(token)); }
};

TEST_F(TunnelLimit, OfTimeGoesWithTheGrant) {
  const auto limit_of = [this] { return granted(login("ann@example.com")).session_limit; };
  EXPECT_EQ(limit_of(), std::chrono::seconds(0)) << "there is none unless the configuration has one";
  limited({});
  EXPECT_EQ(limit_of(), std::chrono::hours(8));
}

TEST_F(TunnelLimit, OfAUserCountsThatUsersAlone) {
  limited({2, 0});
  const std::string ann = login("ann@example.com");
  const std::string bob = login("bob@example.com");
  Tunnel first;
  Tunnel second;
  open(ann, first);
  open(ann, second);
  EXPECT_NE(refusal(ann).find("ann@example.com has as many tunnels open as one user may have: 2"),
            std::string::npos)
      << refusal(ann);
  EXPECT_EQ(refusal(bob), "");
  site_->tunnels().closed(first.id, 0, 0, "ended");
  EXPECT_EQ(refusal(ann), "");
}

TEST_F(TunnelLimit, OfAnAddressCountsEverybodyThere) {
  limited({0, 2});
  const std::string ann = login("ann@example.com");
  const std::string bob = login("bob@example.com");
  Tunnel first;
  Tunnel second;
  open(ann, first);
  open(bob, second);
  EXPECT_NE(refusal(ann).find("has as many tunnels open as one address may have: 2"), std::string::npos);
  site_->tunnels().closed(second.id, 0, 0, "ended");
  EXPECT_EQ(refusal(ann), "");
}

// Each that is open counts; one whose client may never come back is not worth as much as one that is wanted.
TEST_F(TunnelLimit, TheOneThatWaitsForItsClientLongestGivesWay) {
  for (const bool of_all : {false, true}) {
    TunnelLimits limits;
    (of_all ? limits.in_all : limits.per_user) = 3;
    limited(limits);
    const std::string ann = login("ann@example.com");
    const std::string bob = login("bob@example.com");
    Tunnel shorter, longer, there;
    open(ann, shorter);
    open(ann, longer);
    open(ann, there);
    shorter.end->set_detached(200);
    longer.end->set_detached(100);
    Tunnel another;
    open(of_all ? bob : ann, another);
    look();
    EXPECT_EQ(longer.told, kGaveWay);
    EXPECT_EQ(shorter.told + there.told + another.told, "");
    site_->tunnels().closed(longer.id, 0, 0, longer.told);
    Tunnel last;
    open(ann, last);
    look();
    EXPECT_EQ(shorter.told, kGaveWay);
    EXPECT_NE(refusal(ann), "") << "the others have their clients";
    EXPECT_EQ(there.told + another.told + last.told, "");
  }
}

TEST_F(TunnelLimit, TunnelsOfOthersDoNotGiveWay) {
  for (const bool of_address : {false, true}) {
    limited(of_address ? TunnelLimits{0, 1} : TunnelLimits{1, 0});
    const std::string ann = login("ann@example.com");
    const std::string bob = login("bob@example.com");
    Tunnel anns, bobs;
    open(bob, bobs);
    bobs.end->set_detached(100);
    if (!of_address) open(ann, anns);
    EXPECT_EQ(refusal(ann) == "", of_address) << "one address, two people";
    look();
    EXPECT_EQ(bobs.told, of_address ? kGaveWay : "");
  }
}

TEST_F(TunnelLimit, HoldsForTerminalsOnceTheyHaveOpened) {
  limited({1, 0});
  const std::string token = login("ann@example.com");
  TunnelGrant one = granted(token);
  TunnelGrant terminal = one;
  terminal.seat.reset();  // a terminal counts once it has opened
  Tunnel first;
  Tunnel second;
  open(one, first);
  one.seat.reset();
  open(terminal, second);
  look();
  EXPECT_EQ(first.told, "");
  EXPECT_NE(second.told.find("as many tunnels open as one user may have: 1"), std::string::npos)
      << second.told;
  site_->tunnels().closed(second.id, 0, 0, second.told);
  EXPECT_NE(refusal(token), "") << "the first is still open";
  site_->tunnels().closed(first.id, 0, 0, "ended");
  EXPECT_EQ(refusal(token), "");
}

TEST_F(TunnelLimit, LeavesRowsInTheAuditButNoFloodOfThem) {
  limited({1, 0});
  const std::string token = login("ann@example.com");
  Tunnel tunnel;
  open(token, tunnel);
  const std::int64_t most = rates_of(RowCause::over_limit).each.most;
  for (int i = 0; i < 2 * most; ++i) ASSERT_NE(refusal(token), "");
  std::int64_t rows = 0;
  ASSERT_TRUE(store_->audit().read(0, [&rows](const AuditRow& row) {
    rows += row.kind == "denial" ? 1 : 0;
    return true;
  }));
  EXPECT_EQ(rows, most);
}

TEST_F(TunnelLimit, CountsATunnelFromItsGrantOn) {
  limited({1, 0});
  const std::string token = login("ann@example.com");
  {
    const TunnelGrant dialling = granted(token);
    EXPECT_NE(refusal(token), "") << "a tunnel that is being dialled holds a descriptor";
  }
  EXPECT_EQ(refusal(token), "") << "an origin that could not be reached gives it back";
}

TEST_F(TunnelLimit, OfAUserIsWithoutRegardToCase) {
  limited({1, 0});
  const std::string ann = login("ann@example.com");
  const std::string shouting = login("Ann@Example.com");
  const TunnelGrant one = granted(ann);
  EXPECT_NE(refusal(shouting), "");
}

TEST_F(TunnelLimit, OfAnAddressCountsAnIPv6NetworkAsOne) {
  limited({0, 1});
  const std::string token = login("ann@example.com");
  const auto from = [&](const char* peer) {
    Request request = browser_->request("GET", "https://vm.localhost:8443/");
    request.headers.clear();
    request.headers.emplace_back("Cf-Access-Token", token);
    request.peer = peer;
    return site_->router().upgrade(request);
  };
  const auto first = from("2001:db8::1");
  EXPECT_TRUE(std::holds_alternative<TunnelGrant>(first));
  EXPECT_TRUE(std::holds_alternative<Answer>(from("2001:db8::2")));
  EXPECT_TRUE(std::holds_alternative<TunnelGrant>(from("2001:db8:0:1::1")));
}

TEST_F(TunnelLimit, OfOpeningsAMinuteSaysWhenToTryAgain) {
  TunnelLimits limits;
  limits.opens_per_user = 3;
  limited(limits);
  const std::string ann = login("ann@example.com");
  const std::string bob = login("bob@example.com");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(refusal(ann), "");
  const auto refused = std::get<Answer>(ask(ann));
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(header_of(refused, "Retry-After"), "20");
  EXPECT_NE(header_of(refused, "Cfpipe-Reason")
                .find("ann@example.com has opened as many tunnels as one user may in a minute: 3"),
            std::string::npos);
  EXPECT_EQ(refusal(bob), "");
  now_ += 20;
  EXPECT_EQ(refusal(ann), "");
}

TEST_F(TunnelLimit, OfAllTogetherIsThatOfTheDescriptors) {
  TunnelLimits limits;
  limits.in_all = 2;
  limited(limits);
  const std::string ann = login("ann@example.com");
  const std::string bob = login("bob@example.com");
  const TunnelGrant one = granted(ann);
  const TunnelGrant two = granted(ann);
  EXPECT_NE(refusal(bob).find("the edge has as many tunnels open as it takes: 2"), std::string::npos);
}

}  // namespace
}  // namespace cfpipe::edge
