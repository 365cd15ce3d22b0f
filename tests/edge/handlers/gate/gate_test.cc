#include "edge/handlers/gate.h"

#include "base/access_headers.h"
#include "edge/context_fixture.h"
#include "edge/http/cookies.h"

namespace cfpipe::edge {
namespace {

class GateAlone : public ContextTest {
 protected:
  Answer answer(const std::string& token) {
    return gate_.answer(with_header(request("/x?y=z"), "Cf-Access-Token", token), app());
  }
  Authenticator credentials_{*context_};
  Gate gate_{*context_, credentials_};
};

TEST_F(GateAlone, SendsAVisitorToTheSignInAndBack) {
  const Answer answer = gate_.answer(request("/x?y=z"), app());
  EXPECT_EQ(answer.status, 302);
  const std::string url = header_of(answer, "Location");
  EXPECT_TRUE(url.starts_with("https://auth.localhost:8443/cdn-cgi/access/login/vm.localhost?kid=" +
                              app().aud + "&redirect_url=%2Fx%3Fy%3Dz&meta="))
      << url;
  EXPECT_EQ(header_of(answer, "CF-Access-Aud"), app().aud);
}

TEST_F(GateAlone, LetsAnAdmittedPersonPass) {
  EXPECT_EQ(answer(app_token(person())).status, 404) << "an application has no pages here";
  EXPECT_TRUE(rows("denial").empty());
}

TEST_F(GateAlone, RecordsWhomThePoliciesDeny) {
  const Answer denied = answer(app_token(person("mallory@example.com")));
  EXPECT_EQ(denied.status, 403);
  EXPECT_TRUE(header_of(denied, kReasonHeader).starts_with("mallory@example.com may not reach"));
  ASSERT_EQ(rows("denial").size(), 1u);
  EXPECT_EQ(rows("denial")[0].identity, "mallory@example.com");
}

TEST_F(GateAlone, TellsAProgramWhatIsWrongWithItsServiceToken) {
  Request request = with_header(ContextTest::request("/"), "Cf-Access-Client-Id", "id");
  request = with_header(request, "Cf-Access-Client-Secret", "secret");
  EXPECT_EQ(gate_.answer(request, app()).status, 403) << "no redirect: a program cannot sign in";
  EXPECT_EQ(rows("denial").size(), 1u);
}

}  // namespace
}  // namespace cfpipe::edge
