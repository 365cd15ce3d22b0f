// What a browser is shown at an application: its one page, and how it goes on from a refusal.
#include "edge/edge_fixture.h"
#include "edge/identity/service_tokens.h"

namespace cfpipe::edge {
namespace {

constexpr const char* kFrontPage = "https://vm.localhost:8443";

class FrontPage : public SiteTest {
 protected:
  template <class Change>
  void configure(Change change) {
    Config config = two_applications(dir_ / "state");
    change(config);
    make_site(std::move(config));
  }
  Answer get(const std::string& path) { return browser_->get(kFrontPage + path); }
  /// The address behind the page's button.
  static std::string button(const Answer& page) {
    const std::string mark = "class=\"button\" href=\"";
    const auto at = page.body.find(mark);
    if (at == std::string::npos) return {};
    const auto begin = at + mark.size();
    return page.body.substr(begin, page.body.find('"', begin) - begin);
  }
  /// Clicked on the page of that host; the answer behind all redirects.
  Answer click(const Answer& page, const std::string& host) {
    Request request = browser_->request("GET", "https://" + host + ":8443" + button(page));
    request.headers.emplace_back("Sec-Fetch-Site", "same-origin");
    const Answer answer = browser_->send(request);
    return answer.status == 302 ? browser_->follow(header_of(answer, "Location")) : answer;
  }
};

TEST_F(FrontPage, IsAtOnePathAndAllOthersAreNotFound) {
  for (const bool terminal : {false, true}) {
    configure([terminal](Config& config) { config.applications[0].browser_terminal = terminal; });
    EXPECT_EQ(get("/nope").status, 302) << "who has not signed in learns nothing";
    ASSERT_EQ(browser_->sign_in(std::string(kFrontPage) + "/?x=1", "ann@example.com").status, 200);
    EXPECT_EQ(browser_->visited().back(), std::string(kFrontPage) + "/?x=1") << "a reload is the same page";
    for (const char* path : {"/nope", "/nope?x=1", "/favicon.ico", "//", "/index.html", "/%2f", "/cdn-cgi"}) {
      const Answer page = get(path);
      EXPECT_EQ(page.status, 404) << path;
      EXPECT_EQ(page.body.find("data-user"), std::string::npos) << path;
      EXPECT_EQ(button(page), "/") << path;
    }
    EXPECT_EQ(get("/").body.find("data-user") != std::string::npos, terminal);
    const char* link = "href=\"https://auth.localhost:8443/#my-applications\"";
    EXPECT_EQ(get("/").body.find(link) != std::string::npos, !terminal);
  }
  EXPECT_EQ(button(browser_->get("https://auth.localhost:8443/nope")), "/");
}

TEST_F(FrontPage, IsOneAmongManyPathsOfTheTunnel) {
  browser_->sign_in(std::string(kFrontPage) + "/", "ann@example.com");
  const auto opened = site_->router().upgrade(browser_->request("GET", std::string(kFrontPage) + "/nope"));
  EXPECT_TRUE(std::holds_alternative<TunnelGrant>(opened));
  Request request = browser_->request("HEAD", std::string(kFrontPage) + "/nope");
  request.headers.emplace_back("Cf-Access-Metadata-Request", "true");
  EXPECT_NE(header_of(browser_->send(request), "Cf-Access-Metadata"), "") << "clients may name any path";
}

TEST_F(FrontPage, IsNotNeededForTheTokenOfAServiceToken) {
  const auto made =
      ServiceTokens(store_->service_tokens()).create("deploy", std::chrono::hours(1), now_).value();
  configure([](Config& config) {
    config.applications[0].policies.push_back(
        {"programs", Decision::service_auth, {{Rule::Kind::any_valid_service_token}}, {}, {}});
  });
  Request request = browser_->request("HEAD", std::string(kFrontPage) + "/team/x");
  request.headers.emplace_back("Cf-Access-Client-Id", made->client_id);
  request.headers.emplace_back("Cf-Access-Client-Secret", made->secret.reveal());
  const Answer answer = browser_->send(request);
  EXPECT_EQ(answer.status, 404);
  EXPECT_NE(browser_->cookie("vm.localhost", "CF_Authorization"), "");
}

TEST_F(FrontPage, SaysHowTheApplicationIsReached) {
  const auto shown = [this] {
    return browser_->sign_in(std::string(kFrontPage) + "/", "ann@example.com").body;
  };
  const auto says = [](const std::string& page, const char* text) {
    return page.find(text) != std::string::npos;
  };
  std::string page = shown();
  EXPECT_TRUE(says(page, "You are signed in as ann@example.com.")) << page;
  EXPECT_TRUE(says(page,
                   "<code>cfpipe access ssh-config --install --hostname vm.localhost:8443 "
                   "--short-lived-cert --auth-domain auth.localhost</code>"))
      << page;
  EXPECT_TRUE(says(page, "ssh vm.localhost"));
  EXPECT_TRUE(says(page, "href=\"/cdn-cgi/access/logout\""));
  configure([](Config& config) {
    config.applications[0].ssh = false;
    config.applications[0].certificates.reset();
    config.applications[0].origin_port = 5432;
  });
  page = shown();
  EXPECT_TRUE(says(page,
                   "<code>cfpipe access tcp --hostname vm.localhost:8443 --url 127.0.0.1:5432 "
                   "--auth-domain auth.localhost</code>"))
      << page;
  EXPECT_FALSE(says(page, "ssh")) << page;
  configure([](Config& config) {
    config.applications[0].ssh = false;
    config.applications[0].origin_port = 389;
  });
  EXPECT_TRUE(says(shown(), "127.0.0.1:10022")) << "a port that anybody may listen at";
}

TEST_F(FrontPage, OfARefusalSignsInAnotherUserAndComesBack) {
  const Answer denied = browser_->sign_in(std::string(kFrontPage) + "/?x=1", "mallory@example.com");
  ASSERT_EQ(denied.status, 403);
  ASSERT_TRUE(button(denied).starts_with("/cdn-cgi/access/logout?return=")) << denied.body;
  const Answer form = click(denied, "auth.localhost");
  EXPECT_NE(form.body.find("id=\"email\""), std::string::npos) << form.body;
  const Answer posted = browser_->post_form(form, "ann@example.com");
  EXPECT_EQ(browser_->follow(header_of(posted, "Location")).status, 200);
  EXPECT_EQ(browser_->visited().back(), std::string(kFrontPage) + "/?x=1");
}

TEST_F(FrontPage, OfALaterRefusalEndsTheSessionToo) {
  browser_->sign_in(std::string(kFrontPage) + "/", "ann@example.com");
  Config config = two_applications(dir_ / "state");
  config.applications[0].policies[0].exclude.push_back({Rule::Kind::email, "ann@example.com"});
  ASSERT_TRUE(site_->configure(std::move(config)));
  const Answer denied = get("/some/path");
  ASSERT_EQ(denied.status, 403);
  const Answer form = click(denied, "vm.localhost");
  EXPECT_NE(form.body.find("id=\"email\""), std::string::npos) << form.body;
  EXPECT_EQ(audit().back().kind, "revoke") << "the session has ended";
  const Answer posted = browser_->post_form(form, "bob@example.com");
  EXPECT_EQ(browser_->follow(header_of(posted, "Location")).status, 404) << "the path that was asked for";
  EXPECT_EQ(browser_->visited().back(), std::string(kFrontPage) + "/some/path");
}

TEST_F(FrontPage, OfARefusedProgramLeadsToTheApplication) {
  const auth::TransferReceiver receiver;
  const Answer denied = browser_->sign_in(cli_url(receiver.public_key()), "mallory@example.com");
  ASSERT_EQ(denied.status, 403);
  const Answer form = click(denied, "auth.localhost");
  EXPECT_EQ(form.body.find("program"), std::string::npos) << "that program has been refused already";
  const Answer posted = browser_->post_form(form, "ann@example.com");
  browser_->follow(header_of(posted, "Location"));
  EXPECT_EQ(browser_->visited().back(), std::string(kFrontPage) + "/");
}

TEST_F(FrontPage, OfASignOutLeadsNowhereThatThisEdgeHasNotSaid) {
  const Answer denied = browser_->sign_in(std::string(kFrontPage) + "/", "mallory@example.com");
  const std::string link = button(denied);
  const std::string prefix = link.substr(0, link.find('=') + 1);
  const std::string note = link.substr(prefix.size());
  for (const std::string& forged : {std::string("https%3A%2F%2Fevil.test%2F"), note.substr(1), note + "x"}) {
    const Answer answer = browser_->get("https://auth.localhost:8443" + prefix + forged);
    EXPECT_EQ(answer.status, 200) << forged;
    EXPECT_NE(answer.body.find("This browser is signed out."), std::string::npos);
    EXPECT_EQ(button(answer), "/");
  }
  EXPECT_EQ(browser_->get("https://auth.localhost:8443" + link).status, 302);
  now_ += 24 * 3600;
  EXPECT_EQ(browser_->get("https://auth.localhost:8443" + link).status, 200) << "too old";
}

TEST_F(FrontPage, OfASignOutKeepsTheWayBackWhileItAsks) {
  const Answer denied = browser_->sign_in(std::string(kFrontPage) + "/", "mallory@example.com");
  browser_->sign_in("https://b.localhost:8443/", "ann@example.com");
  Request request = browser_->request("GET", "https://auth.localhost:8443" + button(denied));
  request.headers.emplace_back("Sec-Fetch-Site", "same-site");
  const Answer asked = browser_->send(request);
  EXPECT_EQ(asked.status, 200);
  EXPECT_EQ(button(asked), button(denied));
  EXPECT_NE(click(asked, "auth.localhost").body.find("id=\"email\""), std::string::npos);
}

TEST_F(FrontPage, OfAGrantedLoginSaysWhatForAndHowLong) {
  const auth::TransferReceiver receiver;
  const Answer page = browser_->sign_in(cli_url(receiver.public_key()), "ann@example.com");
  ASSERT_EQ(page.status, 200);
  for (const char* text :
       {"You are signed in to vm.localhost as ann@example.com, and so is the program that asked.",
        "vm.localhost, until 2027-01-16 08:00:00 UTC", "every other application of this team",
        "href=\"https://auth.localhost:8443/#my-sessions\""})
    EXPECT_NE(page.body.find(text), std::string::npos) << text << " in " << page.body;
  std::string url = cli_url(auth::TransferReceiver().public_key());
  url.replace(url.find("send_org_token=true"), 19, "send_org_token=false");
  const Answer one = browser_->follow(header_of(browser_->post_form(browser_->follow(url), ""), "Location"));
  EXPECT_NE(one.body.find("and so is the program"), std::string::npos) << one.body;
  EXPECT_EQ(one.body.find("every other application"), std::string::npos);
}

}  // namespace
}  // namespace cfpipe::edge
