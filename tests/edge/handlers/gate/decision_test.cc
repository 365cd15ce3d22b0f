#include "edge/handlers/decision.h"

#include "edge/context_fixture.h"

namespace cfpipe::edge {
namespace {

using Judgement = ContextTest;

TEST_F(Judgement, AsksWhetherTheProviderMayVouch) {
  Config config = two_applications(dir_ / "state");
  config.applications[0].allowed_idps = {"corp"};
  use(config);
  Identity ann = person();
  EXPECT_FALSE(accepts_provider(app(), ann));
  EXPECT_FALSE(judge("127.0.0.1", *app().config, &ann, Asking::to_pass).passes());
  ann.provider = "corp";
  EXPECT_TRUE(accepts_provider(app(), ann));
  EXPECT_TRUE(judge("127.0.0.1", *app().config, &ann, Asking::to_pass).passes());
}

TEST_F(Judgement, RecordsADenialWithItsHost) {
  Config config = two_applications(dir_ / "state");
  config.applications[0].hostname = "*.localhost";
  use(config);
  record_denial(*context_, RowCause::denied, request("/", "x.localhost"), *applications_.find("*.localhost"),
                person(), "why");
  ASSERT_EQ(rows("denial").size(), 1u);
  EXPECT_EQ(rows("denial")[0].reason, "why, at x.localhost");
  EXPECT_EQ(rows("denial")[0].identity, "ann@example.com");
  EXPECT_TRUE(counted("denials_total{application=\"*.localhost\"} 1"));
}

}  // namespace
}  // namespace cfpipe::edge
