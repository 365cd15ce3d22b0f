#include "connector/config/config.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <string>

#include "connector/config/messages.h"
#include "support/temp_dir.h"

namespace cfpipe::connector {
namespace {

struct FaultCase {
  const char* yaml;
  int line;
  const char* text;  ///< is in the fault
};

class ConfigFaults : public ::testing::TestWithParam<FaultCase> {};

TEST_P(ConfigFaults, AreNamedWithTheirLine) {
  const auto& c = GetParam();
  const LoadedConfig loaded = parse_config(c.yaml);
  ASSERT_EQ(loaded.faults.size(), 1U) << c.yaml;
  EXPECT_EQ(loaded.faults[0].line, c.line) << c.yaml;
  EXPECT_NE(loaded.faults[0].text.find(c.text), std::string::npos) << loaded.faults[0].text;
}

INSTANTIATE_TEST_SUITE_P(
    Table, ConfigFaults,
    ::testing::Values(
        FaultCase{"drain: 30s\norigin: [a:22]\n", 2, "unknown key 'origin'"},
        FaultCase{"- a\n", 1, "must be a mapping"}, FaultCase{"origins: 127.0.0.1:22\n", 1, "must be a list"},
        FaultCase{"origins: []\n", 1, "must be a list that is not empty"},
        FaultCase{"origins:\n  - 127.0.0.1:22\n  - 127.1:22\n", 3, "'127.1:22' is no origin; write"},
        FaultCase{"origins:\n  - vm.internal\n", 2, "'vm.internal' is no origin"},
        FaultCase{"origins:\n  - {a: b}\n", 2, "'' is no origin"},
        FaultCase{"\nca_file: ca.pem\n", 2, "absolute path"},
        FaultCase{"proxy: ftp://proxy:1\n", 1, "'proxy'"},
        FaultCase{"metrics: 9465\n", 1, "an address and a port"},
        FaultCase{"metrics: localhost:9465\n", 1, "an address and a port"},
        FaultCase{"listen: 0.0.0.0:7022\n", 1, "a loopback address"},
        FaultCase{"listen: 192.0.2.1:7022\n", 1, "a loopback address"},
        FaultCase{"listen: 7022\n", 1, "a loopback address"},
        FaultCase{"origins: ['*.internal:22', 10.0.0.0/8:22]\nlisten: 127.0.0.1:7022\n", 2, "none is"},
        FaultCase{"drain: 2\n", 1, "must be a duration"},
        FaultCase{"drain: 25h\n", 1, "between 0s and 86400s"},
        FaultCase{"resume: 9s\n", 1, "between 10s and 86400s"},
        FaultCase{"resume: never\n", 1, "must be a duration"},
        FaultCase{"drain: 1s\ndrain: 2s\n", 2, "given twice"},
        FaultCase{"per_user_addresses: perhaps\n", 1, "true or false"}, FaultCase{"origins: [\n", 2, ""}));

TEST(Config, SaysWhatItSays) {
  const LoadedConfig loaded = parse_config(
      "origins: [10.0.0.0/24:22, vm.internal:2222]\nca_file: /etc/ca.pem\nproxy: none\nmetrics: "
      "'[::1]:9465'\n"
      "drain: 2m\nper_user_addresses: true\n");
  ASSERT_TRUE(loaded.faults.empty()) << loaded.faults[0].text;
  const Config& config = loaded.config;
  ASSERT_EQ(config.origins.entries().size(), 2U);
  EXPECT_EQ(config.origins.entries()[1].text, "vm.internal:2222");
  EXPECT_EQ(config.ca_file, "/etc/ca.pem");
  EXPECT_TRUE(config.no_proxy);
  EXPECT_EQ(config.proxy, nullptr);
  EXPECT_EQ(config.metrics->port(), 9465);
  EXPECT_EQ(config.drain, std::chrono::minutes(2));
  EXPECT_TRUE(config.per_user_addresses);
}

TEST(Config, IsThisMachinesSshdWhereItSaysNothing) {
  const LoadedConfig loaded = parse_config("# nothing\n");
  EXPECT_TRUE(loaded.faults.empty());
  EXPECT_EQ(loaded.config.origins.entries().size(), 2U);
  EXPECT_EQ(loaded.config.drain, kDefaultDrain);
  EXPECT_EQ(loaded.config.resume, kDefaultResume);
  EXPECT_EQ(parse_config("resume: off").config.resume.count(), 0);
  EXPECT_FALSE(loaded.config.metrics);
}

TEST(Config, OfAProxyNeverShowsItsPassword) {
  const LoadedConfig loaded = parse_config("proxy: http://user:hidden@proxy:notaport\n");
  ASSERT_EQ(loaded.faults.size(), 1U);
  EXPECT_EQ(loaded.faults[0].text.find("hidden"), std::string::npos);
}

TEST(Config, HasABoundedListOfOrigins) {
  std::string yaml = "origins:\n";
  for (std::size_t i = 0; i <= kMaxAllowedOrigins; ++i) yaml += "- 10.0.0.1:22\n";
  const LoadedConfig loaded = parse_config(yaml);
  ASSERT_EQ(loaded.faults.size(), 1U);
  EXPECT_NE(loaded.faults[0].text.find("1024 entries"), std::string::npos);
}

TEST(Config, IsNotReadFromAFileThatEveryUserMayWrite) {
  const TempDir dir;
  const std::string path = dir / "connector.yaml";
  std::ofstream(path) << "drain: 1s\n";
  ::chmod(path.c_str(), 0644);
  EXPECT_TRUE(load_config(path));
  ::chmod(path.c_str(), 0646);
  const auto refused = load_config(path);
  ASSERT_FALSE(refused);
  EXPECT_EQ(words_for(refused.error()).status, kConfiguration);
  std::ofstream(path) << std::string(kMaxConfigBytes + 1, '#');
  ::chmod(path.c_str(), 0644);
  EXPECT_FALSE(load_config(path));
  EXPECT_FALSE(load_config(dir / "none.yaml"));
}

TEST(Config, ListensInFrontOfTheFirstOriginThatIsOneServer) {
  const auto leads_to = [](const std::string& origins) {
    const LoadedConfig loaded = parse_config(origins + "listen: '[::1]:7022'\n");
    EXPECT_TRUE(loaded.faults.empty()) << origins;
    EXPECT_EQ(loaded.config.listen->port(), 7022);
    return loaded.config.front_origin()->text();
  };
  EXPECT_EQ(leads_to(""), "127.0.0.1:22");
  EXPECT_EQ(leads_to("origins: [10.0.0.0/8:22, '*.internal:22', vm.internal:2222, 127.0.0.1:22]\n"),
            "vm.internal:2222");
  EXPECT_FALSE(parse_config("").config.listen);
}

}  // namespace
}  // namespace cfpipe::connector
