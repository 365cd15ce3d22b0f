// What is open, in the dashboard's API: tunnels, also those of other processes, and sign-ins.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>

#include "edge/dashboard_fixture.h"
#include "edge/store/sqlite_store.h"

namespace cfpipe::edge {
namespace net = boost::asio;
namespace {

TEST_F(DashboardTest, ShowsWhatIsOpenAndEndsIt) {
  Tunnel anns, bobs;
  open(token("ann@example.com"), anns);
  open(token("bob@example.com"), bobs);
  const auto moved = std::make_shared<tunnel::Counters>();
  moved->add(0, 1000);
  moved->add(1, 5'000'000'000);
  anns.end->count(moved);
  sign_in("root@example.com");
  auto tunnels = ask("GET", "tunnels").body.at("tunnels").as_array();
  ASSERT_EQ(tunnels.size(), 2u);
  EXPECT_EQ(tunnels[0].as_object().at("identity").as_string(), "ann@example.com");
  EXPECT_EQ(tunnels[0].as_object().at("up_bytes").to_number<std::uint64_t>(), 1000u);
  EXPECT_EQ(tunnels[0].as_object().at("down_bytes").to_number<std::uint64_t>(), 5'000'000'000u);
  EXPECT_EQ(ask("GET", "me/tunnels").body.at("tunnels").as_array().size(), 0u);
  EXPECT_EQ(ask("DELETE", "tunnels/" + std::to_string(anns.id)).status, 200);
  look();
  EXPECT_EQ(anns.told, "an administrator has ended it");
  EXPECT_EQ(bobs.told, "");
  EXPECT_EQ(rows_of("tunnel_end")[0].identity, "ann@example.com");
  for (const char* id : {"0", "x", "-1", "99999999999999999999", ""})
    EXPECT_EQ(ask("DELETE", std::string("tunnels/") + id).status, 404) << id;

  sign_in("bob@example.com");
  ASSERT_EQ(ask("GET", "me/tunnels").body.at("tunnels").as_array().size(), 1u);
  EXPECT_EQ(ask("DELETE", "me/tunnels/" + std::to_string(anns.id)).status, 404) << "another user's";
  EXPECT_EQ(ask("DELETE", "me/tunnels/" + std::to_string(bobs.id)).status, 200);
  look();
  EXPECT_EQ(bobs.told, "it was ended from the dashboard");
}

TEST_F(DashboardTest, ShowsAndEndsWhatOtherProcessesCarry) {
  const auto other = open_sqlite_store(dir_ / "state").value();
  TunnelChanges changes;
  for (const auto& [id, email] :
       {std::pair<std::int64_t, const char*>{7, "ann@example.com"}, {8, "bob@example.com"}}) {
    OpenTunnelRow& row = changes.opened.emplace_back();
    row.id = id;
    row.identity = email;
    row.application = "vm.localhost";
    row.since = now_;
  }
  net::io_context loop(1);
  auto published =
      net::co_spawn(loop, other->tunnels().async_publish("other", changes, now_), net::use_future);
  loop.run();
  ASSERT_TRUE(published.get());
  sign_in("root@example.com");
  auto tunnels = ask("GET", "tunnels").body.at("tunnels").as_array();
  ASSERT_EQ(tunnels.size(), 2u);
  EXPECT_EQ(tunnels[0].as_object().at("identity").as_string(), "ann@example.com");
  EXPECT_EQ(ask("DELETE", "tunnels/7").status, 200);
  EXPECT_EQ(ask("DELETE", "tunnels/9").status, 404);
  EXPECT_EQ(rows_of("tunnel_end")[0].reason.find("tunnel 7"), 0u);
  sign_in("bob@example.com");
  ASSERT_EQ(ask("GET", "me/tunnels").body.at("tunnels").as_array().size(), 1u);
  EXPECT_EQ(ask("DELETE", "me/tunnels/7").status, 404) << "another user's";
  EXPECT_EQ(ask("DELETE", "me/tunnels/8").status, 200);
  const auto asked = other->tunnels().list_asked_to_end("other").value();
  ASSERT_EQ(asked.size(), 2u);
  EXPECT_EQ(asked[0].who, EndedBy::administrator);
  EXPECT_EQ(asked[1].who, EndedBy::owner);
}

TEST_F(DashboardTest, WhatAnotherProcessAsksToEndEnds) {
  Tunnel anns, bobs, others;
  open(token("ann@example.com"), anns);
  open(token("bob@example.com"), bobs);
  open(token("carl@example.com"), others);
  const auto other = open_sqlite_store(dir_ / "state").value();
  const auto listed = [&] { return other->tunnels().list(now_).value(); };
  site_->tunnels().exchange_with_others();
  for (int turn = 0; turn < 100 && listed().size() < 3; ++turn) {
    io_.restart();
    io_.run_one_for(std::chrono::milliseconds(100));
  }
  ASSERT_EQ(listed().size(), 3u);
  const std::string edge = listed().front().edge;
  ASSERT_TRUE(other->tunnels().ask_to_end(edge, anns.id, EndedBy::administrator).value());
  ASSERT_TRUE(other->tunnels().ask_to_end(edge, bobs.id, EndedBy::owner).value());
  look();
  EXPECT_EQ(anns.told, "an administrator has ended it");
  EXPECT_EQ(bobs.told, "it was ended from the dashboard");
  EXPECT_EQ(others.told, "");
}

TEST_F(DashboardTest, LetsPeopleEndTheirOwnSessions) {
  Tunnel anns;
  open(token("ann@example.com"), anns);
  sign_in("ann@example.com");
  auto sessions = ask("GET", "me/sessions").body.at("sessions").as_array();
  ASSERT_EQ(sessions.size(), 2u);
  EXPECT_TRUE(sessions[0].as_object().at("current").as_bool());
  EXPECT_EQ(sessions[0].as_object().at("device").as_string(), "Firefox on Linux");
  EXPECT_EQ(sessions[0].as_object().at("expires").as_string(),
            rfc3339(now_ + std::chrono::seconds(kDefaultSession).count()));
  const std::string other(sessions[1].as_object().at("session").as_string());
  EXPECT_EQ(ask("DELETE", "me/sessions/" + other).status, 200);
  look();
  EXPECT_EQ(anns.told, "access was revoked");
  EXPECT_EQ(ask("GET", "me/sessions").body.at("sessions").as_array().size(), 1u);
  sign_in("bob@example.com");
  const std::string own(ask("GET", "me").body.at("session").as_string());
  EXPECT_EQ(ask("DELETE", "me/sessions/" + other).status, 404) << "ann's";
  EXPECT_EQ(ask("DELETE", "me/sessions/" + own).status, 200);
  EXPECT_EQ(ask("GET", "me").status, 401) << "it was this one";
}

TEST_F(DashboardTest, ASessionThatIsRevokedAlreadyIsAnsweredAtOnceAndRecordedOnce) {
  sign_in("ann@example.com");
  const std::string first(ask("GET", "me").body.at("session").as_string());
  sign_in("ann@example.com");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask("DELETE", "me/sessions/" + first).status, 200);
  EXPECT_EQ(rows_of("revoke").size(), 1u);
  EXPECT_EQ(ask("DELETE", "me/sessions/0123456789abcdef").status, 404);
  EXPECT_EQ(ask("DELETE", "me/sessions/%00").status, 404);
}

TEST_F(DashboardTest, RevokesAsTheCommandDoes) {
  Tunnel anns;
  const std::string held = token("ann@example.com");
  open(held, anns);
  ++now_;
  sign_in("root@example.com");
  EXPECT_EQ(ask("POST", "revocations", {{"email", "Ann@example.com"}}).status, 200);
  look();
  EXPECT_EQ(anns.told, "access was revoked");
  EXPECT_FALSE(opens(held));
  EXPECT_EQ(ask("POST", "revocations", {{"email", "no-address"}}).status, 400);
  EXPECT_EQ(ask("POST", "revocations", {{"session", "0123456789abcdef"}}).status, 400);
  EXPECT_EQ(ask("POST", "applications/vm.localhost/certificates/revoke", {{"serials", {7}}}).status, 200);
  EXPECT_EQ(store_->revocations().list_certificates("vm.localhost", 0).value(),
            std::vector<std::uint64_t>{7});
}

}  // namespace
}  // namespace cfpipe::edge
