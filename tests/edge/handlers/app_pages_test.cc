#include "edge/handlers/app_pages.h"

#include "edge/context_fixture.h"
#include "edge/http/cookies.h"

namespace cfpipe::edge {
namespace {

class AppPagesAlone : public HandlersTest {
 protected:
  Request with_code(const std::string& session) {
    Login login;
    login.app = applications_.find("vm.localhost");
    login.host = "vm.localhost";
    login.session_hash = hex(sha256("a session"));
    login.target = "/x";
    const std::string url = header_of(outcome_.finish(login, person(), false), "Location");
    const Request authorized = request("/cdn-cgi/access/authorized?" + url.substr(url.find("code=")));
    return with_header(authorized, "Cookie", std::string(kBrowserSessionCookie) + "=" + session);
  }
  LoginLinks links_{store_->pending()};
  AppPages pages_{*context_, applications_, credentials_, gate_, outcome_, transfers_, links_};
};

TEST_F(AppPagesAlone, MakeACodeIntoACookieOnce) {
  const Request with = with_code("a session");
  const Answer answer = pages_.authorized(with);
  EXPECT_EQ(answer.status, 302);
  EXPECT_EQ(header_of(answer, "Location"), "https://vm.localhost:8443/x");
  EXPECT_TRUE(header_of(answer, "Set-Cookie").starts_with("CF_Authorization="));
  EXPECT_EQ(pages_.authorized(with).status, 400);
}

TEST_F(AppPagesAlone, TakeACodeFromTheBrowserThatBegan) {
  EXPECT_EQ(pages_.authorized(with_code("another session")).status, 400);
}

TEST_F(AppPagesAlone, HandNothingToAProgramUnasked) {
  const std::string key = auth::TransferReceiver().public_key();
  EXPECT_EQ(pages_.cli(request("/cdn-cgi/access/cli?token=" + key), &app()).status, 302) << "to the sign-in";
  EXPECT_EQ(pages_.cli(request("/cdn-cgi/access/cli?token=short"), &app()).status, 400);
  EXPECT_EQ(pages_.cli(request("/cdn-cgi/access/cli?token=" + key), nullptr).status, 400);
}

TEST_F(AppPagesAlone, SayWhoHasSignedIn) {
  EXPECT_EQ(pages_.identity({}).status, 401);
  const Answer answer = pages_.identity(person());
  EXPECT_EQ(answer.status, 200);
  EXPECT_NE(answer.body.find("\"email\":\"ann@example.com\""), std::string::npos) << answer.body;
}

}  // namespace
}  // namespace cfpipe::edge
