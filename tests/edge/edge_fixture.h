#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "auth/token/jwt.h"
#include "auth/token/sealed_box.h"
#include "base/text.h"
#include "edge/handlers/handlers.h"
#include "edge/store/sqlite_store.h"
#include "support/hosts.h"
#include "support/temp_dir.h"

namespace cfpipe::edge {

/// Two applications of one team on port 8443; ann, of example.com, may reach both.
inline Config two_applications(const std::string& state_dir) {
  Config config;
  config.listen = Listener(boost::asio::ip::address_v4::loopback(), 0);
  config.auth_host = "auth.localhost";
  config.public_port = 8443;
  config.state_dir = state_dir;
  config.identity_provider = IdentityProvider::dev;
  config.dev_email = "ann@example.com";
  for (const char* host : {"vm.localhost", "b.localhost"}) {
    ApplicationConfig app;
    app.hostname = host;
    app.origin_host = transport::host_of("127.0.0.1");
    app.certificates.emplace();
    Policy policy;
    policy.name = "all";
    policy.include.push_back({Rule::Kind::email_domain, "example.com"});
    policy.exclude.push_back({Rule::Kind::email, "mallory@example.com"});
    app.policies.push_back(policy);
    config.applications.push_back(app);
  }
  return config;
}

inline std::string header_of(const Answer& answer, std::string_view name) {
  for (const auto& [key, value] : answer.headers)
    if (same_text(key, name)) return value;
  return {};
}

/// A browser with a cookie jar, talking to the site without a network.
class Browser {
 public:
  Browser(boost::asio::io_context& io, Handlers& site) : io_(io), site_(site) {}

  Request request(const std::string& method, const std::string& url) const {
    Request out;
    out.method = method;
    std::string rest = url.substr(std::string("https://").size());
    const std::size_t end = std::min(rest.find_first_of("/?"), rest.size());
    out.authority = rest.substr(0, end);
    out.host = out.authority.substr(0, out.authority.find(':'));
    rest.erase(0, end);
    const std::size_t question = rest.find('?');
    out.path = rest.substr(0, question);
    if (question != std::string::npos) out.query = rest.substr(question + 1);
    out.peer = "127.0.0.1";
    out.ray = "ray-1";
    out.headers.emplace_back("User-Agent",
                             "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0");
    std::string cookies;
    if (const auto found = jar_.find(out.host); found != jar_.end())
      for (const auto& [name, value] : found->second)
        cookies += (cookies.empty() ? "" : "; ") + name + "=" + value;
    if (!cookies.empty()) out.headers.emplace_back("Cookie", cookies);
    return out;
  }

  /// Sends as it is and keeps the cookies of the answer.
  Answer send(const Request& request) {
    std::optional<Answer> answer;
    boost::asio::co_spawn(io_, site_.router().handle(request),
                          [&](const std::exception_ptr& error, Answer got) {
                            if (error) std::rethrow_exception(error);
                            answer = std::move(got);
                          });
    io_.restart();
    while (!answer && io_.run_one() > 0) {
    }
    keep_cookies(request.host, *answer);
    return *answer;
  }

  Answer get(const std::string& url) { return send(request("GET", url)); }
  /// Follows redirects to the first answer that is none.
  Answer follow(std::string url) {
    for (int hop = 0; hop < 10; ++hop) {
      const Answer answer = get(url);
      if (answer.status != 302) return answer;
      url = header_of(answer, "Location");
      visited_.push_back(url);
    }
    ADD_FAILURE() << "redirected in circles";
    return {};
  }
  /// Posts the form of a sign-in or confirmation page.
  Answer post_form(const Answer& page, const std::string& email) {
    Request out = form(page, email);
    return send(out);
  }
  Request form(const Answer& page, const std::string& email) const {
    Request out = request("POST", "https://auth.localhost:8443/cdn-cgi/access/callback");
    out.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
    out.headers.emplace_back("Origin", "https://auth.localhost:8443");
    out.body = "state=" + hidden_state(page);
    if (!email.empty()) out.body += "&email=" + transport_escape(email);
    return out;
  }
  static std::string hidden_state(const Answer& page) {
    const std::string mark = "name=\"state\" value=\"";
    const std::size_t start = page.body.find(mark);
    if (start == std::string::npos) return {};
    return page.body.substr(start + mark.size(),
                            page.body.find('"', start + mark.size()) - start - mark.size());
  }
  static std::string transport_escape(const std::string& text) {
    std::string out;
    for (const char c : text) {
      out += "%";
      out += hex(std::string(1, c));
    }
    return out;
  }
  /// Signs in from a URL of an application: the last answer of the walk.
  Answer sign_in(const std::string& url, const std::string& email) {
    const Answer page = follow(url);
    if (hidden_state(page).empty()) return page;
    const Answer posted = post_form(page, email);
    if (posted.status != 302) return posted;
    return follow(header_of(posted, "Location"));
  }

  std::string cookie(const std::string& host, const std::string& name) { return jar_[host][name]; }
  void set_cookie(const std::string& host, const std::string& name, const std::string& value) {
    jar_[host][name] = value;
  }
  const std::vector<std::string>& visited() const { return visited_; }

 private:
  void keep_cookies(const std::string& host, const Answer& answer) {
    for (const auto& [key, value] : answer.headers) {
      if (key != "Set-Cookie") continue;
      const std::size_t equals = value.find('=');
      const std::string name = value.substr(0, equals);
      const std::string content = value.substr(equals + 1, value.find(';') - equals - 1);
      if (content.empty()) {
        jar_[host].erase(name);
      } else {
        jar_[host][name] = content;
      }
    }
  }

  boost::asio::io_context& io_;
  Handlers& site_;
  std::map<std::string, std::map<std::string, std::string>> jar_;
  std::vector<std::string> visited_;
};

/// What a program does with an org token, as the public client does it: HEAD throughout, cookies given by
/// hand. The URL of the exchange's end, and the session that it needs.
struct ExchangeEnd {
  std::string url;
  std::string session;
};
inline ExchangeEnd walk_to_authorized(Browser& browser, const std::string& org) {
  ExchangeEnd end{"https://b.localhost:8443/", {}};
  for (int hop = 0; hop < 5; ++hop) {
    Request request = browser.request("HEAD", end.url);
    if (request.path.find("/cdn-cgi/access/authorized") != std::string::npos) return end;
    request.headers.clear();
    if (request.path.find("/cdn-cgi/access/login") != std::string::npos)
      request.headers.emplace_back("Cookie", "CF_Authorization=" + org);
    const Answer answer = browser.send(request);
    const std::string session = browser.cookie("b.localhost", "CF_AppSession");
    if (!session.empty()) end.session = session;
    if (answer.status != 302) return {};
    end.url = header_of(answer, "Location");
  }
  return {};
}
/// The app token of that walk, or nothing.
inline std::string exchanged(Browser& browser, const std::string& org, bool send_session = true) {
  const ExchangeEnd end = walk_to_authorized(browser, org);
  if (end.url.empty()) return {};
  Request last = browser.request("HEAD", end.url);
  last.headers.clear();
  if (send_session) last.headers.emplace_back("Cookie", "CF_AppSession=" + end.session);
  const std::string cookie = header_of(browser.send(last), "Set-Cookie");
  if (!cookie.starts_with("CF_Authorization=")) return {};
  return cookie.substr(cookie.find('=') + 1, cookie.find(';') - cookie.find('=') - 1);
}

class SiteTest : public ::testing::Test {
 protected:
  void SetUp() override {
    store_ = open_sqlite_store(dir_ / "state").value();
    make_site(two_applications(dir_ / "state"));
  }
  void make_site(Config config) {
    browser_.reset();
    site_ = Handlers::make(
                io_.get_executor(), std::move(config), *store_, [this] { return now_; },
                std::chrono::milliseconds(20))
                .value();
    browser_ = std::make_unique<Browser>(io_, *site_);
  }
  /// The URL that a client opens for a login, as the public client writes it.
  std::string cli_url(const std::string& key, const std::string& host = "vm.localhost") {
    const std::string aud = store_->keys().audience(host).value();
    const std::string redirect = "https://" + host + ":8443?aud=" + aud + "&token=" + key;
    return "https://" + host + ":8443/cdn-cgi/access/cli?aud=" + aud +
           "&edge_token_transfer=true&redirect_url=" + Browser::transport_escape(redirect) +
           "&send_org_token=true&token=" + Browser::transport_escape(key);
  }
  /// A whole login of a program; its tokens.
  auth::TransferredTokens program_login(const std::string& email = "ann@example.com") {
    const auth::TransferReceiver receiver;
    const Answer done = browser_->sign_in(cli_url(receiver.public_key()), email);
    EXPECT_EQ(done.status, 200) << done.body;
    const Answer box = browser_->get("https://auth.localhost:8443/transfer/" + receiver.public_key());
    EXPECT_EQ(box.status, 200);
    return receiver.open(box.body, header_of(box, "Service-Public-Key")).value();
  }
  std::vector<AuditRow> audit() {
    std::vector<AuditRow> rows;
    EXPECT_TRUE(store_->audit().read(0, [&](const AuditRow& row) {
      rows.push_back(row);
      return true;
    }));
    return rows;
  }

  TempDir dir_;
  boost::asio::io_context io_;
  std::int64_t now_ = 1'800'000'000;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Handlers> site_;
  std::unique_ptr<Browser> browser_;
};

}  // namespace cfpipe::edge
