// What a person is told before a program gets their tokens.
#include "edge/identity/consent.h"

#include "edge/edge_fixture.h"

namespace cfpipe::edge {
namespace {

constexpr const char* kAuthSite = "https://auth.localhost:8443";

class Consent : public SiteTest {
 protected:
  /// The consent page of a person who has signed in already.
  Answer page(const auth::TransferReceiver& receiver) {
    browser_->sign_in("https://vm.localhost:8443/", "ann@example.com");
    return browser_->follow(cli_url(receiver.public_key()));
  }
};

TEST_F(Consent, SaysWhatIsGrantedToWhomAndWhen) {
  const auth::TransferReceiver receiver;
  Request poll = browser_->request("GET", std::string(kAuthSite) + "/transfer/" + receiver.public_key());
  poll.peer = "203.0.113.7";
  Config config = two_applications(dir_ / "state");
  browser_.reset();
  site_ = Handlers::make(
              io_.get_executor(), config, *store_, [this] { return now_; }, std::chrono::hours(1))
              .value();
  browser_ = std::make_unique<Browser>(io_, *site_);
  std::optional<int> polled;
  boost::asio::co_spawn(io_, site_->router().handle(poll),
                        [&](const std::exception_ptr&, const Answer& answer) { polled = answer.status; });
  io_.restart();
  io_.poll();
  const Answer asked = page(receiver);
  for (const std::string& text :
       {std::string(
            "<strong>vm.localhost</strong>, and every other application of this team that you may reach"),
        std::string("203.0.113.7"), std::string("2027-01-15 08:00:00 UTC"),
        auth::transfer_code(receiver.public_key()), std::string("If your program showed a code")})
    EXPECT_NE(asked.body.find(text), std::string::npos) << text << "\n" << asked.body;
  EXPECT_FALSE(polled);
  EXPECT_EQ(browser_->follow(header_of(browser_->post_form(asked, ""), "Location")).status, 200);
  io_.restart();
  io_.poll();
  EXPECT_EQ(polled, 200);
}

TEST_F(Consent, SaysThatNoProgramAsksWhereNoneDoes) {
  const auth::TransferReceiver receiver;
  EXPECT_NE(page(receiver).body.find("no program asks at this moment"), std::string::npos);
}

TEST_F(Consent, IsOnTheSignInPageToo) {
  const auth::TransferReceiver receiver;
  const Answer asked = browser_->follow(cli_url(receiver.public_key()));
  EXPECT_NE(asked.body.find(auth::transfer_code(receiver.public_key())), std::string::npos);
  EXPECT_EQ(browser_->follow("https://vm.localhost:8443/").body.find("A program"), std::string::npos)
      << "where no program asks, nothing is said of one";
}

TEST(ConsentText, WritesWhatOthersChooseAsText) {
  const std::string text = consent_text({"<i>", "/cdn-cgi/access/cli?token=<b>", "<s>", 0});
  EXPECT_EQ(text.find("<i>"), std::string::npos);
  EXPECT_EQ(text.find("<b>"), std::string::npos);
  EXPECT_EQ(text.find("<s>"), std::string::npos);
  EXPECT_NE(text.find("<dd class=\"code\">none</dd>"), std::string::npos) << text;
}

TEST(ConsentText, ReadsTheTargetOfALogin) {
  EXPECT_TRUE(for_a_program("/cdn-cgi/access/cli?token=k"));
  EXPECT_TRUE(for_a_program("/cdn-cgi/access/cli"));
  for (const char* other : {"/", "/cdn-cgi/access/clix", "/x?/cdn-cgi/access/cli", "/cdn-cgi/access/cli/x"})
    EXPECT_FALSE(for_a_program(other)) << other;
  EXPECT_EQ(receiver_of("/cdn-cgi/access/cli?a=b&token=k%3D&token=x"), "k=");
  EXPECT_EQ(receiver_of("/cdn-cgi/access/cli"), "");
  EXPECT_TRUE(wants_org_token("/cdn-cgi/access/cli?send_org_token=true"));
  EXPECT_FALSE(wants_org_token("/cdn-cgi/access/cli?send_org_token=1"));
}

TEST_F(Consent, TheOrgTokenIsGivenOnlyWhereThePageHasSaidSo) {
  const auth::TransferReceiver receiver;
  std::string url = cli_url(receiver.public_key());
  const std::string asks = "&send_org_token=true";
  url.erase(url.find(asks), asks.size());
  const Answer page = browser_->follow(url);
  EXPECT_NE(page.body.find("and no other application"), std::string::npos) << page.body;
  const Answer posted = browser_->post_form(page, "ann@example.com");
  const Answer back = browser_->get(header_of(posted, "Location"));
  ASSERT_EQ(back.status, 302);
  EXPECT_EQ(browser_->get(header_of(back, "Location") + asks).status, 200);
  const Answer box = browser_->get(std::string(kAuthSite) + "/transfer/" + receiver.public_key());
  const auto tokens = receiver.open(box.body, header_of(box, "Service-Public-Key")).value();
  EXPECT_FALSE(tokens.app_token.empty());
  EXPECT_TRUE(tokens.org_token.empty());
}

}  // namespace
}  // namespace cfpipe::edge
