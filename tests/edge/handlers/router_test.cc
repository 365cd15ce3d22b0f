#include "edge/handlers/router.h"

#include "edge/edge_fixture.h"

namespace cfpipe::edge {
namespace {

class Routing : public SiteTest {
 protected:
  int status(const std::string& url) { return browser_->get(url).status; }
  bool counted(const std::string& sample) {
    return metrics_text(site_->context().counters, {}).find("\ncfpipe_edge_" + sample + "\n") !=
           std::string::npos;
  }
  bool reads_body(const std::string& method, const std::string& url) {
    return site_->router().reads_body(browser_->request(method, url));
  }
};

TEST_F(Routing, KnowsItsHostsAndNoOthers) {
  EXPECT_EQ(status("https://vm.localhost:8443/"), 302);
  EXPECT_EQ(status("https://auth.localhost:8443/"), 302);
  EXPECT_EQ(status("https://c.localhost:8443/"), 421);
  EXPECT_EQ(status("https://vm.localhost:8443/cdn-cgi/other"), 404);
  EXPECT_TRUE(counted("requests_total{code=\"3xx\"} 2")) << metrics_text(site_->context().counters, {});
  EXPECT_TRUE(counted("requests_total{code=\"4xx\"} 2"));
}

TEST_F(Routing, ReadsBodiesOfFormsCertificatesAndTheApi) {
  EXPECT_TRUE(reads_body("POST", "https://auth.localhost:8443/cdn-cgi/access/callback"));
  EXPECT_TRUE(reads_body("POST", "https://auth.localhost:8443/cdn-cgi/access/cert_sign"));
  EXPECT_TRUE(reads_body("DELETE", "https://auth.localhost:8443/cdn-cgi/access/api/v1/me/sessions/x"));
  EXPECT_FALSE(reads_body("POST", "https://auth.localhost:8443/"));
  EXPECT_FALSE(reads_body("POST", "https://vm.localhost:8443/cdn-cgi/access/callback"));
  EXPECT_FALSE(reads_body("GET", "https://auth.localhost:8443/cdn-cgi/access/callback"));
}

TEST_F(Routing, AnswersPollsAtTransferHostsAndNothingElse) {
  Config config = two_applications(dir_ / "state");
  config.transfer_hosts = {"transfer.localhost"};
  ASSERT_TRUE(site_->configure(config));
  EXPECT_EQ(status("https://transfer.localhost:8443/"), 404);
  const std::string key = auth::TransferReceiver().public_key();
  EXPECT_EQ(status("https://transfer.localhost:8443/transfer/" + key), 202);
}

TEST_F(Routing, ConnectorsEnrolAndAttachAtTheAuthDomain) {
  const std::string enrol = "/cdn-cgi/cfpipe/connector/enroll";
  const std::string attach = "/cdn-cgi/cfpipe/connector";
  EXPECT_TRUE(reads_body("POST", "https://auth.localhost:8443" + enrol));
  EXPECT_FALSE(reads_body("POST", "https://vm.localhost:8443" + enrol));
  EXPECT_EQ(status("https://auth.localhost:8443" + enrol), 405);
  EXPECT_EQ(browser_->send(browser_->request("POST", "https://auth.localhost:8443" + enrol)).status, 400);
  EXPECT_EQ(status("https://auth.localhost:8443" + attach), 426);
  EXPECT_EQ(status("https://vm.localhost:8443" + attach), 404);
  const auto asked = [this](const std::string& method, const std::string& url) {
    Request request = browser_->request(method, url);
    for (const char* name : {"Cfpipe-Connector", "Cfpipe-Connector-Instance", "Cfpipe-Connector-Version"})
      request.headers.emplace_back(name, "0123456789abcdef");
    const auto out = site_->router().attach(request);
    return std::holds_alternative<Answer>(out) ? std::get<Answer>(out).status : 101;
  };
  EXPECT_EQ(asked("GET", "https://auth.localhost:8443" + attach), 401);
  EXPECT_EQ(asked("POST", "https://auth.localhost:8443" + attach), 405);
  EXPECT_EQ(asked("GET", "https://auth.localhost:8443/"), 404);
  EXPECT_EQ(asked("GET", "https://vm.localhost:8443" + attach), 404);
  EXPECT_EQ(asked("GET", "https://c.localhost:8443" + attach), 421);
}

TEST_F(Routing, OpensNoTunnelAtTheAuthDomain) {
  const auto answer = site_->router().upgrade(browser_->request("GET", "https://auth.localhost:8443/"));
  ASSERT_TRUE(std::holds_alternative<Answer>(answer));
  EXPECT_EQ(std::get<Answer>(answer).status, 404);
}

}  // namespace
}  // namespace cfpipe::edge
