#include "edge/handlers/sign_in.h"

#include "edge/context_fixture.h"

namespace cfpipe::edge {
namespace {

class SignInAlone : public HandlersTest {
 protected:
  /// The link that the gate leads to, followed.
  Answer follow() {
    const std::string url = header_of(gate_.challenge(request("/"), app()), "Location");
    const std::string host = "https://auth.localhost:8443";
    const Request login = request(url.substr(host.size()), "auth.localhost");
    return run(sign_in_.login(login));
  }
  ProviderSignIn providers_{*context_, applications_, outcome_};
  SignIn sign_in_{*context_, applications_, credentials_, providers_, outcome_};
};

TEST_F(SignInAlone, ShowsAFormToWhoFollowsTheGate) {
  const Answer page = follow();
  EXPECT_EQ(page.status, 200);
  EXPECT_NE(page.body.find("name=\"state\""), std::string::npos) << page.body;
}

TEST_F(SignInAlone, BeginsSoManyOfOneAddress) {
  sign_in_.set_limit(2);
  EXPECT_EQ(follow().status, 200);
  EXPECT_EQ(follow().status, 200);
  EXPECT_EQ(follow().status, 429);
}

TEST_F(SignInAlone, CountsAFormThatIsNone) {
  sign_in_.set_limit(1);
  Request form = request("/cdn-cgi/access/callback", "auth.localhost");
  form.method = "POST";
  EXPECT_EQ(run(sign_in_.callback(form)).status, 400);
  EXPECT_EQ(run(sign_in_.callback(form)).status, 429);
}

TEST_F(SignInAlone, RefusesAFormOfAnotherSite) {
  Request form =
      with_header(request("/cdn-cgi/access/callback", "auth.localhost"), "Origin", "https://x.example");
  form.method = "POST";
  EXPECT_EQ(run(sign_in_.callback(form)).status, 403);
}

}  // namespace
}  // namespace cfpipe::edge
