#include "cli/options/secret_arguments.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace cfpipe::cli {
namespace {

/// The arguments behind the program's name, as they are left.
std::vector<std::string> left_of(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "cfpipe");
  std::vector<char*> argv;
  for (auto& argument : arguments) argv.push_back(argument.data());
  hide_secret_arguments(static_cast<int>(argv.size()), argv.data());
  arguments.erase(arguments.begin());
  return arguments;
}

using Arguments = std::vector<std::string>;

TEST(SecretArguments, AreOverwrittenInEverySpelling) {
  for (const std::string name : {"--service-token-secret", "-service-token-secret", "--secret", "-secret",
                                 "--header", "-header", "-H", "--proxy"}) {
    EXPECT_EQ(left_of({"ssh", name, "abc", "--id", "x"}), (Arguments{"ssh", name, "***", "--id", "x"}));
    EXPECT_EQ(left_of({"ssh", name + "=a=c", "x"}), (Arguments{"ssh", name + "=***", "x"}));
  }
  EXPECT_EQ(left_of({"-HX: y"}), (Arguments{"-H****"}));
}

TEST(SecretArguments, LeaveTheOthersAlone) {
  const Arguments plain{"access", "ssh",          "--hostname", "secret", "--id", "header", "-T",
                        "H",      "--no-browser", "--headers",  "",       "-",    "--",     "secret=x"};
  EXPECT_EQ(left_of(plain), plain);
}

TEST(SecretArguments, MayBeMissing) {
  EXPECT_EQ(left_of({"ssh", "--secret"}), (Arguments{"ssh", "--secret"}));
  EXPECT_EQ(left_of({"--secret="}), (Arguments{"--secret="}));
  EXPECT_EQ(left_of({"--secret", ""}), (Arguments{"--secret", ""}));
  hide_secret_arguments(0, nullptr);
}

TEST(SecretArguments, ThatLookLikeOptionsAreValuesAllTheSame) {
  EXPECT_EQ(left_of({"--secret", "--secret", "x"}), (Arguments{"--secret", "********", "x"}));
}

TEST(SecretVariables, AreOverwrittenAndGoneOnceTheyAreForgotten) {
  for (const char* name : {"TUNNEL_SERVICE_TOKEN_ID", "TUNNEL_SERVICE_TOKEN_SECRET", "TUNNEL_TOKEN"}) {
    ASSERT_EQ(::setenv(name, "planted", 1), 0);
    const char* where = ::getenv(name);
    const std::size_t size = std::strlen(where);
    forget_secret_variables();
    EXPECT_EQ(::getenv(name), nullptr) << name;
    EXPECT_EQ(std::string(where, size), "*******") << name;
  }
  ASSERT_EQ(::setenv("TUNNEL_SERVICE_HOSTNAME", "vm.example.com", 1), 0);
  forget_secret_variables();
  EXPECT_STREQ(::getenv("TUNNEL_SERVICE_HOSTNAME"), "vm.example.com");
  ::unsetenv("TUNNEL_SERVICE_HOSTNAME");
}

}  // namespace
}  // namespace cfpipe::cli
