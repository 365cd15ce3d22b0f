// A program that waits for a sign-in is told when it came to nothing.
#include "edge/edge_fixture.h"

namespace cfpipe::edge {
namespace {

class TurnedAway : public SiteTest {
 protected:
  Answer poll() { return browser_->get("https://auth.localhost:8443/transfer/" + receiver_.public_key()); }
  std::optional<auth::TransferRefusal> refusal_in(const Answer& answer) {
    return receiver_.open_refusal(answer.body, header_of(answer, "Service-Public-Key"));
  }
  auth::TransferReceiver receiver_;
};

TEST_F(TurnedAway, ByAPolicy) {
  EXPECT_EQ(browser_->sign_in(cli_url(receiver_.public_key()), "mallory@example.com").status, 403);
  const Answer answer = poll();
  EXPECT_EQ(answer.status, 403);
  EXPECT_EQ(answer.body.find("mallory"), std::string::npos) << "only the program can read it";
  const auto refusal = refusal_in(answer);
  ASSERT_TRUE(refusal);
  EXPECT_FALSE(refusal->declined);
  EXPECT_TRUE(refusal->reason.starts_with("mallory@example.com may not reach vm.localhost: "))
      << refusal->reason;
  EXPECT_EQ(poll().status, 202) << "it is handed out once";
}

TEST_F(TurnedAway, ByThePerson) {
  program_login();
  const Answer page = browser_->follow(cli_url(receiver_.public_key()));
  Request no = browser_->form(page, {});
  no.body += "&answer=no";
  EXPECT_EQ(browser_->send(no).status, 200);
  const auto refusal = refusal_in(poll());
  ASSERT_TRUE(refusal);
  EXPECT_TRUE(refusal->declined);
  EXPECT_EQ(audit().back().kind, "denial");
  EXPECT_EQ(audit().back().identity, "ann@example.com");
}

TEST_F(TurnedAway, NotByAFormOfAnotherSite) {
  program_login();
  const Answer page = browser_->follow(cli_url(receiver_.public_key()));
  Request no = browser_->form(page, {});
  no.body += "&answer=no";
  no.headers.clear();
  EXPECT_EQ(browser_->send(no).status, 400) << "without the form's cookie";
  EXPECT_EQ(poll().status, 202);
}

TEST_F(TurnedAway, LeavesATryThatSucceedsAlone) {
  EXPECT_EQ(browser_->sign_in(cli_url(receiver_.public_key()), "mallory@example.com").status, 403);
  EXPECT_EQ(browser_->sign_in(cli_url(receiver_.public_key()), "ann@example.com").status, 200);
  const Answer answer = poll();
  EXPECT_EQ(answer.status, 200) << "the last word counts";
  EXPECT_TRUE(receiver_.open(answer.body, header_of(answer, "Service-Public-Key")));
}

TEST_F(TurnedAway, WithoutASignIn) {
  Config config = two_applications(dir_ / "state");
  config.applications[0].policies = {{"open", Decision::bypass, {{Rule::Kind::everyone}}, {}, {}}};
  browser_.reset();
  site_ = Handlers::make(
              io_.get_executor(), config, *store_, [this] { return now_; }, std::chrono::hours(1))
              .value();
  browser_ = std::make_unique<Browser>(io_, *site_);
  std::optional<Answer> answer;
  const Request polling =
      browser_->request("GET", "https://auth.localhost:8443/transfer/" + receiver_.public_key());
  boost::asio::co_spawn(io_, site_->router().handle(polling),
                        [&](const std::exception_ptr&, Answer told) { answer = std::move(told); });
  io_.restart();
  io_.poll();
  ASSERT_FALSE(answer);
  EXPECT_EQ(browser_->get(cli_url(receiver_.public_key())).status, 403);
  io_.restart();
  io_.poll();
  ASSERT_TRUE(answer) << "it waits on";
  const auto refusal = refusal_in(*answer);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason, "No policy of vm.localhost lets anybody in who signs in.");
}

TEST_F(TurnedAway, IsNothingToAPageForPeople) {
  EXPECT_EQ(browser_->sign_in("https://vm.localhost:8443/", "mallory@example.com").status, 403);
  EXPECT_EQ(poll().status, 202);
}

}  // namespace
}  // namespace cfpipe::edge
