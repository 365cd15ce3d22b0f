#include "cli/session/session_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/log.h"
#include "cli/session/published_session.h"
#include "support/temp_dir.h"

namespace cfpipe::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::Optional;
using ::testing::SizeIs;

OpenSession example() {
  OpenSession out;
  out.process = 42;
  out.since = 1'700'000'000;
  out.application = "vm.example.com/team";
  out.user = "ann";
  out.listens = "127.0.0.1:5432";
  out.destination = "db:5432";
  out.tunnels = TunnelCounts{3, 1, 1'700'000'001, 2};
  return out;
}

class SessionFiles : public ::testing::Test {
 protected:
  SessionFiles() { std::filesystem::create_directory(temp_ / "sessions"); }
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(temp_ / "sessions"))
      out.push_back(entry.path().filename().string());
    return out;
  }
  /// A file that looks as if its process lived.
  Fd put_locked(const std::string& name, const std::string& content) const {
    Fd fd(::open(temp_.put("sessions/" + name, content).c_str(), O_RDWR | O_CLOEXEC));
    EXPECT_EQ(::flock(fd.get(), LOCK_EX | LOCK_NB), 0);
    return fd;
  }
  std::vector<OpenSession> read() const { return read_session_files(temp_.path()); }
  TempDir temp_;
};

TEST(SessionText, HoldsTheSession) {
  EXPECT_THAT(session_text(example()), SizeIs(kSessionFileBytes));
  EXPECT_THAT(parse_session(session_text(example())), Optional(example()));
}

TEST(SessionText, OneThatIsTooLongIsNone) {
  OpenSession session = example();
  session.destination = std::string(kSessionFileBytes, 'x');
  EXPECT_EQ(session_text(session), "");
}

TEST(SessionText, RubbishIsNone) {
  for (const char* text : {"",
                           " ",
                           "null",
                           "[]",
                           "{}",
                           "{\"process\":1",
                           "\xff",
                           R"({"process":0})",
                           R"({"process":-1})",
                           R"({"process":"1"})",
                           R"({"process":1e300})",
                           R"({"process":4294967296})",
                           R"({"process":1,"since":-1})",
                           R"({"process":1,"since":9223372036854775807})",
                           R"({"process":1,"tunnels":-1})",
                           R"({"process":1,"tunnels":1,"detached":2})",
                           R"({"process":1,"detached_since":253402300800})",
                           R"({"process":1,"resumed":-1})",
                           R"({"process":1,"process":2})",
                           R"({"process":1} x)"})
    EXPECT_FALSE(parse_session(text)) << text;
  EXPECT_FALSE(parse_session("{\"process\":1}" + std::string(kSessionFileBytes, ' ')));
  EXPECT_FALSE(parse_session("{\"process\":1,\"x\":" + std::string(1000, '[')));
  EXPECT_TRUE(parse_session(R"({"process":1,"of_a_later_release":{}})"));
}

TEST(SessionText, CannotDriveTheTerminal) {
  const auto session =
      parse_session("{\"process\":1,\"application\":\"a\\u001b[2J\\n\\u009b\xc2\x9b\\u007f\"}");
  ASSERT_TRUE(session);
  for (const char c : session->application) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << session->application;
}

TEST_F(SessionFiles, AreReadWhileTheirProcessLives) {
  {
    const auto file = SessionFile::make(temp_.path(), example());
    ASSERT_TRUE(file);
    ASSERT_THAT(names(), SizeIs(1));
    EXPECT_EQ(temp_.mode("sessions/" + names()[0]), 0600U);
    EXPECT_THAT(read(), ElementsAre(example()));
    OpenSession later = example();
    later.tunnels->resumed = 3;
    EXPECT_EQ(file->rewrite(later), 0);
    EXPECT_THAT(read(), ElementsAre(later));
    EXPECT_THAT(names(), SizeIs(1));
  }
  EXPECT_THAT(names(), IsEmpty());
  EXPECT_THAT(read(), IsEmpty());
}

TEST_F(SessionFiles, TheirDirectoryIsMadePrivate) {
  const std::string state = temp_ / "new";
  EXPECT_FALSE(SessionFile::make(state, example())) << "there is no state directory";
  std::filesystem::create_directory(state);
  const auto file = SessionFile::make(state, example());
  EXPECT_TRUE(file);
  EXPECT_EQ(temp_.mode("new/sessions"), 0700U);
}

TEST_F(SessionFiles, WhatAKilledProcessLeftIsRemoved) {
  temp_.put("sessions/killed.session", session_text(example()));
  temp_.put("sessions/empty.session", "");
  const auto file = SessionFile::make(temp_.path(), example());
  ASSERT_TRUE(file);
  EXPECT_THAT(read(), SizeIs(1));
  EXPECT_THAT(names(), SizeIs(1));
}

TEST_F(SessionFiles, OthersArePassedOver) {
  const std::string good = session_text(example());
  const Fd rubbish = put_locked("rubbish.session", std::string(kSessionFileBytes, '\xff'));
  const Fd shorter = put_locked("shorter.session", R"({"process":1})");
  const Fd huge = put_locked("huge.session", "");
  ASSERT_EQ(::ftruncate(huge.get(), off_t{1} << 40), 0);
  const Fd writable = put_locked("writable.session", good);
  ASSERT_EQ(::fchmod(writable.get(), 0666), 0);
  const Fd target = put_locked("target", good);
  ASSERT_EQ(::symlink("target", (temp_ / "sessions/link.session").c_str()), 0);
  ASSERT_EQ(::mkfifo((temp_ / "sessions/fifo.session").c_str(), 0600), 0);
  std::filesystem::create_directory(temp_ / "sessions/directory.session");
  const auto before = names();
  EXPECT_THAT(read(), IsEmpty());
  EXPECT_EQ(names(), before);
}

TEST_F(SessionFiles, ADirectoryThatIsALinkIsPassedOver) {
  temp_.put("sessions/of_another_program.session", "precious");
  std::filesystem::create_directory(temp_ / "state");
  ASSERT_EQ(::symlink("../sessions", (temp_ / "state/sessions").c_str()), 0);
  EXPECT_THAT(read_session_files(temp_ / "state"), IsEmpty());
  EXPECT_THAT(names(), SizeIs(1));
  std::filesystem::permissions(temp_ / "sessions", std::filesystem::perms::all);
  EXPECT_THAT(read(), IsEmpty());
  EXPECT_THAT(names(), SizeIs(1));
}

TEST_F(SessionFiles, AreReadUpToABound) {
  std::vector<Fd> locks;
  for (std::size_t i = 0; i < kMaxSessionFiles + 10; ++i)
    locks.push_back(put_locked(std::to_string(i) + ".session", session_text(example())));
  EXPECT_THAT(read(), SizeIs(kMaxSessionFiles));
}

TEST_F(SessionFiles, ASessionTellsHowItsTunnelsAre) {
  PublishedSession session(temp_.path(), example());
  const auto told = [this] {
    const auto found = read();
    return found.size() == 1 ? found[0].tunnels : std::nullopt;
  };
  session.publish();
  EXPECT_EQ(told(), TunnelCounts());
  EXPECT_THAT(read(), ElementsAre(Field(&OpenSession::process, ::getpid())));
  {
    PublishedTunnel first(session), second(session);
    EXPECT_EQ(told(), TunnelCounts()) << "neither has stood for long";
    first.publish();
    second.publish();
    EXPECT_EQ(told(), (TunnelCounts{2, 0, 0, 0}));
    first.lost();
    EXPECT_EQ(told()->detached, 1);
    EXPECT_GT(told()->detached_since, 0);
    second.lost();
    EXPECT_EQ(told()->detached, 2);
    first.resumed();
    second.resumed();
    EXPECT_EQ(told(), (TunnelCounts{2, 0, 0, 2}));
  }
  EXPECT_EQ(told(), (TunnelCounts{0, 0, 0, 2}));
}

TEST_F(SessionFiles, WhatHappensBeforeATunnelIsPublishedIsToldThen) {
  PublishedSession session(temp_.path(), example());
  PublishedTunnel tunnel(session);
  tunnel.lost();
  EXPECT_THAT(names(), IsEmpty());
  tunnel.publish();
  ASSERT_THAT(read(), SizeIs(1));
  EXPECT_EQ(read()[0].tunnels->detached, 1);
}

TEST_F(SessionFiles, ASessionThatCannotBeToldGoesOn) {
  spdlog::set_default_logger(std::make_shared<spdlog::logger>("none"));
  PublishedSession session(temp_ / "none", example());
  PublishedTunnel tunnel(session);
  tunnel.publish();
  tunnel.lost();
  std::filesystem::create_directory(temp_ / "none");
  tunnel.resumed();
  EXPECT_FALSE(std::filesystem::exists(temp_ / "none/sessions")) << "it is not tried again and again";
}

TEST_F(SessionFiles, ASessionThatEndsRemovesTheFilesOfThoseThatWereKilled) {
  temp_.put("sessions/killed.session", session_text(example()));
  {
    PublishedSession session(temp_.path(), example());
    EXPECT_THAT(names(), SizeIs(1));
    session.publish();
    EXPECT_THAT(names(), SizeIs(2));
  }
  EXPECT_THAT(names(), IsEmpty());
}

}  // namespace
}  // namespace cfpipe::cli
