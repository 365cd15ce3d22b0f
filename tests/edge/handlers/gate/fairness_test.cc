// One person or one address does everything it can; others are served meanwhile.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "auth/ssh/key.h"
#include "auth/token/sealed_box.h"
#include "edge/edge_fixture.h"
#include "edge/identity/transfer_store.h"
#include "edge/limits/row_limits.h"
#include "edge/monitoring/metrics.h"
#include "edge/tunnel/handle.h"
#include "edge/tunnel/registry.h"

namespace cfpipe::edge {
namespace {

constexpr const char* kFirstSite = "https://vm.localhost:8443/";
constexpr const char* kSecondSite = "https://b.localhost:8443/";

class Fairness : public SiteTest {
 protected:
  std::unique_ptr<Browser> another_browser() { return std::make_unique<Browser>(io_, *site_); }
  /// A sign-in of a user who has a session, up to the code, which is not used.
  Answer code(Browser& browser) { return browser.get(header_of(browser.get(kSecondSite), "Location")); }
  /// A sign-in for a program that does not fetch it.
  Answer box(Browser& browser, const std::string& email) {
    receivers_.emplace_back();
    return browser.sign_in(cli_url(receivers_.back().public_key()), email);
  }
  int rows(const std::string& identity) {
    int count = 0;
    for (const AuditRow& row : audit()) count += row.kind == "denial" && row.identity == identity ? 1 : 0;
    return count;
  }
  bool counted(const std::string& sample) {
    return metrics_text(site_->context().counters, {}).find("\ncfpipe_edge_" + sample + "\n") !=
           std::string::npos;
  }
  int count_ask(const std::string& token, int times) {
    int refused = 0;
    for (int i = 0; i < times; ++i) {
      Request request = browser_->request("GET", kFirstSite);
      request.headers.clear();
      request.headers.emplace_back("Cf-Access-Token", token);
      const auto answer = site_->router().upgrade(request);
      refused += std::holds_alternative<Answer>(answer) && std::get<Answer>(answer).status == 403 ? 1 : 0;
    }
    return refused;
  }
  Answer sign(const std::string& token) {
    Request request = browser_->request("POST", "https://auth.localhost:8443/cdn-cgi/access/cert_sign");
    request.headers.clear();
    request.headers.emplace_back("Content-Type", "application/json");
    const auto key = auth::SshKey::generate(auth::KeyType::ecdsa_p256).authorized_key();
    request.body = boost::json::serialize(boost::json::object{{"public_key", key}, {"jwt", token}});
    return browser_->send(request);
  }

  std::list<auth::TransferReceiver> receivers_;
  const int most_rows_ = static_cast<int>(rates_of(RowCause::denied).each.most);
};

TEST_F(Fairness, CodesOfOnePersonLeaveRoomForOthers) {
  ASSERT_EQ(browser_->sign_in(kFirstSite, "ann@example.com").status, 200);
  std::string last;
  for (std::size_t i = 0; i < kMaxCodesOfPerson; ++i) {
    const Answer answer = code(*browser_);
    ASSERT_EQ(answer.status, 302) << i;
    last = header_of(answer, "Location");
  }
  EXPECT_EQ(code(*browser_).status, 429);
  EXPECT_TRUE(counted("limited_total{limit=\"codes\"} 1"));
  const auto shouting = another_browser();
  EXPECT_EQ(shouting->sign_in(kFirstSite, "ANN@example.com").status, 429) << "the same person";
  const auto victim = another_browser();
  EXPECT_EQ(victim->sign_in(kFirstSite, "bob@example.com").status, 200);
  // Another browser keeps the token that the code is good for.
  EXPECT_EQ(another_browser()->send(browser_->request("GET", last)).status, 302);
  EXPECT_EQ(code(*browser_).status, 302) << "a code that was taken makes room";
  EXPECT_EQ(code(*browser_).status, 429);
  now_ += kCodeSeconds;
  EXPECT_EQ(code(*browser_).status, 302);
}

TEST_F(Fairness, CodesInAllAreMoreThanOnePersonCanHave) {
  EXPECT_GE(static_cast<std::size_t>(kMaxPending), 100 * kMaxCodesOfPerson);
  EXPECT_GE(static_cast<std::size_t>(kMaxPending), 100 * kMaxTransfersOfPerson);
}

TEST_F(Fairness, BoxesOfOnePersonLeaveRoomForOthers) {
  for (std::size_t i = 0; i < kMaxTransfersOfPerson; ++i)
    ASSERT_EQ(box(*browser_, "ann@example.com").status, 200) << i;
  EXPECT_EQ(box(*browser_, "ann@example.com").status, 429);
  EXPECT_TRUE(counted("limited_total{limit=\"transfers\"} 1"));
  const auto victim = another_browser();
  EXPECT_EQ(box(*victim, "bob@example.com").status, 200);
  EXPECT_EQ(browser_->get("https://auth.localhost:8443/transfer/" + receivers_.front().public_key()).status,
            200);
  EXPECT_EQ(box(*browser_, "ann@example.com").status, 200) << "a box that was fetched makes room";
  now_ += kTransferSeconds;
  EXPECT_EQ(box(*browser_, "ann@example.com").status, 200);
}

TEST_F(Fairness, RefusalsOfOnePersonLeaveOtherProgramsTheirs) {
  for (std::size_t i = 0; i < 2 * kMaxTransfersOfPerson; ++i)
    EXPECT_EQ(box(*browser_, "mallory@example.com").status, 403);
  const auto victim = another_browser();
  EXPECT_EQ(box(*victim, "eve@evil.test").status, 403);
  EXPECT_EQ(browser_->get("https://auth.localhost:8443/transfer/" + receivers_.back().public_key()).status,
            403)
      << "the program hears of it";
}

TEST_F(Fairness, DenialsOfOnePersonDoNotFillTheAuditNorHideThoseOfOthers) {
  const auto tokens = program_login();
  const std::string token(tokens.app_token.reveal());
  Config config = two_applications(dir_ / "state");
  for (ApplicationConfig& app : config.applications)
    app.policies[0].exclude.push_back({Rule::Kind::email, "ann@example.com"});
  make_site(config);
  EXPECT_EQ(count_ask(token, most_rows_ + 100), most_rows_ + 100);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(sign(token).status, 403);
  EXPECT_EQ(rows("ann@example.com"), most_rows_);
  EXPECT_TRUE(counted("audit_left_out_total{cause=\"denied\"} 150"));
  EXPECT_TRUE(counted("denials_total{application=\"vm.localhost\"} " + std::to_string(most_rows_ + 150)));
  EXPECT_EQ(browser_->sign_in(kFirstSite, "mallory@example.com").status, 403);
  EXPECT_EQ(rows("mallory@example.com"), 1);
  now_ += 60;
  EXPECT_EQ(count_ask(token, 1), 1);
  EXPECT_NE(audit().back().reason.find("(after 150 that are not recorded)"), std::string::npos)
      << audit().back().reason;
}

TEST_F(Fairness, DeclinedSignInsDoNotFillTheAudit) {
  ASSERT_EQ(browser_->sign_in(kFirstSite, "ann@example.com").status, 200);
  for (int i = 0; i < most_rows_ + 10; ++i) {
    receivers_.emplace_back();
    const Answer page = browser_->follow(cli_url(receivers_.back().public_key()));
    Request answer = browser_->form(page, {});
    answer.body += "&answer=no";
    EXPECT_EQ(browser_->send(answer).status, 200);
  }
  EXPECT_EQ(rows("ann@example.com"), most_rows_);
  EXPECT_TRUE(counted("audit_left_out_total{cause=\"declined\"} 10"));
}

TEST_F(Fairness, TunnelsWithoutANameDoNotFillTheAudit) {
  const int most = static_cast<int>(rates_of(RowCause::tunnel).each.most);
  const auto open_and_close = [this](const std::string& identity, const std::string& peer) {
    TunnelGrant grant;
    grant.app_hostname = "vm.localhost";
    grant.identity = identity;
    Request request = browser_->request("GET", kFirstSite);
    request.peer = peer;
    const auto id =
        site_->tunnels().opened(grant, request, std::make_shared<TunnelHandle>(io_.get_executor()));
    site_->tunnels().closed(id, 1, 2, "ended");
  };
  const auto rows_of = [this](const std::string& peer) {
    int count = 0;
    for (const AuditRow& row : audit()) count += row.peer == peer ? 1 : 0;
    return count;
  };
  for (int i = 0; i < most + 50; ++i) open_and_close({}, "192.0.2.1");
  EXPECT_EQ(rows_of("192.0.2.1"), 2 * most) << "each with its end";
  EXPECT_TRUE(counted("audit_left_out_total{cause=\"tunnel\"} 50"));
  EXPECT_TRUE(counted("tunnels_closed_total{application=\"vm.localhost\"} " + std::to_string(most + 50)));
  open_and_close("ann@example.com", "192.0.2.1");
  EXPECT_EQ(rows_of("192.0.2.1"), 2 * most + 2) << "a person's tunnel is always recorded";
  open_and_close({}, "192.0.2.2");
  EXPECT_EQ(rows_of("192.0.2.2"), 2);
}

TEST_F(Fairness, CertificatesOfOnePersonAreSoManyAMinute) {
  Config config = two_applications(dir_ / "state");
  config.certificates_per_user = 3;
  make_site(config);
  const std::string ann(program_login().app_token.reveal());
  browser_ = another_browser();
  const std::string bob(program_login("bob@example.com").app_token.reveal());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(sign(ann).status, 200);
  const Answer refused = sign(ann);
  EXPECT_EQ(refused.status, 429);
  EXPECT_NE(
      refused.body.find("ann@example.com was signed as many certificates as one user may get in a minute: 3"),
      std::string::npos)
      << refused.body;
  EXPECT_TRUE(counted("limited_total{limit=\"certificates\"} 1"));
  EXPECT_EQ(sign(bob).status, 200);
  now_ += 20;
  EXPECT_EQ(sign(ann).status, 200);
}

TEST_F(Fairness, PollsOfOneAddressLeaveRoomForOthers) {
  TransferStore store(io_.get_executor(), store_->pending(), std::chrono::minutes(10),
                      [this] { return now_; });
  struct Poll {
    auth::TransferReceiver receiver;
    std::optional<Answer> answer;
  };
  std::list<Poll> polls;
  const auto poll_from = [&](const std::string& peer) -> Poll& {
    Poll& poll = polls.emplace_back();
    boost::asio::co_spawn(io_, store.poll(poll.receiver.public_key(), peer),
                          [&poll](const std::exception_ptr& error, Answer got) {
                            if (error) std::rethrow_exception(error);
                            poll.answer = std::move(got);
                          });
    io_.restart();
    io_.poll();
    return poll;
  };
  for (std::size_t i = 0; i < kMaxTransferWaitersOfAddress; ++i)
    ASSERT_FALSE(poll_from("2001:db8::" + std::to_string(i)).answer) << i;
  const Poll& refused = poll_from("2001:db8::ffff");
  ASSERT_TRUE(refused.answer);
  EXPECT_EQ(refused.answer->status, 429);
  Poll& victim = poll_from("192.0.2.1");
  EXPECT_FALSE(victim.answer);
  ASSERT_TRUE(store.put("ann@example.com", victim.receiver.public_key(),
                        auth::seal_transfer(victim.receiver.public_key(), "a", "b").value()));
  io_.restart();
  io_.poll();
  ASSERT_TRUE(victim.answer);
  EXPECT_EQ(victim.answer->status, 200);
}

}  // namespace
}  // namespace cfpipe::edge
