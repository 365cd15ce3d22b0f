#include "cli/options/version.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/crypto.h>

#include "cli/parsed.h"

namespace cfpipe::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

using Words = std::vector<std::string>;

const std::string kPlain = "cfpipe " CFPIPE_VERSION "\n";

std::string asked(const Words& line) {
  auto parsed = parse(line);
  const auto* text = std::get_if<AskedText>(&parsed);
  return text != nullptr ? text->text : "no text";
}

TEST(Version, IsOneLine) {
  for (const auto& line :
       std::vector<Words>{{"--version"}, {"-v"}, {"-V"}, {"version"}, {"access", "--version"}})
    EXPECT_EQ(asked(line), kPlain) << ::testing::PrintToString(line);
}

TEST(Version, NamesTheLibrariesInsideWhenItIsVerbose) {
  const std::string openssl = OpenSSL_version(OPENSSL_FULL_VERSION_STRING);
  for (const auto& line : std::vector<Words>{{"--version", "--verbose"},
                                             {"version", "--verbose"},
                                             {"--verbose", "--version"},
                                             {"access", "--verbose", "-v"}}) {
    const std::string text = asked(line);
    EXPECT_THAT(text, StartsWith(kPlain + "Libraries inside:\n  Boost 1."));
    EXPECT_THAT(text, HasSubstr("\n  OpenSSL " + openssl)) << ::testing::PrintToString(line);
  }
}

TEST(Version, IsWhatVerboseIsAbout) {
  for (const auto& line : std::vector<Words>{{"--verbose"}, {"ssh", "--hostname", "h.example", "--verbose"}})
    EXPECT_EQ(bad(line).stage, Stage::input) << ::testing::PrintToString(line);
}

}  // namespace
}  // namespace cfpipe::cli
