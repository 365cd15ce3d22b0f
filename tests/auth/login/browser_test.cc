#include "auth/login/browser.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <utility>

#include "support/temp_dir.h"

namespace cfpipe::auth {
namespace {

namespace net = boost::asio;

constexpr const char* kPageUrl = "https://h.example/?a=b&c=%2F";

std::vector<BrowserCommand> commands_for(const std::string& browser, bool display = false, bool wsl = false,
                                         bool ssh_session = false) {
  BrowserEnvironment environment;
  environment.browser = browser;
  environment.display = display;
  environment.wsl = wsl;
  environment.ssh_session = ssh_session;
  return browser_commands(environment, kPageUrl);
}

std::optional<BrowserEnd> open_with(std::vector<BrowserCommand> commands,
                                    std::chrono::milliseconds settled = kBrowserSettled) {
  net::io_context loop(1);
  std::optional<BrowserEnd> result;
  auto opening = open_browser(std::move(commands), settled);
  net::co_spawn(loop, std::move(opening), [&](std::exception_ptr thrown, const BrowserEnd& end) {
    if (!thrown) result = end;
  });
  loop.run();
  return result;
}

TEST(Browser, TheVariableIsAListOfCommands) {
  const auto commands = commands_for("first:second --new %s --last:third 100%%");
  ASSERT_EQ(commands.size(), 3U);
  EXPECT_EQ(commands[0], (BrowserCommand{"first", kPageUrl}));
  EXPECT_EQ(commands[1], (BrowserCommand{"second", "--new", kPageUrl, "--last"}));
  EXPECT_EQ(commands[2], (BrowserCommand{"third", "100%", kPageUrl}));
}

TEST(Browser, EmptyPartsOfTheVariableAreNothing) {
  EXPECT_TRUE(commands_for("").empty());
  EXPECT_TRUE(commands_for(":: :").empty());
}

TEST(Browser, WithoutADisplayThereIsNone) {
  EXPECT_TRUE(commands_for("").empty());
  EXPECT_FALSE(commands_for("", true).empty());
  EXPECT_EQ(commands_for("", false, true)[0], (BrowserCommand{"wslview", kPageUrl}));
}

TEST(Browser, UnderAnSshSessionOnlyTheOneThatIsNamedIsOpened) {
  EXPECT_TRUE(commands_for("", true, true, true).empty());
  EXPECT_EQ(commands_for("named", true, true, true), (std::vector<BrowserCommand>{{"named", kPageUrl}}));
}

TEST(Browser, EnvironmentTellsOfAnSshSession) {
  for (const char* name : {"SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"}) ::unsetenv(name);
  EXPECT_FALSE(BrowserEnvironment::current().ssh_session);
  for (const char* name : {"SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"}) {
    ::setenv(name, "x", 1);
    EXPECT_TRUE(BrowserEnvironment::current().ssh_session) << name;
    ::unsetenv(name);
  }
}

TEST(Browser, ThatEndsWellHasOpenedThePageAndIsReaped) {
  const auto opened = open_with({{"true", kPageUrl}});
  ASSERT_TRUE(opened);
  EXPECT_TRUE(opened->opened);
  EXPECT_EQ(opened->why, "");
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST(Browser, ThatFailsMakesRoomForTheNext) {
  const auto opened =
      open_with({{"false", kPageUrl}, {"/nonexistent/browser", kPageUrl}, {"true", kPageUrl}});
  ASSERT_TRUE(opened);
  EXPECT_TRUE(opened->opened);
  EXPECT_EQ(opened->why, "");
}

TEST(Browser, WhenAllFailTheLastOneIsNamed) {
  const auto opened = open_with({{"/nonexistent/browser", kPageUrl}, {"false", kPageUrl}});
  ASSERT_TRUE(opened);
  EXPECT_FALSE(opened->opened);
  EXPECT_EQ(opened->why, "false exited with status 1");
}

TEST(Browser, ThatHasRunForAWhileIsTheLastAndItsBadEndIsTold) {
  using namespace std::chrono_literals;
  const TempDir dir;
  const std::string second = dir.put("second", "#!/bin/sh\ntouch ${0%/*}/started\n", 0700);
  for (const auto& [script, why] :
       {std::pair("exit 3", " exited with status 3"), std::pair("kill -9 $$", " was killed by signal 9")}) {
    const std::string first = dir.put("first", "#!/bin/sh\n" + std::string(script) + "\n", 0700);
    const auto end = open_with({{first, kPageUrl}, {second, kPageUrl}}, 0ms);
    ASSERT_TRUE(end);
    EXPECT_TRUE(end->opened);
    EXPECT_EQ(end->why, first + why);
  }
  EXPECT_FALSE(dir.has("started"));
}

TEST(Browser, GetsTheUrlAsOneArgumentAndNoneOfOurDescriptors) {
  const TempDir dir;
  const std::string script = dir.put("browser",
                                     "#!/bin/sh\n"
                                     "in=$(readlink /proc/$$/fd/0) out=$(readlink /proc/$$/fd/1) leaked=no\n"
                                     "[ -e /proc/$$/fd/77 ] && leaked=yes\n"
                                     "echo \"$#|$1|$in|$out|$leaked\" >${0%/*}/said\n",
                                     0700);
  ASSERT_EQ(::dup2(1, 77), 77);
  const auto opened = open_with({{script, kPageUrl}});
  ::close(77);
  ASSERT_TRUE(opened && opened->opened);
  EXPECT_EQ(dir.get("said"), std::string("1|") + kPageUrl + "|/dev/null|/dev/null|no\n");
}

}  // namespace
}  // namespace cfpipe::auth
