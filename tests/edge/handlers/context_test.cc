#include "edge/context_fixture.h"

namespace cfpipe::edge {
namespace {

using Context = ContextTest;

TEST_F(Context, NamesThePortUnlessItIsTheUsualOne) {
  EXPECT_EQ(context_->authority("vm.localhost"), "vm.localhost:8443");
  context_->set_public_port(443);
  EXPECT_EQ(context_->auth_authority(), "auth.localhost");
  EXPECT_EQ(context_->tokens.issuer(), "https://auth.localhost");
}

TEST_F(Context, RefusesWhatTheAuditCannotKeep) {
  EXPECT_TRUE(context_->record(row_of("login", request("/"))));
  EXPECT_TRUE(context_->grants());
  fill_disk();
  EXPECT_FALSE(context_->record(row_of("login", request("/"))));
  EXPECT_FALSE(context_->grants());
  Config config = two_applications(dir_ / "state");
  config.audit_continues = true;
  context_->use(config);
  EXPECT_TRUE(context_->record(row_of("login", request("/"))));
  EXPECT_TRUE(context_->grants());
}

TEST_F(Context, LeavesOutRowsOfACauseThatComesTooOften) {
  const std::int64_t most = rates_of(RowCause::denied).each.most;
  for (std::int64_t i = 0; i < most + 3; ++i)
    context_->record_limited(RowCause::denied, row_of("denial", request("/")), {});
  EXPECT_EQ(rows("denial").size(), static_cast<std::size_t>(most));
  EXPECT_TRUE(counted("audit_left_out_total{cause=\"denied\"} 3")) << metrics_text(context_->counters, {});
}

TEST_F(Context, CountsTheConfigurationsThatWereInForce) {
  const auto before = context_->configurations;
  context_->use(two_applications(dir_ / "state"));
  EXPECT_EQ(context_->configurations, before + 1);
}

}  // namespace
}  // namespace cfpipe::edge
