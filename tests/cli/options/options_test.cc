#include "cli/options/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "cli/parsed.h"

namespace cfpipe::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::Pair;

using Words = std::vector<std::string>;

ListenAddress listening(const std::vector<std::string>& more, const Variables& variables = {}) {
  std::vector<std::string> line{"access", "tcp", "-T", "h.example"};
  line.insert(line.end(), more.begin(), more.end());
  return good(line, variables).listen.value_or(ListenAddress{});
}

TEST(Options, EverySpellingOfTheHostnameIsTaken) {
  const std::vector<std::vector<std::string>> spellings{{"access", "ssh", "--hostname", "vm.example.com"},
                                                        {"ssh", "--hostname", "vm.example.com"},
                                                        {"access", "ssh", "--hostname=vm.example.com"},
                                                        {"access", "ssh", "--tunnel-host", "vm.example.com"},
                                                        {"access", "ssh", "-T", "vm.example.com"},
                                                        {"access", "ssh", "-hostname", "vm.example.com"},
                                                        {"access", "ssh", "-hostname=vm.example.com"},
                                                        {"access", "ssh", "-T=vm.example.com"},
                                                        {"access", "ssh", "--T=vm.example.com"},
                                                        {"access", "tcp", "--hostname", "vm.example.com"},
                                                        {"access", "rdp", "--hostname", "vm.example.com"},
                                                        {"access", "smb", "--hostname", "vm.example.com"},
                                                        {"tcp", "-T", "vm.example.com"},
                                                        {"forward", "ssh", "--hostname", "vm.example.com"}};
  for (const auto& spelling : spellings) {
    const Options options = good(spelling);
    EXPECT_EQ(options.command, Command::ssh);
    EXPECT_EQ(options.url.host, "vm.example.com") << ::testing::PrintToString(spelling);
  }
}

TEST(Options, ACommandThatThereIsNotIsNamed) {
  for (const std::vector<std::string>& line :
       {std::vector<std::string>{"shh"}, {"access", "shh"}, {"shh", "--hostname", "h.example.com"}}) {
    const Failure failure = bad(line);
    EXPECT_EQ(failure.detail, "there is no command shh (did you mean ssh?)");
  }
  EXPECT_EQ(bad({"--id", "planted", "shh"}).detail.find("planted"), std::string::npos);
  EXPECT_EQ(bad({"logn", "https://h.example.com"}).detail, "there is no command logn (did you mean login?)");
  EXPECT_EQ(bad({"frobnicate"}).detail, "there is no command frobnicate");
  EXPECT_THAT(bad({}).detail, HasSubstr("a command is missing"));
}

TEST(Options, AnOptionThatThereIsNotIsNamedWithoutItsValue) {
  const std::map<std::string, std::string> said{
      {"--hostnam", "there is no option --hostnam (did you mean --hostname?)"},
      {"--hostnmae=planted", "there is no option --hostnmae (did you mean --hostname?)"},
      {"--connect-time", "there is no option --connect-time (did you mean --connect-timeout?)"},
      {"-ca-fil", "there is no option -ca-fil (did you mean --ca-file?)"},
      {"--frobnicate=planted", "there is no option --frobnicate"},
      {"-yplanted-secret-value", "there is no option -y..."},
      {"--no/name planted", "there is no option --..."}};
  for (const std::string command : {"ssh", "ssh-gen"}) {
    for (const auto& [given, says] : said) {
      EXPECT_EQ(bad({command, "-T", "h.example.com", given}).detail, says);
      EXPECT_EQ(bad({"access", command, given, "--hostname", "h.example.com"}).detail, says);
    }
  }
  EXPECT_EQ(bad({"--scret", "planted", "token", "https://h.example.com"}).detail,
            "there is no option --scret (did you mean --secret?)");
  EXPECT_EQ(bad({"ssh-gen", "--hostname", "h.example.com", "planted"}).detail,
            "an argument that is not understood");
}

TEST(Options, EveryCommandIsThereWithAndWithoutAccess) {
  const std::map<std::string, Command> commands{
      {"ssh", Command::ssh}, {"ssh-gen", Command::ssh_gen}, {"ssh-config", Command::ssh_config}};
  for (const auto& [name, command] : commands) {
    EXPECT_EQ(good({name, "--hostname", "vm.example.com"}).command, command);
    EXPECT_EQ(good({"access", name, "--hostname", "vm.example.com"}).command, command);
  }
  EXPECT_EQ(good({"access", "login", "https://vm.example.com"}).command, Command::login);
  EXPECT_EQ(good({"access", "token", "https://vm.example.com"}).command, Command::token);
  EXPECT_EQ(good({"logout"}).command, Command::logout);
  EXPECT_FALSE(good({"logout"}).has_url);
}

TEST(Options, ListTakesAnEdgeAnApplicationOrNeither) {
  EXPECT_EQ(good({"list"}).command, Command::list);
  EXPECT_FALSE(good({"access", "list"}).has_url);
  EXPECT_EQ(good({"list", "auth.example.com:8443"}).url.authority(), "auth.example.com:8443");
  const Options options =
      good({"access", "list", "https://vm.example.com/a", "--json", "--auto-close", "--no-browser"});
  EXPECT_EQ(options.url.str(), "https://vm.example.com/a");
  EXPECT_TRUE(options.has_url && options.json && options.auto_close && options.no_browser);
  EXPECT_EQ(bad({"list", "*.example.com"}).cause, Cause::bad_hostname);
}

TEST(Options, ListIsOfAPersonAndNoServiceToken) {
  for (const auto& more : std::vector<Words>{{"--service-token-id", "a", "--service-token-secret", "b"},
                                             {"--service-token-file", "f"},
                                             {"--secret", "b"}}) {
    Words line{"list"};
    line.insert(line.end(), more.begin(), more.end());
    EXPECT_THAT(bad(line).detail, HasSubstr("a service token has no list"));
  }
  const Options options =
      good({"list"}, {{"TUNNEL_SERVICE_TOKEN_ID", "a"}, {"TUNNEL_SERVICE_TOKEN_SECRET", "b"}});
  EXPECT_TRUE(options.service_token_id.empty()) << "the environment is for the other commands";
}

TEST(Options, TheUrlOfLoginMayBeAnArgumentOrAnOption) {
  EXPECT_EQ(good({"access", "login", "https://vm.example.com"}).url.host, "vm.example.com");
  EXPECT_FALSE(good({"access", "login", "https://vm.example.com"}).bare_token);
  EXPECT_EQ(good({"access", "login", "--app", "https://vm.example.com"}).url.host, "vm.example.com");
  EXPECT_TRUE(good({"access", "login", "--app", "https://vm.example.com"}).bare_token);
  EXPECT_TRUE(good({"access", "login", "--no-verbose", "https://vm.example.com"}).bare_token);
  EXPECT_TRUE(good({"access", "login", "-q", "https://vm.example.com"}).quiet);
  EXPECT_TRUE(good({"access", "login", "--quiet", "https://vm.example.com"}).quiet);
  EXPECT_TRUE(good({"access", "login", "--auto-close", "https://vm.example.com"}).auto_close);
}

TEST(Options, SharedOptionsStandBeforeOrBehindTheCommand) {
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {"--ca-file", "/ca.pem", "access", "ssh", "--hostname", "h.example"},
           {"access", "--ca-file", "/ca.pem", "ssh", "--hostname", "h.example"},
           {"access", "ssh", "--hostname", "h.example", "--ca-file", "/ca.pem"}}) {
    EXPECT_EQ(good(arguments).ca_file, "/ca.pem");
  }
  EXPECT_TRUE(good({"access", "--fedramp", "ssh", "--hostname", "h.example"}).fedramp);
}

TEST(Options, BothSpellingsOfTheLogOptionsAreTaken) {
  for (const char* level : {"--log-level", "--loglevel", "-loglevel"}) {
    EXPECT_EQ(good({"ssh", "-T", "h.example", level, "debug"}).log_level, "debug");
  }
  for (const char* file : {"--log-file", "--logfile"}) {
    EXPECT_EQ(good({"ssh", "-T", "h.example", file, "/l"}).log_file, "/l");
  }
  EXPECT_EQ(bad({"ssh", "-T", "h.example", "--log-level", "loud"}).cause, Cause::bad_option);
}

TEST(Options, HeadersAddUpAndTheDestinationIsOne) {
  const Options options =
      good({"ssh", "-T", "h.example", "-H", "A: 1", "--header", "B:2", "--destination", "db:5432"});
  EXPECT_THAT(options.headers,
              ElementsAre(Pair("A", "1"), Pair("B", "2"), Pair("Cf-Access-Jump-Destination", "db:5432")));
}

TEST(Options, WhatLetsARequestInMayBeAHeader) {
  const Options service = good({"ssh", "-T", "h.example", "-H", "CF-Access-Client-Id: a.access", "-H",
                                "cf-access-client-secret: hush", "-H", "X: y"});
  EXPECT_EQ(service.service_token_id, "a.access");
  EXPECT_EQ(service.service_token_secret.reveal(), "hush");
  EXPECT_THAT(service.headers, ElementsAre(Pair("X", "y")));
  EXPECT_FALSE(service.brings_token);
  EXPECT_EQ(good({"ssh", "-T", "h.example", "--id", "b", "--secret", "c", "-H", "Cf-Access-Client-Id: a"})
                .service_token_id,
            "b");
  EXPECT_EQ(bad({"ssh", "-T", "h.example", "-H", "Cf-Access-Client-Id: a"}).cause, Cause::bad_option);
  EXPECT_TRUE(good({"ssh", "-T", "h.example", "-H", "Cf-Access-Token: a.b.c"}).brings_token);
  EXPECT_TRUE(good({"ssh", "-T", "h.example", "-H", "Cookie: x=y; CF_Authorization=a.b.c"}).brings_token);
  EXPECT_FALSE(good({"ssh", "-T", "h.example", "-H", "Cookie: x=y"}).brings_token);
}

TEST(Options, TheEnvironmentFillsWhatTheCommandLineLeavesOut) {
  const Variables variables{{"TUNNEL_SERVICE_HOSTNAME", "env.example"},
                            {"TUNNEL_SERVICE_TOKEN_ID", "id.access"},
                            {"TUNNEL_SERVICE_TOKEN_SECRET", "hush"},
                            {"TUNNEL_SERVICE_DESTINATION", "db:5432"}};
  const Options from_environment = good({"access", "ssh"}, variables);
  EXPECT_EQ(from_environment.url.host, "env.example");
  EXPECT_EQ(from_environment.service_token_id, "id.access");
  EXPECT_EQ(from_environment.service_token_secret.reveal(), "hush");
  EXPECT_EQ(from_environment.headers.size(), 1U);
  EXPECT_EQ(good({"access", "ssh", "--hostname", "arg.example"}, variables).url.host, "arg.example");
  EXPECT_EQ(good({"ssh", "--hostname", "arg.example", "--id", "other"}, variables).service_token_id, "other");
}

TEST(Options, HalfAServiceTokenIsRefused) {
  EXPECT_EQ(bad({"ssh", "-T", "h.example", "--service-token-id", "x"}).cause, Cause::bad_option);
  EXPECT_EQ(bad({"ssh", "-T", "h.example", "--service-token-secret", "x"}).cause, Cause::bad_option);
  EXPECT_EQ(bad({"ssh", "-T", "h.example", "--id", "x\r\nA: b", "--secret", "y"}).cause, Cause::bad_option);
}

TEST(Options, TheTimeoutOfALoginIsADuration) {
  using namespace std::chrono_literals;
  const std::map<std::string, std::chrono::milliseconds> good_ones{
      {"90s", 90s}, {"90", 90s}, {"5m", 5min}, {"10m", 10min}, {"600", 10min}, {"1500ms", 1500ms}};
  for (const auto& [text, value] : good_ones) {
    EXPECT_EQ(good({"login", "h.example", "--login-timeout", text}).login_timeout, value) << text;
  }
  for (const std::string text : {"0", "-1", "601", "11m", "s", "5h"}) {
    EXPECT_THAT(bad({"login", "h.example", "--login-timeout=" + text}).detail, HasSubstr("--login-timeout"))
        << text;
  }
}

TEST(Options, AServiceTokenFileStandsForBothHalves) {
  const Variables variables{{"TUNNEL_SERVICE_TOKEN_ID", "id"}, {"TUNNEL_SERVICE_TOKEN_SECRET", "hush"}};
  const std::vector<std::string> by_file{"ssh", "-T", "h.example", "--service-token-file", "f"};
  EXPECT_EQ(good(by_file).service_token_file, "f");
  EXPECT_EQ(good(by_file, variables).service_token_id, "") << "the environment is for those who name none";
  for (const std::string half : {"--id", "--secret"}) {
    auto both = by_file;
    both.insert(both.end(), {half, "x"});
    EXPECT_THAT(bad(both).detail, HasSubstr("given twice"));
  }
}

TEST(Options, TheListenerIsTakenFromEverySpelling) {
  const Variables variables{{"TUNNEL_SERVICE_URL", "localhost:4"}};
  EXPECT_EQ(listening({"--url", "localhost:1"}).port, 1);
  EXPECT_EQ(listening({"--listener=localhost:2"}).port, 2);
  EXPECT_EQ(listening({"-L", "localhost:3"}).port, 3);
  EXPECT_EQ(listening({}, variables).port, 4);
  EXPECT_EQ(listening({"localhost:5"}).port, 5);
  EXPECT_FALSE(good({"ssh", "-T", "h.example"}).listen);
  EXPECT_EQ(bad({"ssh", "-T", "h.example", "-L", "localhost:1", "localhost:2"}).cause, Cause::bad_option);
}

TEST(Options, TransportIsOneOfThree) {
  const std::vector<std::string> line{"access", "ssh", "--hostname", "h.example"};
  EXPECT_EQ(good(line).transport, Transport::automatic);
  for (const auto& [word, transport] : std::map<std::string, Transport>{
           {"auto", Transport::automatic}, {"h1", Transport::h1}, {"h2", Transport::h2}}) {
    auto more = line;
    more.insert(more.end(), {"--transport", word});
    EXPECT_EQ(good(more).transport, transport) << word;
  }
  auto wrong = line;
  wrong.insert(wrong.end(), {"--transport", "h3"});
  EXPECT_EQ(bad(wrong).cause, Cause::bad_option);
}

TEST(Options, WhatIsNotBuiltIsRefusedAndNamed) {
  const std::map<std::string, std::vector<std::string>> lines{
      {"--debug-stream", {"access", "ssh", "--hostname", "h.example", "--debug-stream", "10"}}};
  for (const auto& [what, line] : lines) {
    const Failure failure = bad(line);
    EXPECT_EQ(failure.cause, Cause::bad_option);
    EXPECT_THAT(failure.detail, HasSubstr(what + " is not available yet"));
  }
}

TEST(Options, LogVariablesAreForAllButTunnels) {
  const Variables variables{
      {"TUNNEL_LOGLEVEL", "Debug"}, {"TUNNEL_LOGFILE", "/l"}, {"TUNNEL_LOGDIRECTORY", "/d"}};
  const Options login = good({"login", "h.example"}, variables);
  EXPECT_EQ(login.log_level, "debug");
  EXPECT_EQ(login.log_file, "/l");
  EXPECT_EQ(login.log_directory, "/d");
  EXPECT_EQ(good({"ssh", "-T", "h.example"}, variables).log_file, "");
  EXPECT_EQ(good({"login", "h.example", "--loglevel", "WARN"}, variables).log_level, "warn");
}

TEST(Options, InstallAndUninstallAreOpposites) {
  EXPECT_EQ(good({"ssh-config", "--hostname", "h.example"}).install, Install::none);
  EXPECT_EQ(good({"ssh-config", "--hostname", "h.example", "--install"}).install, Install::install);
  EXPECT_EQ(good({"ssh-config", "--uninstall"}).install, Install::uninstall);
  EXPECT_FALSE(good({"ssh-config", "--uninstall"}).has_url);
  EXPECT_EQ(bad({"ssh-config", "--install"}).cause, Cause::bad_option);
  EXPECT_EQ(bad({"ssh-config", "--hostname", "h.example", "--install", "--uninstall"}).cause,
            Cause::bad_option);
}

TEST(Options, MistakesAreUsageErrorsThatShowNoValues) {
  for (const auto& line :
       std::vector<std::vector<std::string>>{{},
                                             {"nonsense"},
                                             {"ssh", "--hostname"},
                                             {"ssh", "-T", "h.example", "--what=planted"},
                                             {"login"},
                                             {"ssh-config", "--install"},
                                             {"ssh-config", "--hostname", "h", "--style", "odd"},
                                             {"ssh", "-T", "h.example", "--agent", "relative"}}) {
    const Failure failure = bad(line);
    EXPECT_EQ(failure.stage, Stage::input);
    EXPECT_THAT(failure.detail, Not(HasSubstr("planted")));
  }
}

TEST(Options, VersionAndHelpAreTextNotCommands) {
  for (const char* spelling : {"--version", "-v", "-V", "version"}) {
    auto parsed = parse({spelling});
    ASSERT_TRUE(std::holds_alternative<AskedText>(parsed));
    EXPECT_THAT(std::get<AskedText>(parsed).text, HasSubstr("cfpipe " CFPIPE_VERSION));
  }
  auto parsed = parse({"access", "ssh", "--help"});
  ASSERT_TRUE(std::holds_alternative<AskedText>(parsed));
  EXPECT_THAT(std::get<AskedText>(parsed).text, HasSubstr("--short-lived-cert"));
}

TEST(Options, AHostnameThatIsGivenAsNothingIsRefused) {
  for (const auto& line : std::vector<Words>{{"access", "ssh", "--hostname", ""},
                                             {"ssh", "--hostname="},
                                             {"ssh-gen", "-T", ""},
                                             {"ssh", "-T="},
                                             {"tcp", "-hostname", ""},
                                             {"ssh-config", "--tunnel-host", ""}})
    EXPECT_EQ(bad(line).stage, Stage::input) << ::testing::PrintToString(line);
}

TEST(Options, OneDashIsAsGoodAsTwoAndAShortNameMayHaveAnEqualsSign) {
  EXPECT_EQ(good({"ssh", "-T", "h.example", "-L=localhost:1"}).listen->port, 1);
  const auto headers = good({"ssh", "-T", "h.example", "-H=X-A: 1=2", "-H", "X-B: 3"}).headers;
  ASSERT_EQ(headers.size(), 2U);
  EXPECT_EQ(headers[0], (std::pair<std::string, std::string>("X-A", "1=2")));
  EXPECT_EQ(headers[1], (std::pair<std::string, std::string>("X-B", "3")));
  EXPECT_TRUE(good({"login", "-q=true", "https://h.example"}).quiet);
  EXPECT_FALSE(good({"login", "-q=false", "https://h.example"}).quiet);
  EXPECT_TRUE(good({"ssh", "-T=h.example", "-short-lived-cert=true"}).short_lived_cert);
  const auto curl = good({"curl", "https://h.example", "-T=file", "-H=X-A: 1"}).curl_arguments;
  EXPECT_EQ(curl, (Words{"https://h.example", "-T=file", "-H=X-A: 1"})) << "what is curl's is curl's";
}

TEST(Options, ThePingIntervalIsInWholeSeconds) {
  const std::vector<std::string> ssh{"access", "ssh", "--hostname", "h.example"};
  EXPECT_EQ(good(ssh).ping_interval, std::chrono::seconds(20));
  for (const int seconds : {1, 20, 90}) {
    auto arguments = ssh;
    arguments.insert(arguments.end(), {"--ping-interval", std::to_string(seconds)});
    EXPECT_EQ(good(arguments).ping_interval, std::chrono::seconds(seconds));
  }
  for (const char* text : {"0", "91", "-1", "1.5", "20s", "x"}) {
    auto arguments = ssh;
    arguments.insert(arguments.end(), {"--ping-interval", text});
    EXPECT_THAT(bad(arguments).detail, HasSubstr("--ping-interval")) << text;
  }
}

TEST(Options, DoctorTakesItsHostWithAndWithoutAFlag) {
  for (const auto& arguments :
       std::vector<std::vector<std::string>>{{"doctor", "vm.example.com"},
                                             {"doctor", "--hostname", "vm.example.com"},
                                             {"access", "doctor", "vm.example.com"}}) {
    const Options options = good(arguments);
    EXPECT_EQ(options.command, Command::doctor);
    EXPECT_EQ(options.url.host, "vm.example.com");
    EXPECT_FALSE(options.json);
    EXPECT_EQ(options.user, "");
  }
  const Options options = good({"doctor", "vm.example.com", "--json", "--user", "ann", "--short-lived-cert"});
  EXPECT_TRUE(options.json);
  EXPECT_TRUE(options.short_lived_cert);
  EXPECT_EQ(options.user, "ann");
  EXPECT_EQ(bad({"doctor"}).stage, Stage::input);
}

TEST(Options, ABlockOfSshConfigIsForAHostWithoutAQuery) {
  for (const std::string what : {"--install", "--uninstall", "--short-lived-cert"})
    EXPECT_THAT(bad({"ssh-config", what, "--hostname", "https://vm?.example.com"}).detail,
                HasSubstr("write *"));
}

}  // namespace
}  // namespace cfpipe::cli
