#include "edge/handlers/return_link.h"

#include "edge/context_fixture.h"
#include "transport/net/url.h"

namespace cfpipe::edge {
namespace {

class ReturnLink : public ContextTest {
 protected:
  /// Where the link to sign in as another user leads back to.
  std::string leads_to(const std::string& target) {
    Request followed;
    const std::string url = another_user(*context_, {"vm.localhost", target}).url;
    followed.query = url.substr(url.find('?') + 1);
    return return_url(*context_, followed.query_value(kReturnKey));
  }
};

TEST_F(ReturnLink, LeadsBackToWhatWasAskedFor) {
  EXPECT_EQ(leads_to("/a?b=c"), "https://vm.localhost:8443/a?b=c");
}

TEST_F(ReturnLink, LeadsToTheFrontPageForProgramsAndLongAddresses) {
  EXPECT_EQ(leads_to("/cdn-cgi/access/cli?token=x"), "https://vm.localhost:8443/");
  EXPECT_EQ(leads_to("/" + std::string(4096, 'a')), "https://vm.localhost:8443/");
}

TEST_F(ReturnLink, IsOfThisEdgeAndOfItsKind) {
  const std::string other =
      context_->signed_state.write("login", {{"url", "https://vm.localhost:8443/"}}, now_ + 60);
  EXPECT_EQ(return_url(*context_, other), "");
  const std::string old =
      context_->signed_state.write("return", {{"url", "https://vm.localhost:8443/"}}, now_ + 60);
  EXPECT_NE(return_url(*context_, old), "");
  now_ += 61;
  EXPECT_EQ(return_url(*context_, old), "");
}

}  // namespace
}  // namespace cfpipe::edge
