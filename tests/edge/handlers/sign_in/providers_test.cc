// Signing in at identity providers: which are offered, whose answer is taken, and how often.
#include "edge/provider_fixture.h"

namespace cfpipe::edge {
namespace {

constexpr const char* kStale = "completed already";

using Providers = ProvidersTest;

TEST_F(Providers, AreOfferedWhereThereAreSeveral) {
  const Answer page = browser_->follow(kPage);
  EXPECT_EQ(page.status, 200);
  EXPECT_FALSE(link_to(page, "corp").empty());
  EXPECT_FALSE(link_to(page, "partner").empty());
  const Answer sent = browser_->get(link_to(page, "partner"));
  EXPECT_EQ(sent.status, 302);
  EXPECT_TRUE(partner_.is_at(header_of(sent, "Location"))) << header_of(sent, "Location");
}

TEST_F(Providers, OfTheApplicationAloneAreOffered) {
  Config config = with_providers();
  config.applications[0].allowed_idps = {"partner"};
  make_site(std::move(config));
  browser_->follow(kPage);
  EXPECT_TRUE(partner_.is_at(browser_->visited().back())) << "without a choice";
  EXPECT_FALSE(link_to(browser_->follow(kOther), "corp").empty()) << "of another application";
}

TEST_F(Providers, ThatTheApplicationDoesNotHaveAreNotLedTo) {
  const std::string link = link_to(browser_->follow(kPage), "corp");
  const std::string start = link.substr(0, link.rfind("idp=") + 4);
  for (const char* name : {"cor", "CORP", "corp%20", "dev", "oidc"}) {
    const Answer answer = browser_->get(start + name);
    EXPECT_EQ(answer.status, 400) << name;
  }
  Config config = with_providers();
  config.applications[0].allowed_idps = {"partner"};
  ASSERT_TRUE(site_->configure(std::move(config)));
  EXPECT_EQ(browser_->get(start + "corp").status, 400) << "not any more";
}

TEST_F(Providers, TheOneOfLastTimeComesFirst) {
  const auto position = [](const Answer& page, const char* name) {
    return page.body.find(std::string("idp=") + name + "\"");
  };
  const Answer before = browser_->follow(kPage);
  EXPECT_LT(position(before, "corp"), position(before, "partner"));
  EXPECT_EQ(before.body.find("as last time"), std::string::npos);
  browser_->get(link_to(before, "partner"));
  const Answer after = browser_->follow(kPage);
  EXPECT_LT(position(after, "partner"), position(after, "corp"));
  EXPECT_NE(after.body.find("as last time"), std::string::npos);
  make_site(with_one_provider());
  browser_->follow(kPage);
  EXPECT_EQ(browser_->cookie("auth.localhost", "__Host-cfpipe-provider"), "") << "one is no choice";
}

TEST_F(Providers, SignPeopleInAndAreNamed) {
  EXPECT_EQ(sign_in_at(corp_, chosen(kPage, "corp"), "ann@example.com").status, 200);
  EXPECT_EQ(audit().front().login_method, "corp");
  const Answer identity = browser_->get("https://vm.localhost:8443/cdn-cgi/access/get-identity");
  EXPECT_NE(identity.body.find(R"("idp":{"id":"corp","type":"oidc"})"), std::string::npos) << identity.body;
}

TEST_F(Providers, WhatRequestsHaveMetIsToldOfEach) {
  EXPECT_TRUE(site_->providers().health().empty()) << "none has been asked";
  sign_in_at(corp_, chosen(kPage, "corp"), "ann@example.com");
  const auto health = site_->providers().health();
  ASSERT_EQ(health.count("corp"), 1u);
  EXPECT_TRUE(health.at("corp").answers);
  EXPECT_GE(health.at("corp").requests.count(), 3u) << "metadata, code and keys";
  EXPECT_EQ(health.count("partner"), 0u);
}

TEST_F(Providers, AreAskedAboutByPolicies) {
  Config config = with_providers();
  config.applications[0].policies[0].require.push_back({Rule::Kind::login_method, "corp"});
  make_site(std::move(config));
  EXPECT_EQ(sign_in_at(partner_, chosen(kPage, "partner"), "ann@example.com").status, 403);
  EXPECT_EQ(sign_in_at(corp_, chosen(kPage, "corp"), "ann@example.com").status, 200);
}

TEST_F(Providers, ASignInAtOneIsNoneAtAnApplicationOfTheOther) {
  Config config = with_providers();
  config.applications[1].allowed_idps = {"partner"};
  make_site(std::move(config));
  EXPECT_EQ(sign_in_at(corp_, chosen(kPage, "corp"), "ann@example.com").status, 200);
  browser_->follow(kOther);
  EXPECT_TRUE(partner_.is_at(browser_->visited().back()));
}

TEST_F(Providers, AConfirmationIsOfASignInThatTheApplicationTakes) {
  EXPECT_EQ(sign_in_at(corp_, chosen(kPage, "corp"), "ann@example.com").status, 200);
  const auth::TransferReceiver receiver;
  const Answer confirm = browser_->follow(cli_url(receiver.public_key()));
  ASSERT_FALSE(Browser::hidden_state(confirm).empty()) << confirm.body;
  Config config = with_providers();
  config.applications[0].allowed_idps = {"partner"};
  ASSERT_TRUE(site_->configure(std::move(config)));
  const Answer answer = browser_->post_form(confirm, "");
  EXPECT_TRUE(partner_.is_at(header_of(answer, "Location"))) << answer.status;
}

TEST_F(Providers, AnAnswerIsGoodOnce) {
  const std::string back = corp_.signs_in(chosen(kPage, "corp"), "ann@example.com");
  Request again = browser_->request("GET", back);
  EXPECT_EQ(browser_->get(back).status, 302);
  const Answer answer = browser_->send(again);
  EXPECT_EQ(answer.status, 400);
  EXPECT_NE(answer.body.find(kStale), std::string::npos);
  EXPECT_EQ(corp_.codes, 1);
}

TEST_F(Providers, AnAnswerIsGoodInTheBrowserThatAsked) {
  const std::string sent_to = chosen(kPage, "corp");
  Browser other(io_, *site_);
  EXPECT_EQ(other.get(corp_.signs_in(sent_to, "ann@example.com")).status, 400);
  EXPECT_EQ(sign_in_at(corp_, sent_to, "ann@example.com").status, 200);
}

TEST_F(Providers, TwoSignInsOfABrowserAreNotMixedUp) {
  const std::string first = chosen(kPage, "corp");
  const std::string second = chosen(kOther, "corp");
  // The number of the one, and the rest of the other.
  const std::size_t at = first.find("&state=") + 7;
  std::string mixed = second;
  const std::size_t there = mixed.find("&state=") + 7;
  mixed[there] = first[at];
  ASSERT_NE(mixed, second);
  EXPECT_EQ(browser_->get(corp_.signs_in(mixed, "ann@example.com")).status, 400);
  EXPECT_EQ(corp_.codes, 0);
  EXPECT_EQ(sign_in_at(corp_, second, "ann@example.com").status, 200);
  EXPECT_EQ(sign_in_at(corp_, first, "ann@example.com").status, 200);
}

TEST_F(Providers, OneIsNotTakenForTheOther) {
  const std::string sent_to = chosen(kPage, "corp");
  std::string back = corp_.signs_in(sent_to, "ann@example.com");
  back.replace(back.find("/callback/corp"), 14, "/callback/partner");
  const Answer answer = browser_->get(back);
  EXPECT_EQ(answer.status, 502);
  EXPECT_NE(answer.body.find("nother provider than the one that was asked"), std::string::npos)
      << answer.body;
  EXPECT_EQ(corp_.codes + partner_.codes, 0);
}

TEST_F(Providers, AnAnswerIsOfTheConfigurationThatAsked) {
  const std::string sent_to = chosen(kPage, "corp");
  corp_.on_code = [this] { ASSERT_TRUE(site_->configure(with_providers())); };
  const Answer answer = browser_->get(corp_.signs_in(sent_to, "ann@example.com"));
  EXPECT_EQ(answer.status, 400);
  EXPECT_NE(answer.body.find(kStale), std::string::npos);
  EXPECT_EQ(browser_->cookie("auth.localhost", "__Host-CF_Authorization"), "");
}

TEST_F(Providers, ARedirectToOneCountsForItsAddress) {
  Config config = with_one_provider();
  config.address_limits.logins = 2;
  make_site(std::move(config));
  const auto begin = [this] { return browser_->get(header_of(browser_->get(kPage), "Location")).status; };
  EXPECT_EQ(begin(), 302);
  EXPECT_EQ(begin(), 302);
  EXPECT_EQ(begin(), 429);
}

TEST_F(Providers, SigningOutLeadsToTheOneOfTheSignIn) {
  EXPECT_EQ(sign_in_at(partner_, chosen(kPage, "partner"), "ann@example.com").status, 200);
  const std::string out = "https://auth.localhost:8443/cdn-cgi/access/logout";
  EXPECT_TRUE(header_of(browser_->get(out), "Location").starts_with(partner_.issuer() + "/end?"));
  EXPECT_EQ(browser_->get(out).status, 200) << "whom that was of is not known any more";
  // The session may have ended first: the ID token says whose it was.
  EXPECT_EQ(sign_in_at(partner_, chosen(kPage, "partner"), "ann@example.com").status, 200);
  browser_->set_cookie("auth.localhost", "__Host-CF_Authorization", "");
  EXPECT_TRUE(header_of(browser_->get(out), "Location").starts_with(partner_.issuer() + "/end?"));
}

}  // namespace
}  // namespace cfpipe::edge
