#include "edge/config/policy_trial.h"

#include <gtest/gtest.h>

namespace cfpipe::edge {
namespace {

ApplicationConfig takes_corp_only() {
  ApplicationConfig app;
  app.allowed_idps = {"corp"};
  Policy policy;
  policy.name = "staff";
  policy.include.push_back({Rule::Kind::email_domain, "example.com"});
  app.policies.push_back(policy);
  return app;
}

Subject ann_at(const std::string& provider) {
  Subject ann;
  ann.email = "ann@example.com";
  ann.groups.names = {"sre"};
  ann.login_method = provider;
  return ann;
}

TEST(PolicyTrial, APersonOfAProviderThatDoesNotCountHasNotSignedIn) {
  const ApplicationConfig app = takes_corp_only();
  EXPECT_TRUE(try_application(app, ann_at("corp")).verdict.passes());
  EXPECT_TRUE(try_application(app, ann_at("")).verdict.passes()) << "any provider that counts";
  const Trial trial = try_application(app, ann_at("partner"));
  EXPECT_FALSE(trial.verdict.passes());
  EXPECT_FALSE(trial.seen.known());
  EXPECT_TRUE(trial.seen.groups.names.empty());
  EXPECT_EQ(trial.reason, "allowed_idps does not name 'partner'");
}

TEST(PolicyTrial, ABypassAdmitsThemAllTheSame) {
  ApplicationConfig app = takes_corp_only();
  Policy open;
  open.name = "open";
  open.decision = Decision::bypass;
  open.include.push_back({Rule::Kind::everyone});
  app.policies.push_back(open);
  const Trial trial = try_application(app, ann_at("partner"));
  EXPECT_TRUE(trial.verdict.passes());
  EXPECT_EQ(trial.reason, "policy 'open' lets in everyone");
}

}  // namespace
}  // namespace cfpipe::edge
