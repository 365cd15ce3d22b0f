#pragma once

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <memory>
#include <string>
#include <vector>

#include "edge/tunnels_fixture.h"

namespace cfpipe::edge {
namespace json = boost::json;

inline constexpr const char* kAuth = "https://auth.localhost:8443";
inline constexpr const char* kApi = "https://auth.localhost:8443/cdn-cgi/access/api/v1/";

class DashboardTest : public TunnelsTest {
 protected:
  void SetUp() override {
    TunnelsTest::SetUp();
    Config config = two_applications(dir_ / "state");
    config.administrators.emplace();
    config.administrators->include.push_back({Rule::Kind::email, "root@example.com"});
    make_site(std::move(config));
  }
  void sign_in(const std::string& email) {
    browser_ = std::make_unique<Browser>(io_, *site_);
    ASSERT_EQ(browser_->sign_in(std::string(kAuth) + "/", email).status, 200);
  }
  /// As the dashboard's own page asks.
  Request request(const std::string& method, const std::string& path, const json::object& body = {}) const {
    Request out = browser_->request(method, kApi + path);
    if (method == "GET") return out;
    out.headers.emplace_back("Origin", kAuth);
    out.headers.emplace_back("Cfpipe-Request", "1");
    out.headers.emplace_back("Content-Type", "application/json");
    out.body = json::serialize(body);
    return out;
  }
  struct Said {
    int status;
    json::object body;
  };
  Said said(const Answer& answer) { return {answer.status, json::parse(answer.body).as_object()}; }
  Said ask(const std::string& method, const std::string& path, const json::object& body = {}) {
    return said(browser_->send(request(method, path, body)));
  }
  std::string message(const std::string& method, const std::string& path, const json::object& body = {}) {
    return std::string(ask(method, path, body).body.at("message").as_string());
  }
  std::vector<AuditRow> rows_of(const std::string& kind) {
    AuditQuery wanted;
    wanted.kind = kind;
    return store_->audit().search(wanted).value().rows;
  }
  std::string token(const std::string& email) {
    Browser other(io_, *site_);
    other.sign_in("https://vm.localhost:8443/", email);
    return other.cookie("vm.localhost", "CF_Authorization");
  }
};

}  // namespace cfpipe::edge
