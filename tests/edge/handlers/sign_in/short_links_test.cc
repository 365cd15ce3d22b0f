// Short links to the login page of a program.
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <set>

#include "edge/edge_fixture.h"
#include "edge/identity/login_links.h"
#include "transport/net/url.h"

namespace cfpipe::edge {
namespace {

constexpr const char* kAsk = "https://auth.localhost:8443/cdn-cgi/access/cli-link";

class ShortLinks : public SiteTest {
 protected:
  Request request(const boost::json::object& body, const std::string& peer = "192.0.2.1") {
    Request out = browser_->request("POST", kAsk);
    out.headers.emplace_back("Content-Type", "application/json");
    out.body = boost::json::serialize(body);
    out.peer = peer;
    return out;
  }
  Answer ask(const std::string& url, const std::string& peer = "192.0.2.1") {
    return browser_->send(request({{"url", url}}, peer));
  }
  static std::string link_of(const Answer& answer) {
    EXPECT_EQ(answer.status, 200) << answer.body;
    return text_of(boost::json::parse(answer.body).as_object(), "link");
  }
  std::string new_link() { return link_of(ask(cli_url(receiver_.public_key()))); }
  Answer open(const std::string& link, const std::string& peer = "192.0.2.7") {
    Request out = browser_->request("GET", link);
    out.peer = peer;
    return browser_->send(out);
  }
  bool counted(const std::string& sample) {
    return metrics_text(site_->context().counters, {}).find("\ncfpipe_edge_" + sample + "\n") !=
           std::string::npos;
  }

  auth::TransferReceiver receiver_;
};

TEST_F(ShortLinks, FitALineAndAreEasyToType) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const std::string link = new_link();
    const std::string start = "https://auth.localhost:8443/l/";
    ASSERT_TRUE(link.starts_with(start)) << link;
    const std::string code = link.substr(start.size());
    EXPECT_EQ(code.size(), kLinkCodeCharacters + 2) << code;
    EXPECT_EQ(code[4], '-');
    EXPECT_EQ(code.find_first_not_of("abcdefghjkmnpqrstuvwxyz23456789-"), std::string::npos) << code;
    EXPECT_TRUE(seen.insert(code).second);
  }
}

TEST_F(ShortLinks, LeadToTheLoginPageAsOftenAsTheyAreOpened) {
  const std::string link = new_link();
  const std::string aud = store_->keys().audience("vm.localhost").value();
  const std::string page = "https://vm.localhost:8443/cdn-cgi/access/cli?aud=" + aud +
                           "&edge_token_transfer=true&send_org_token=true&token=" +
                           transport::percent_encode(receiver_.public_key());
  for (int i = 0; i < 3; ++i) {
    const Answer answer = open(link);
    EXPECT_EQ(answer.status, 302);
    EXPECT_EQ(header_of(answer, "Location"), page);
    EXPECT_EQ(header_of(answer, "Cache-Control"), "no-store");
    EXPECT_EQ(header_of(answer, "Set-Cookie"), "");
  }
  Request head = browser_->request("HEAD", link);
  EXPECT_EQ(header_of(browser_->send(head), "Location"), page);
  EXPECT_EQ(browser_->send(browser_->request("POST", link)).status, 405);
}

TEST_F(ShortLinks, AreReadWithoutRegardToCaseAndDashes) {
  const std::string link = new_link();
  const std::string code = link.substr(link.rfind('/') + 1);
  std::string upper;
  for (const char c : code) upper += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  std::string bare = code;
  std::erase(bare, '-');
  for (const std::string& way : {"/L/" + upper, "/l/" + upper, "/L/" + code, "/l/" + bare,
                                 "/l/" + bare.substr(0, 6) + "-" + bare.substr(6)})
    EXPECT_EQ(open("https://auth.localhost:8443" + way).status, 302) << way;
}

TEST_F(ShortLinks, SignAProgramIn) {
  const Answer done = browser_->sign_in(new_link(), "ann@example.com");
  EXPECT_EQ(done.status, 200) << done.body;
  const Answer box = browser_->get("https://auth.localhost:8443/transfer/" + receiver_.public_key());
  ASSERT_EQ(box.status, 200);
  const auto tokens = receiver_.open(box.body, header_of(box, "Service-Public-Key"));
  ASSERT_TRUE(tokens);
  EXPECT_FALSE(tokens->app_token.empty() || tokens->org_token.empty());
}

TEST_F(ShortLinks, CarryWhatTheProgramAskedForAndNoMore) {
  const std::string key = transport::percent_encode(receiver_.public_key());
  const std::string page = "https://b.localhost:8443/cdn-cgi/access/cli?token=" + key;
  const std::string aud = store_->keys().audience("b.localhost").value();
  const std::string start = "https://b.localhost:8443/cdn-cgi/access/cli?aud=" + aud;
  EXPECT_EQ(header_of(open(link_of(ask(page))), "Location"),
            start + "&edge_token_transfer=true&token=" + key);
  EXPECT_EQ(
      header_of(
          open(link_of(ask(page + "&close_interstitial=true&x=%3Cscript%3E&redirect_url=https://evil/"))),
          "Location"),
      start + "&close_interstitial=true&edge_token_transfer=true&token=" + key);
}

TEST_F(ShortLinks, LeadToNoOtherPage) {
  const std::string key = transport::percent_encode(receiver_.public_key());
  const std::string aud = store_->keys().audience("vm.localhost").value();
  const std::string other = store_->keys().audience("b.localhost").value();
  const std::string cli = "/cdn-cgi/access/cli?aud=" + aud + "&token=" + key;
  ASSERT_EQ(ask("https://vm.localhost:8443" + cli).status, 200);
  for (const std::string& url : std::vector<std::string>{
           "",
           "x",
           "https://",
           "javascript:alert(1)",
           "https://evil.example" + cli,
           "https://vm.localhost.evil.example:8443" + cli,
           "https://vm.localhost:8443@evil.example" + cli,
           "https://u:p@vm.localhost:8443" + cli,
           "http://vm.localhost:8443" + cli,
           "https://vm.localhost" + cli,
           "https://vm.localhost:9" + cli,
           "https://c.localhost:8443" + cli,
           "https://auth.localhost:8443" + cli,
           "https://vm.localhost:8443\r\nX: y" + cli,
           "https://vm.localhost:8443//evil.example" + cli,
           "https://vm.localhost:8443/cdn-cgi/access/../access/cli?aud=" + aud + "&token=" + key,
           "https://vm.localhost:8443/cdn-cgi/access/cli/?aud=" + aud + "&token=" + key,
           "https://vm.localhost:8443/cdn-cgi/access/logout?aud=" + aud + "&token=" + key,
           "https://vm.localhost:8443/cdn-cgi/access/%63li?aud=" + aud + "&token=" + key,
           "https://vm.localhost:8443/?aud=" + aud + "&token=" + key,
           "https://vm.localhost:8443/cdn-cgi/access/cli",
           "https://vm.localhost:8443/cdn-cgi/access/cli?aud=" + aud,
           "https://vm.localhost:8443/cdn-cgi/access/cli?aud=" + aud + "&token=short",
           "https://vm.localhost:8443/cdn-cgi/access/cli?aud=" + aud + "&token=&token=" + key,
           "https://vm.localhost:8443/cdn-cgi/access/cli?aud=" + other + "&token=" + key,
           "https://vm.localhost:8443/cdn-cgi/access/cli?aud=none&token=" + key}) {
    const Answer answer = ask(url);
    EXPECT_EQ(answer.status, 400) << url;
    EXPECT_EQ(answer.body.find("link\":"), std::string::npos) << url;
  }
  EXPECT_EQ(store_->pending().put("link", "one", "v", now_ + 1, now_).value(), true);
}

TEST_F(ShortLinks, LeadToNoHostThatAnApplicationOnlySeemsToCover) {
  Config config = two_applications(dir_ / "state");
  config.applications[0].hostname = "*.localhost";
  config.transfer_hosts = {"transfer.localhost"};
  make_site(config);
  const std::string page =
      ":8443/cdn-cgi/access/cli?token=" + transport::percent_encode(receiver_.public_key());
  EXPECT_EQ(ask("https://any.localhost" + page).status, 200);
  EXPECT_EQ(ask("https://auth.localhost" + page).status, 400);
  EXPECT_EQ(ask("https://transfer.localhost" + page).status, 400);
}

TEST_F(ShortLinks, AreAskedForInJson) {
  Request typed = request({{"url", cli_url(receiver_.public_key())}});
  ASSERT_EQ(browser_->send(typed).status, 200);
  Request form = typed;
  form.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  EXPECT_EQ(browser_->send(form).status, 415);
  Request broken = typed;
  for (const char* body : {"", "[]", "{", "{}", R"({"url":7})", R"({"url":"a","url":"b"})"}) {
    broken.body = body;
    EXPECT_EQ(browser_->send(broken).status, 400) << body;
  }
  Request large = typed;
  large.body.append(kMaxLinkRequestBytes + 1 - large.body.size(), ' ');
  EXPECT_EQ(browser_->send(large).status, 413);
  large.body.pop_back();
  EXPECT_EQ(browser_->send(large).status, 200);
  EXPECT_EQ(browser_->get(kAsk).status, 405);
  EXPECT_TRUE(site_->router().reads_body(typed));
}

TEST_F(ShortLinks, EndWithTheLogin) {
  const std::string usual = new_link();
  const std::string url = cli_url(receiver_.public_key());
  const std::string brief = link_of(browser_->send(request({{"url", url}, {"seconds", 90}})));
  const std::string longer = link_of(browser_->send(request({{"url", url}, {"seconds", 1'000'000}})));
  const std::string negative = link_of(browser_->send(request({{"url", url}, {"seconds", -1}})));
  now_ += 89;
  EXPECT_EQ(open(brief).status, 302);
  now_ += 1;
  EXPECT_EQ(open(brief).status, 404);
  now_ += kMaxLinkSeconds - 91;
  for (const auto& link : {usual, longer, negative}) EXPECT_EQ(open(link).status, 302);
  now_ += 1;
  for (const auto& link : {usual, longer, negative}) {
    const Answer answer = open(link);
    EXPECT_EQ(answer.status, 404);
    EXPECT_NE(answer.body.find("Run the command again"), std::string::npos) << answer.body;
  }
}

TEST_F(ShortLinks, OutliveARestart) {
  const std::string link = new_link();
  const std::string before = header_of(open(link), "Location");
  make_site(two_applications(dir_ / "state"));
  EXPECT_EQ(header_of(open(link), "Location"), before);
}

TEST_F(ShortLinks, EndWithTheirApplication) {
  const std::string link = new_link();
  Config config = two_applications(dir_ / "state");
  config.applications.erase(config.applications.begin());
  ASSERT_TRUE(site_->configure(config));
  EXPECT_EQ(open(link).status, 404);
}

TEST_F(ShortLinks, AreKeptUnderADigest) {
  const std::string link = new_link();
  std::string code = link.substr(link.rfind('/') + 1);
  std::erase(code, '-');
  EXPECT_FALSE(store_->pending().find("link", code, now_).value());
  EXPECT_TRUE(store_->pending().find("link", hex(sha256(code)), now_).value());
}

TEST_F(ShortLinks, OfOneAddressLeaveRoomForOthers) {
  const std::string url = cli_url(receiver_.public_key());
  for (std::size_t i = 0; i < kMaxLinksOfAddress; ++i)
    ASSERT_EQ(ask(url, "2001:db8::" + std::to_string(i)).status, 200) << i;
  EXPECT_EQ(ask(url, "2001:db8::ffff").status, 429) << "the same network";
  EXPECT_TRUE(counted("limited_total{limit=\"links\"} 1"));
  EXPECT_EQ(ask(url, "2001:db8:0:1::1").status, 200);
  EXPECT_EQ(ask(url, "192.0.2.2").status, 200);
  now_ += kMaxLinkSeconds;
  EXPECT_EQ(ask(url, "2001:db8::ffff").status, 200);
}

TEST_F(ShortLinks, InAllAreBounded) {
  for (std::int64_t i = 0; i < kMaxPending; ++i)
    ASSERT_TRUE(store_->pending().put("link", std::to_string(i), "v", now_ + 60, now_).value());
  EXPECT_EQ(ask(cli_url(receiver_.public_key())).status, 429) << "another process has filled the store";
  now_ += 60;
  EXPECT_EQ(ask(cli_url(receiver_.public_key())).status, 200);
  EXPECT_GE(static_cast<std::size_t>(kMaxPending), 32 * kMaxLinksOfAddress);
}

TEST_F(ShortLinks, ThatAreUnknownAreLimitedByAddress) {
  const std::string link = new_link();
  const std::string base = "https://auth.localhost:8443/l/";
  for (std::size_t i = 0; i < kMaxUnknownLinks; ++i) {
    const char* wrong[] = {"aaaa-aaaa-aaaa", "", "x", "aaaa-aaaa-aaa1", "%2e%2e", "aaaa-aaaa-aaaa/.."};
    ASSERT_EQ(open(base + wrong[i % std::size(wrong)], "2001:db8::1").status, 404) << i;
  }
  const Answer refused = open(base + "aaaa-aaaa-aaaa", "2001:db8::2");
  EXPECT_EQ(refused.status, 429) << "the same network";
  EXPECT_EQ(header_of(refused, "Retry-After"), "1");
  EXPECT_NE(refused.body.find("2001:db8::2"), std::string::npos);
  EXPECT_TRUE(counted("limited_total{limit=\"unknown_links\"} 1"));
  EXPECT_EQ(open(link, "2001:db8::1").status, 429) << "the answer does not tell a right guess";
  EXPECT_EQ(open(link, "192.0.2.2").status, 302);
  now_ += 1;
  EXPECT_EQ(open(link, "2001:db8::1").status, 302);
  EXPECT_EQ(open(link, "2001:db8::1").status, 302) << "a known one costs nothing";
}

TEST_F(ShortLinks, AreAtTheAuthDomainAlone) {
  const std::string link = new_link();
  const std::string path = link.substr(link.find("/l/"));
  EXPECT_NE(header_of(open("https://vm.localhost:8443" + path), "Location").find("/cdn-cgi/access/login/"),
            std::string::npos)
      << "a path of the application like any other";
  EXPECT_EQ(
      browser_->send(browser_->request("POST", "https://vm.localhost:8443/cdn-cgi/access/cli-link")).status,
      405);
}

}  // namespace
}  // namespace cfpipe::edge
