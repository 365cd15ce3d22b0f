// Who gets the terminal's page, and who may open a terminal.
#include "edge/edge_fixture.h"
#include "edge/http/terminal_bundle.h"
#include "edge/terminal/grant.h"
#include "edge/tunnel/origin.h"

namespace cfpipe::edge {
namespace {

constexpr const char* kTerminalPage = "https://vm.localhost:8443/";
constexpr const char* kSocket = "https://vm.localhost:8443/cdn-cgi/access/terminal";
constexpr const char* kOwnOrigin = "https://vm.localhost:8443";

class Nowhere final : public TunnelTarget {
 public:
  boost::asio::awaitable<Connected> connect(const TunnelGrant&, SharedRequest,
                                            const ConnectionEnds&) override {
    co_return Answer();
  }
};

class TerminalSite : public SiteTest {
 protected:
  void SetUp() override {
    SiteTest::SetUp();
    configure([](ApplicationConfig&) {});
  }
  template <class Change>
  void configure(Change change) {
    Config config = two_applications(dir_ / "state");
    config.applications[0].browser_terminal = true;
    change(config.applications[0]);
    make_site(std::move(config));
    site_->terminals().use(std::make_shared<Nowhere>());
  }
  /// What an upgrade gets that says it comes from a page of `origin`; empty: of none.
  std::variant<TunnelGrant, Answer> open(const std::string& origin, const std::string& query = {}) {
    Request request = browser_->request("GET", kSocket + query);
    if (!origin.empty()) request.headers.emplace_back("Origin", origin);
    return site_->router().upgrade(request);
  }
  int status(const std::string& origin) {
    const auto answer = open(origin);
    return std::holds_alternative<Answer>(answer) ? std::get<Answer>(answer).status : 101;
  }
};

TEST_F(TerminalSite, ShowsThePageToWhoHasSignedIn) {
  EXPECT_EQ(browser_->get(kTerminalPage).status, 302);
  const Answer page = browser_->sign_in(kTerminalPage, "ann@example.com");
  EXPECT_EQ(page.status, 200);
  EXPECT_NE(page.body.find("data-user=\"ann\" data-users=\"ann\""), std::string::npos) << page.body;
  const Answer other = browser_->sign_in("https://b.localhost:8443/", "ann@example.com");
  EXPECT_EQ(other.body.find("data-user"), std::string::npos) << "this application has none";
}

TEST_F(TerminalSite, LeadsToTheServerOfTheHost) {
  configure([](ApplicationConfig& app) {
    app.hostname = "*.localhost";
    app.origin_host = Host::parse("*.internal", Wildcards::allowed).value();
  });
  browser_->sign_in(kTerminalPage, "ann@example.com");
  const auto opened = open(kOwnOrigin);
  const auto* grant = std::get_if<TunnelGrant>(&opened);
  ASSERT_NE(grant, nullptr) << std::get<Answer>(opened).body;
  EXPECT_EQ(grant->origin->text(), "vm.internal:22");
}

TEST_F(TerminalSite, AllowsThePageItsOwnFilesAndNothingElse) {
  const Answer page = browser_->sign_in(kTerminalPage, "ann@example.com");
  const std::string policy = header_of(page, "Content-Security-Policy");
  for (const char* part : {"default-src 'none'", "script-src 'self'", "connect-src 'self'",
                           "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"})
    EXPECT_NE((policy + ";").find(std::string(part) + ";"), std::string::npos) << part << " in " << policy;
  EXPECT_EQ(policy.find("unsafe"), std::string::npos) << policy;
  EXPECT_EQ(policy.find("http"), std::string::npos) << "a third party: " << policy;
  EXPECT_EQ(header_of(page, "X-Frame-Options"), "DENY");
  EXPECT_EQ(page.body.find("http"), std::string::npos) << "nothing comes from elsewhere";
  // Its scripts are files, and its styles that are not show a nonce of this one answer.
  const auto nonce = [](const Answer& answer) {
    const std::string mark = "<style nonce=\"";
    const auto at = answer.body.find(mark) + mark.size();
    return answer.body.substr(at, answer.body.find('"', at) - at);
  };
  EXPECT_EQ(nonce(page).size(), 22u);
  EXPECT_NE(policy.find("'nonce-" + nonce(page) + "'"), std::string::npos);
  EXPECT_NE(nonce(page), nonce(browser_->get(kTerminalPage)));
}

TEST_F(TerminalSite, OpensOneForItsOwnPageAlone) {
  EXPECT_EQ(status(kOwnOrigin), 302) << "no user has signed in";
  browser_->sign_in(kTerminalPage, "ann@example.com");
  EXPECT_EQ(status(kOwnOrigin), 101);
  EXPECT_EQ(status(""), 403);
  EXPECT_EQ(status("null"), 403);
  EXPECT_EQ(status("https://b.localhost:8443"), 403);
  EXPECT_EQ(status("https://vm.localhost"), 403) << "another port";
  EXPECT_EQ(status("http://vm.localhost:8443"), 403);
}

TEST_F(TerminalSite, GrantsWhatTheApplicationSays) {
  configure([](ApplicationConfig& app) {
    app.certificates->literals = {"deploy"};
    app.session_limit = std::chrono::hours(1);
    app.host_keys = {"ssh-ed25519 AAAA"};
  });
  browser_->sign_in(kTerminalPage, "ann@example.com");
  const auto answer = open(kOwnOrigin, "?session=abc");
  ASSERT_TRUE(std::holds_alternative<TunnelGrant>(answer));
  const auto& grant = std::get<TunnelGrant>(answer);
  ASSERT_TRUE(grant.target && grant.terminal);
  EXPECT_EQ(grant.terminal->users, (std::vector<std::string>{"ann", "deploy"}));
  EXPECT_TRUE(grant.terminal->certified);
  EXPECT_EQ(grant.terminal->session, "abc");
  EXPECT_EQ(grant.terminal->host_keys, std::vector<std::string>{"ssh-ed25519 AAAA"});
  EXPECT_EQ(grant.terminal->until, now_ + 3600) << "which is before the sign-in ends";
}

TEST_F(TerminalSite, IsNotThereForOtherApplications) {
  browser_->sign_in("https://b.localhost:8443/", "ann@example.com");
  Request request = browser_->request("GET", "https://b.localhost:8443/cdn-cgi/access/terminal");
  request.headers.emplace_back("Origin", "https://b.localhost:8443");
  const auto answer = site_->router().upgrade(request);
  ASSERT_TRUE(std::holds_alternative<Answer>(answer));
  EXPECT_EQ(std::get<Answer>(answer).status, 404);
}

TEST_F(TerminalSite, BelievesTheHostKeyThatItSawFirst) {
  browser_->sign_in(kTerminalPage, "ann@example.com");
  const auto answer = open(kOwnOrigin);
  const auto& grant = std::get<TunnelGrant>(answer);
  const std::string key = auth::SshKey::generate(auth::KeyType::ed25519).authorized_key();
  const std::string other = auth::SshKey::generate(auth::KeyType::ed25519).authorized_key();
  const Request request = browser_->request("GET", kSocket);
  EXPECT_EQ(site_->terminals().known_host_key(grant).value(), "");
  EXPECT_TRUE(site_->terminals().trust_host_key(grant, request, key));
  EXPECT_FALSE(site_->terminals().trust_host_key(grant, request, other)) << "another session was first";
  EXPECT_EQ(site_->terminals().known_host_key(grant).value(), key);
  TunnelGrant moved = grant;
  moved.origin = std::make_shared<TcpOrigin>("vm.localhost", transport::host_of("127.0.0.1"), 2222);
  EXPECT_EQ(site_->terminals().known_host_key(moved).value(), "") << "another server has another key";
  EXPECT_FALSE(site_->terminals().trust_host_key(grant, request, "no key"));
}

TEST_F(TerminalSite, GivesItsScriptCompressedAndForGood) {
  if (!has_terminal()) GTEST_SKIP() << "built without the terminal";
  const auto file = terminal_file("terminal.js");
  ASSERT_TRUE(file);
  const std::string url =
      "https://vm.localhost:8443/cdn-cgi/access/terminal.js?v=" + std::string(file->version);
  Answer answer = browser_->get(url);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.content().size(), file->plain.size());
  EXPECT_NE(header_of(answer, "Cache-Control").find("immutable"), std::string::npos);
  Request request = browser_->request("GET", url);
  request.headers.emplace_back("Accept-Encoding", "gzip, br");
  answer = browser_->send(request);
  EXPECT_EQ(header_of(answer, "Content-Encoding"), "gzip");
  EXPECT_EQ(answer.content().size(), file->gzip.size());
  EXPECT_LT(file->gzip.size() * 3, file->plain.size());
  answer = browser_->get("https://vm.localhost:8443/cdn-cgi/access/terminal.js?v=old");
  EXPECT_EQ(header_of(answer, "Cache-Control"), "no-store") << "an address that may yet mean something else";
}

}  // namespace
}  // namespace cfpipe::edge
