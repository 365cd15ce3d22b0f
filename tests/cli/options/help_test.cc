#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "cli/parsed.h"

namespace cfpipe::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

using Words = std::vector<std::string>;

std::string help_of(const std::vector<std::string>& arguments) {
  auto parsed = parse(arguments);
  const auto* asked = std::get_if<AskedText>(&parsed);
  EXPECT_NE(asked, nullptr) << ::testing::PrintToString(arguments);
  return asked != nullptr ? asked->text : std::string();
}

TEST(Help, IsThatOfTheCommandAndSaysWhereTheOptionsOfAllAre) {
  for (const auto& arguments :
       std::vector<Words>{{"access", "ssh", "--help"},
                          {"ssh", "-h"},
                          {"help", "ssh"},
                          {"access", "help", "ssh"},
                          {"tcp", "--help"},
                          {"access", "ssh", "--hostname", "x", "--nonsense", "--help"}}) {
    const auto text = help_of(arguments);
    EXPECT_THAT(text, HasSubstr(" ssh [OPTIONS]\n"));
    EXPECT_THAT(text, HasSubstr("-T, --hostname, --tunnel-host"));
    EXPECT_THAT(text, HasSubstr("--destination HOST:PORT"));
    EXPECT_THAT(text, HasSubstr("  Options of every command, such as --proxy and --log-level\n"));
    EXPECT_THAT(text, Not(HasSubstr("--ca-file")));
    EXPECT_THAT(text, Not(HasSubstr("--no-verbose")));
    EXPECT_THAT(text, Not(HasSubstr("--debug-stream")));
  }
  EXPECT_THAT(help_of({"access", "login", "--help"}), HasSubstr("--no-verbose"));
  EXPECT_THAT(help_of({"access", "login", "--help"}), Not(HasSubstr("--short-lived-cert")));
  EXPECT_THAT(help_of({"curl", "--help"}), HasSubstr("--allow-request"));
}

TEST(Help, OfTheProgramHasTheOptionsOfAll) {
  for (const auto& arguments : std::vector<Words>{{"--help"}, {"access", "--help"}}) {
    const auto text = help_of(arguments);
    EXPECT_THAT(text, HasSubstr("\nOptions of every command:\n"));
    EXPECT_THAT(text, HasSubstr("--ca-file FILE"));
  }
}

TEST(Help, EveryCommandHasAnExampleThatIsUnderstood) {
  for (const char* command :
       {"ssh", "ssh-config", "ssh-gen", "login", "token", "curl", "logout", "doctor", "status", "list"}) {
    const auto text = help_of({command, "--help"});
    const auto at = text.find("\nExample:\n  ");
    ASSERT_NE(at, std::string::npos) << command;
    std::istringstream line(text.substr(text.find("cfpipe ", at)));
    Words words;
    for (std::string word; line >> word && word.find('\'') == std::string::npos;) words.push_back(word);
    words.erase(words.begin());
    if (words.back() == "--hostname") words.push_back("vm.example.com");  // where ssh puts %h
    (void)good(words);
    EXPECT_NE(std::find(words.begin(), words.end(), command), words.end()) << command;
  }
}

TEST(Help, SaysOfEveryValueWhatItIs) {
  for (const char* command :
       {"ssh", "ssh-config", "ssh-gen", "login", "token", "curl", "logout", "doctor", "status", "list"})
    EXPECT_THAT(help_of({command, "--help"}), Not(HasSubstr(" TEXT"))) << command;
  EXPECT_THAT(help_of({"--help"}), Not(HasSubstr(" TEXT")));
}

TEST(Help, NamesEveryCommandOnce) {
  for (const auto& arguments :
       std::vector<Words>{{"--help"}, {"help"}, {"access", "--help"}, {"access", "help"}}) {
    const auto text = help_of(arguments);
    for (const char* name :
         {"ssh, tcp, rdp, smb", "ssh-config", "ssh-gen", "login", "token", "curl", "logout"}) {
      EXPECT_THAT(text, HasSubstr(std::string("\n  ") + name)) << text;
    }
  }
}

TEST(Help, NoLineIsWiderThanAHundredColumns) {
  for (const char* command : {"ssh", "ssh-config", "ssh-gen", "login", "token", "curl", "logout"}) {
    std::istringstream lines(help_of({command, "--help"}));
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100U) << line;
  }
}

TEST(Help, WithoutAHostnameThereIsHelpAsThePublicClientHasIt) {
  for (const auto& line : std::vector<Words>{{"access"}, {"forward"}, {"access", "h"}, {"h"}})
    EXPECT_THAT(help_of(line), HasSubstr("ssh-config")) << ::testing::PrintToString(line);
  for (const auto& line : std::vector<Words>{{"access", "ssh"}, {"ssh", "-L", "localhost:1"}, {"tcp"}})
    EXPECT_THAT(help_of(line), HasSubstr("--destination")) << ::testing::PrintToString(line);
  EXPECT_THAT(help_of({"access", "ssh-gen"}), HasSubstr("certificate"));
  const Options example = good({"access", "ssh-config", "--short-lived-cert"});
  EXPECT_EQ(example.command, Command::ssh_config);
  EXPECT_FALSE(example.has_url);
  EXPECT_TRUE(good({"ssh"}, {{"TUNNEL_SERVICE_HOSTNAME", "vm.example.com"}}).has_url);
}

}  // namespace
}  // namespace cfpipe::cli
