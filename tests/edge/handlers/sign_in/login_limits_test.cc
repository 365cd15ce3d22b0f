// How often one address may try to sign in.
#include "edge/edge_fixture.h"

namespace cfpipe::edge {
namespace {

class LoginLimit : public SiteTest {
 protected:
  static constexpr const char* kApp = "https://vm.localhost:8443/";

  void limited(std::size_t logins) {
    Config config = two_applications(dir_ / "state");
    config.address_limits.logins = logins;
    make_site(config);
  }
  /// A sign-in that is begun, from an address.
  Answer begin(const std::string& peer) {
    const Answer challenge = browser_->get(kApp);
    Request request = browser_->request("GET", header_of(challenge, "Location"));
    request.peer = peer;
    return browser_->send(request);
  }
  Answer fail(const std::string& peer) {
    Request request = browser_->request("POST", "https://auth.localhost:8443/cdn-cgi/access/callback");
    request.body = "state=none";
    request.peer = peer;
    return browser_->send(request);
  }
};

TEST_F(LoginLimit, LeavesRoomForAnOfficeUnlessItIsSaid) {
  for (int i = 0; i < 300; ++i) ASSERT_EQ(begin("192.0.2.1").status, 200);
  EXPECT_EQ(begin("192.0.2.1").status, 429);
  EXPECT_EQ(begin("192.0.2.2").status, 200);
}

TEST_F(LoginLimit, MayBeNone) {
  limited(0);
  for (int i = 0; i < 400; ++i) ASSERT_EQ(begin("192.0.2.1").status, 200);
}

TEST_F(LoginLimit, OfAnAddressSaysWhenToTryAgain) {
  limited(3);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(begin("192.0.2.1").status, 200);
  const Answer refusal = begin("192.0.2.1");
  EXPECT_EQ(refusal.status, 429);
  EXPECT_EQ(header_of(refusal, "Retry-After"), "20");
  EXPECT_NE(refusal.body.find("192.0.2.1"), std::string::npos);
  EXPECT_NE(refusal.body.find("20 seconds"), std::string::npos);
  EXPECT_EQ(begin("192.0.2.2").status, 200);
  now_ += 20;
  EXPECT_EQ(begin("192.0.2.1").status, 200);
  EXPECT_EQ(begin("192.0.2.1").status, 429);
}

TEST_F(LoginLimit, CountsAnIPv6AddressByItsNetwork) {
  limited(1);
  EXPECT_EQ(begin("2001:db8::1").status, 200);
  EXPECT_EQ(begin("2001:db8::2").status, 429);
  EXPECT_EQ(begin("2001:db8:0:1::1").status, 200);
}

TEST_F(LoginLimit, CountsWhatFailed) {
  limited(2);
  EXPECT_EQ(fail("192.0.2.1").status, 400);
  EXPECT_EQ(fail("192.0.2.1").status, 400);
  EXPECT_EQ(fail("192.0.2.1").status, 429);
  EXPECT_EQ(begin("192.0.2.1").status, 429);
}

TEST_F(LoginLimit, LeavesAloneWhoGotIn) {
  limited(1);
  program_login();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(browser_->follow(kApp).status, 200);
}

}  // namespace
}  // namespace cfpipe::edge
