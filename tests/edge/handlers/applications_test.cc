#include "edge/context_fixture.h"

namespace cfpipe::edge {
namespace {

using Applications = ContextTest;

TEST_F(Applications, AreFoundByNameAndAudience) {
  const auto found = applications_.find("b.localhost");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(applications_.find_by_aud(found->aud), found);
  EXPECT_EQ(applications_.find("c.localhost"), nullptr);
  EXPECT_EQ(applications_.find_by_aud("0"), nullptr);
  EXPECT_EQ(applications_.find_by_aud(applications_.dashboard()->aud), applications_.dashboard());
}

TEST_F(Applications, KeepTheirAudienceOverAReload) {
  const auto before = applications_.find("vm.localhost");
  use(two_applications(dir_ / "state"));
  const auto after = applications_.find("vm.localhost");
  EXPECT_NE(after, before);
  EXPECT_EQ(after->aud, before->aud);
  EXPECT_EQ(before->config->hostname, "vm.localhost") << "a handler that waits keeps the old one";
}

TEST_F(Applications, ShareAHostByPath) {
  Config config = two_applications(dir_ / "state");
  config.applications[1].hostname = "vm.localhost/admin";
  use(config);
  EXPECT_EQ(applications_.place_of(request("/")).app->config->hostname, "vm.localhost");
  const Place admin = applications_.place_of(request("/admin/x"));
  EXPECT_EQ(admin.app->config->hostname, "vm.localhost/admin");
  EXPECT_EQ(admin.apps.size(), 2u);
  const std::string named = "/cdn-cgi/access/cli?aud=" + admin.app->aud;
  EXPECT_EQ(applications_.place_of(request(named)).app, admin.app);
  EXPECT_EQ(nowhere(applications_.place_of(request("/cdn-cgi/access/cli?aud=0"))).status, 404);
}

TEST_F(Applications, OfALoginHaveItsHost) {
  const auto vm = applications_.find("vm.localhost");
  EXPECT_EQ(applications_.for_login("vm.localhost", "/", {}), vm);
  EXPECT_EQ(applications_.for_login("vm.localhost", "/", vm->aud), vm);
  EXPECT_EQ(applications_.for_login("b.localhost", "/", vm->aud), nullptr);
  EXPECT_EQ(applications_.for_login("auth.localhost", "/", {}), applications_.dashboard());
  EXPECT_EQ(applications_.for_login("auth.localhost", "/", vm->aud), nullptr);
}

}  // namespace
}  // namespace cfpipe::edge
