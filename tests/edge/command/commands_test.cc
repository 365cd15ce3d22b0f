#include "edge/command/commands.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/platform/files.h"
#include "edge/edge_fixture.h"
#include "edge/store/sqlite_store.h"

namespace cfpipe::edge {
namespace {

// An edge's commands find the state of `dev` where `dev` puts it; elsewhere they have to be told.
class UnsaidState : public ::testing::Test {
 protected:
  UnsaidState() {
    std::string path = testing::TempDir() + "cfpipe-unsaid-XXXXXX";
    directory_ = ::mkdtemp(path.data());
    ::setenv("XDG_STATE_HOME", directory_.c_str(), 1);
  }
  ~UnsaidState() override {
    ::unsetenv("XDG_STATE_HOME");
    std::filesystem::remove_all(directory_);
  }
  std::string directory_;
};

TEST_F(UnsaidState, IsThatOfTheDevEdge) {
  if (std::filesystem::exists(kSystemConfig)) GTEST_SKIP() << "an edge is installed here, which comes first";
  std::filesystem::create_directories(dev_state_dir());
  std::filesystem::permissions(dev_state_dir(), std::filesystem::perms::owner_all);
  ASSERT_TRUE(open_sqlite_store(dev_state_dir()));
  EXPECT_TRUE(open_store(StateOption(), true));
}

TEST_F(UnsaidState, HasToBeSaidWhereThereIsNone) {
  if (std::filesystem::exists(kSystemConfig)) GTEST_SKIP() << "an edge is installed here, which comes first";
  const auto state = open_store(StateOption(), false);
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().stage, Stage::input);
  EXPECT_NE(state.error().detail.find("--state"), std::string::npos);
  EXPECT_TRUE(std::filesystem::is_empty(directory_));
}

class PolicyTest : public ::testing::Test {
 protected:
  /// Runs the command line; its standard output.
  std::string ask(int status, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(),
                     {"cfpipe-edge", "policy", "test", "--config", config_, "--app", "VM.localhost"});
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    ::testing::internal::CaptureStdout();
    const int got = run_command_line(static_cast<int>(argv.size()), argv.data());
    std::string out = ::testing::internal::GetCapturedStdout();
    EXPECT_EQ(got, status) << out;
    return out;
  }
  TempDir dir_;
  std::string config_ = [this] {
    const std::string path = dir_ / "edge.yaml";
    EXPECT_TRUE(replace_file(path, R"(listen: 127.0.0.1:0
tls: {certificate: /c.pem, key: /k.pem}
auth_domain: auth.localhost
state: /nowhere
identity_provider: {type: dev}
applications:
  - hostname: vm.localhost
    service: ssh://127.0.0.1
    policies:
      - {name: staff, decision: allow, include: [{email_domain: example.com}], require: [{group: sre}]}
      - {name: office, decision: bypass, include: [{ip: 192.0.2.0/24}]}
      - {name: ci, decision: service_auth, include: [{service_token: deploy}]}
)",
                             0600));
    return path;
  }();
};

TEST_F(PolicyTest, SaysWhichPolicyDecidesAndLeavesTheRest) {
  EXPECT_EQ(ask(kOk, {"--email", "ann@example.com", "--group", "dba", "--group", "sre"}),
            "allow: ann@example.com may reach vm.localhost: policy 'staff' lets in email_domain example.com\n"
            "  office (bypass) does not match: none of its include rules is met\n"
            "  ci (service_auth) does not match: none of its include rules is met\n"
            "  staff (allow) decides: email_domain example.com\n");
  EXPECT_EQ(ask(kOk, {"--email", "ann@example.com", "--ip", "192.0.2.9"}),
            "allow: ann@example.com may reach vm.localhost: policy 'office' lets in ip 192.0.2.0/24\n"
            "  office (bypass) decides: ip 192.0.2.0/24\n"
            "  ci (service_auth) not looked at\n"
            "  staff (allow) not looked at\n");
}

TEST_F(PolicyTest, SaysWhatStandsInTheWay) {
  const std::string out = ask(kDenied, {"--email", "ann@example.com"});
  EXPECT_TRUE(out.starts_with(
      "deny: ann@example.com may not reach vm.localhost: policy 'staff' requires group sre\n"))
      << out;
  EXPECT_NE(out.find("staff (allow) does not match: requires group sre\n"), std::string::npos) << out;
  EXPECT_TRUE(ask(kDenied, {}).starts_with("deny: a user who has not signed in may not reach vm.localhost"));
  EXPECT_TRUE(ask(kOk, {"--service-token", "deploy"}).starts_with("allow: service token deploy may reach"));
  EXPECT_TRUE(
      ask(kDenied, {"--service-token", "backup"}).starts_with("deny: service token backup may not reach"));
}

TEST_F(PolicyTest, TellsWhatUnknownGroupsWouldDo) {
  const std::string out = ask(kDenied, {"--email", "ann@example.com", "--groups-unknown"});
  EXPECT_NE(out.find("requires group sre; the identity provider did not say which groups"), std::string::npos)
      << out;
  EXPECT_NE(out.find("staff (allow) does not match: requires group sre; the groups are unknown"),
            std::string::npos)
      << out;
}

TEST_F(PolicyTest, AConfigurationThatEverybodyMayWriteIsRefused) {
  std::filesystem::permissions(config_, std::filesystem::perms(0664));
  auto loaded = load_config(config_);
  ASSERT_TRUE(loaded);
  ASSERT_EQ(loaded->warnings.size(), 1u);
  EXPECT_NE(loaded->warnings[0].find("group may write it"), std::string::npos);
  std::filesystem::permissions(config_, std::filesystem::perms(0666));
  loaded = load_config(config_);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().stage, Stage::config);
  EXPECT_NE(loaded.error().detail.find("written by everybody"), std::string::npos) << loaded.error().detail;
  std::filesystem::permissions(config_, std::filesystem::perms(0600));
  loaded = load_config(config_);
  ASSERT_TRUE(loaded);
  EXPECT_TRUE(loaded->warnings.empty());
}

TEST_F(PolicyTest, RefusesQuestionsThatMakeNoSense) {
  for (const auto& arguments :
       std::vector<std::vector<std::string>>{{"--email", "ann"},
                                             {"--ip", "10.0.0.0/8"},
                                             {"--service-token", "a b"},
                                             {"--group", "sre"},
                                             {"--groups-unknown"},
                                             {"--email", "a@b.c", "--groups-unknown", "--group", "sre"},
                                             {"--email", "a@b.c", "--service-token", "x"}})
    EXPECT_EQ(ask(kUsage, arguments), "");
}

}  // namespace
}  // namespace cfpipe::edge
