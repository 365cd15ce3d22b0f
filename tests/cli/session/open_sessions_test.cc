#include "cli/session/open_sessions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <vector>

namespace cfpipe::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::Field;
using ::testing::IsEmpty;

/// A directory that looks like /proc (proc(5)).
class OpenSessions : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "cfp-proc-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    proc_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(proc_); }

  void write(const std::string& process, const std::string& file, const std::string& content) {
    std::filesystem::create_directories(proc_ + "/" + process);
    std::ofstream(proc_ + "/" + process + "/" + file, std::ios::binary) << content;
  }
  /// A process that began so many seconds ago.
  void add(const std::string& process, const std::vector<std::string>& arguments,
           const std::string& name = "cfpipe", uid_t user = ::getuid(), char state = 'S',
           std::int64_t age = 10) {
    std::string line = "/usr/bin/" + name + '\0';
    for (const auto& argument : arguments) line += argument + '\0';
    write(process, "cmdline", line);
    const std::string uid = std::to_string(user);
    write(process, "status",
          "Name:\t" + name + "\nUmask:\t0022\nState:\t" + state + " (sleeping)\nUid:\t" + uid + "\t" + uid +
              "\t" + uid + "\t" + uid + "\n");
    timespec up{};
    ::clock_gettime(CLOCK_BOOTTIME, &up);
    std::string stat = process + " (a ) name) S";
    for (int i = 0; i < 18; ++i) stat += " 0";
    write(process, "stat", stat + " " + std::to_string((up.tv_sec - age) * ::sysconf(_SC_CLK_TCK)) + " 0 0");
  }

  std::string proc_;
};

TEST_F(OpenSessions, TunnelsAndListenersAreFoundByTheirCommandLines) {
  add("700", {"access", "ssh", "--hostname", "vm.example.com/team", "--user", "root"}, "cfpipe", ::getuid(),
      'S', 100);
  add("300", {"tcp", "-T", "db.example.com", "-L", "127.0.0.1:5432", "--destination", "db:5432"}, "cfpipe",
      ::getuid(), 'S', 50);
  const auto found = open_sessions(proc_);
  EXPECT_THAT(found, ElementsAre(AllOf(Field(&OpenSession::process, 700),
                                       Field(&OpenSession::application, "vm.example.com/team"),
                                       Field(&OpenSession::user, "root"), Field(&OpenSession::listens, "")),
                                 AllOf(Field(&OpenSession::process, 300),
                                       Field(&OpenSession::application, "db.example.com"),
                                       Field(&OpenSession::destination, "db:5432"),
                                       Field(&OpenSession::listens, "127.0.0.1:5432"))));
  ASSERT_EQ(found.size(), 2U);
  EXPECT_NEAR(static_cast<double>(found[1].since - found[0].since), 50, 1);
  EXPECT_NEAR(static_cast<double>(std::time(nullptr) - found[0].since), 100, 2);
}

TEST(MergedSessions, WhatAProcessTellsStandsForWhatIsSeenOfIt) {
  OpenSession told, seen, of_environment;
  told.process = seen.process = 7;
  told.application = seen.application = "vm.example.com";
  told.tunnels = TunnelCounts{1, 0, 0, 0};
  of_environment.process = 7;
  EXPECT_THAT(merged_sessions({told}, {seen}), ElementsAre(told));
  EXPECT_THAT(merged_sessions({told}, {of_environment}), ElementsAre(told));
  EXPECT_THAT(merged_sessions({}, {seen}), ElementsAre(seen));
  seen.process = 8;
  seen.since = -1;
  EXPECT_THAT(merged_sessions({told}, {seen}), ElementsAre(seen, told)) << "the oldest first";
  seen.process = 7;
  seen.application = "db.example.com";
  EXPECT_THAT(merged_sessions({told}, {seen}), ElementsAre(seen, told)) << "another PID namespace";
}

TEST_F(OpenSessions, OthersAreLeftOut) {
  add("10", {"access", "login", "https://vm.example.com"});
  add("11", {"access", "ssh", "--hostname", "vm.example.com"}, "cloudflared");
  add("12", {"access", "ssh", "--hostname", "vm.example.com"}, "cfpipe", ::getuid() + 1);
  add("13", {"access", "ssh", "--hostname", "vm.example.com"}, "cfpipe", ::getuid(), 'Z');
  add(std::to_string(::getpid()), {"access", "ssh", "--hostname", "vm.example.com"});
  add("14x", {"access", "ssh", "--hostname", "vm.example.com"});
  add("self", {"access", "ssh", "--hostname", "vm.example.com"});
  add("15", {"nonsense"});
  EXPECT_THAT(open_sessions(proc_), IsEmpty());
}

TEST_F(OpenSessions, AHostOfTheEnvironmentIsNotGuessed) {
  add("20", {"access", "ssh"});
  EXPECT_THAT(open_sessions(proc_), ElementsAre(Field(&OpenSession::application, "")));
}

TEST_F(OpenSessions, ProcessesThatEndMeanwhileAreNoFault) {
  write("30", "status", "Name:\tcfpipe\nState:\tS\nUid:\t" + std::to_string(::getuid()) + "\t0\n");
  write("31", "cmdline", "cfpipe");
  add("32", {"access", "ssh", "--hostname", "vm.example.com"});
  write("32", "stat", "32 (cfpipe");
  add("33", {"access", "ssh", "--hostname", std::string(kMaxCommandLineBytes, 'x')});
  EXPECT_THAT(open_sessions(proc_),
              ElementsAre(AllOf(Field(&OpenSession::process, 32), Field(&OpenSession::since, 0))));
  EXPECT_THAT(open_sessions(proc_ + "/none"), IsEmpty());
}

}  // namespace
}  // namespace cfpipe::cli
