#include "auth/state/state_dir.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <optional>

#include "support/temp_dir.h"

namespace cfpipe::auth {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

StateDir dir_at(const TempDir& temp) {
  return *StateDir::at(temp.path());
}

template <class T>
void expect_failure(const Result<T>& result, Cause cause, std::string_view detail) {
  ASSERT_TRUE(result.has_error());
  EXPECT_EQ(result.error().stage, Stage::state);
  EXPECT_EQ(result.error().cause, cause);
  EXPECT_THAT(result.error().detail, HasSubstr(std::string(detail)));
}

/// Sets one environment variable for as long as it lives.
class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    value == nullptr ? ::unsetenv(name) : ::setenv(name, value, 1);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment() { old_ ? ::setenv(name_, old_->c_str(), 1) : ::unsetenv(name_); }

 private:
  const char* name_;
  std::optional<std::string> old_;
};

TEST(StateDir, IsMadeForItsOwnerOnly) {
  const TempDir temp;
  const mode_t old = ::umask(0);
  const auto dir = StateDir::at(temp / "new/");
  ::umask(old);
  ASSERT_TRUE(dir);
  EXPECT_EQ(dir->path(), temp / "new");
  EXPECT_EQ(temp.mode("new"), 0700U);
  EXPECT_TRUE(StateDir::at(temp / "new"));
}

TEST(StateDir, IsFoundByEnvironmentOrHome) {
  const TempDir temp;
  const Environment home("HOME", temp.path().c_str());
  {
    const Environment own("CFPIPE_HOME", (temp / "own").c_str());
    EXPECT_EQ(StateDir::open()->path(), temp / "own");
  }
  const Environment none("CFPIPE_HOME", nullptr);
  EXPECT_EQ(StateDir::open()->path(), temp / ".cloudflared");
  EXPECT_EQ(temp.mode(".cloudflared"), 0700U);
  const Environment empty("CFPIPE_HOME", "");
  EXPECT_EQ(StateDir::open()->path(), temp / ".cloudflared");
}

TEST(StateDir, MayBeReadableByOthersButNotWritable) {
  const TempDir temp;
  ASSERT_EQ(::chmod(temp.path().c_str(), 0755), 0);
  EXPECT_TRUE(StateDir::at(temp.path()));
  for (const mode_t mode : {0720U, 0702U, 0777U, 01777U}) {
    ASSERT_EQ(::chmod(temp.path().c_str(), mode), 0);
    expect_failure(StateDir::at(temp.path()), Cause::state_writable_by_others, temp.path());
  }
}

TEST(StateDir, MustNotBelongToSomeoneElse) {
  const TempDir temp;
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(temp.path().c_str(), kSomeoneElse, kSomeoneElse), 0);
    expect_failure(StateDir::at(temp.path()), Cause::state_foreign_owner, temp.path());
  } else {
    expect_failure(StateDir::at("/usr"), Cause::state_foreign_owner, "/usr");
  }
}

TEST(StateDir, ThatCannotBeOpenedIsUnreadable) {
  const TempDir temp;
  temp.put("file", "x");
  expect_failure(StateDir::at(temp / "file"), Cause::state_unreadable, temp / "file");
  ASSERT_EQ(::mkdir((temp / "closed").c_str(), 0), 0);
  // Root reads directories of mode 0000 too, and has to be someone else for that long.
  const uid_t self = ::geteuid();
  if (self == 0) {
    ASSERT_EQ(::chmod(temp.path().c_str(), 0755), 0);
    ASSERT_EQ(::chown((temp / "closed").c_str(), kSomeoneElse, kSomeoneElse), 0);
    ASSERT_EQ(::seteuid(kSomeoneElse), 0);
  }
  const auto closed = StateDir::at(temp / "closed");
  ASSERT_EQ(::seteuid(self), 0);
  expect_failure(closed, Cause::state_unreadable, temp / "closed");
}

TEST(StateDir, ThatCannotBeMadeNamesItsPath) {
  const TempDir temp;
  expect_failure(StateDir::at(temp / "a/b"), Cause::state_write_failed, temp / "a/b");
}

TEST(StateFile, ComesBackAsWritten) {
  const TempDir temp;
  const StateDir dir = dir_at(temp);
  const std::string content("to\0ken\n", 7);
  ASSERT_TRUE(dir.write("name", content));
  const auto read = dir.read("name");
  ASSERT_TRUE(read && *read);
  EXPECT_EQ((*read)->reveal(), content);
  ASSERT_TRUE(dir.write("name", ""));
  EXPECT_EQ((*dir.read("name"))->reveal(), "");
}

TEST(StateFile, IsNothingWhenAbsent) {
  const TempDir temp;
  const StateDir dir = dir_at(temp);
  const auto read = dir.read("name");
  ASSERT_TRUE(read);
  EXPECT_FALSE(*read);
  EXPECT_FALSE(dir.age("name"));
  EXPECT_TRUE(dir.remove("name"));
  EXPECT_TRUE(dir.remove_if("name", "x"));
}

TEST(StateFile, IsWrittenForItsOwnerOnlyAndLeavesNoOtherName) {
  const TempDir temp;
  const StateDir dir = dir_at(temp);
  for (const mode_t mask : {0U, 0777U}) {
    const mode_t old = ::umask(mask);
    EXPECT_TRUE(dir.write("name", "x"));
    EXPECT_TRUE(dir.write("public", "x", 0644));
    ::umask(old);
    EXPECT_EQ(temp.mode("name"), 0600U);
    EXPECT_EQ(temp.mode("public"), 0644U);
  }
  EXPECT_THAT(temp.names(), ElementsAre("name", "public"));
}

TEST(StateFile, ReplacesTheFileRatherThanItsContent) {
  const TempDir temp;
  const StateDir dir = dir_at(temp);
  temp.put("name", "old");
  ASSERT_EQ(::link((temp / "name").c_str(), (temp / "second").c_str()), 0);
  ASSERT_TRUE(dir.write("name", "new"));
  EXPECT_EQ(temp.get("name"), "new");
  EXPECT_EQ(temp.get("second"), "old") << "a reader that has the old file open keeps all of it";
}

TEST(StateFile, LeavesNoOtherNameWhenWritingFails) {
  const TempDir temp;
  const StateDir dir = dir_at(temp);
  ASSERT_EQ(::mkdir((temp / "name").c_str(), 0700), 0);
  expect_failure(dir.write("name", "x"), Cause::state_write_failed, temp / "name");
  expect_failure(dir.write(std::string(300, 'n'), "x"), Cause::state_write_failed, temp.path());
  EXPECT_THAT(temp.names(), ElementsAre("name"));
}

TEST(StateFile, ThatOthersMayReadIsTakenAndThenKeptClosed) {
  const TempDir temp;
  const StateDir dir = dir_at(temp);
  temp.put("name", "token", 0644);
  EXPECT_EQ((*dir.read("name"))->reveal(), "token");
  ASSERT_TRUE(dir.write("name", "next"));
  EXPECT_EQ(temp.mode("name"), 0600U);
}

TEST(StateFile, ThatOthersMayWriteIsRefused) {
  const TempDir temp;
  const StateDir dir = dir_at(temp);
  for (const mode_t mode : {0620U, 0602U, 0666U}) {
    temp.put("name", "token", mode);
    expect_failure(dir.read("name"), Cause::state_writable_by_others, temp / "name");
  }
}

TEST(StateFile, OfSomeoneElseIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file to someone else";
  const TempDir temp;
  const StateDir dir = dir_at(temp);
  const std::string path = temp.put("name", "token");
  ASSERT_EQ(::chown(path.c_str(), kSomeoneElse, kSomeoneElse), 0);
  expect_failure(dir.read("name"), Cause::state_foreign_owner, path);
}

TEST(StateFile, ThatIsALinkIsRefusedAndReplacedWithoutFollowing) {
  const TempDir temp;
  const StateDir dir = dir_at(temp);
  temp.put("target", "token");
  ASSERT_EQ(::symlink("target", (temp / "name").c_str()), 0);
  expect_failure(dir.read("name"), Cause::state_foreign_owner, temp / "name");
  ASSERT_TRUE(dir.write("name", "new"));
  EXPECT_EQ(temp.get("target"), "token");
  EXPECT_EQ((*dir.read("name"))->reveal(), "new");
}

TEST(StateFile, ThatIsNoPlainFileIsRefusedAtOnce) {
  const TempDir temp;
  const StateDir dir = dir_at(temp);
  ASSERT_EQ(::mkfifo((temp / "fifo").c_str(), 0600), 0);
  ASSERT_EQ(::mkdir((temp / "dir").c_str(), 0700), 0);
  expect_failure(dir.read("fifo"), Cause::state_unreadable, temp / "fifo");
  expect_failure(dir.read("dir"), Cause::state_unreadable, temp / "dir");
}

TEST(StateFile, BeyondTheBoundIsRefused) {
  const TempDir temp;
  const StateDir dir = dir_at(temp);
  temp.put("name", std::string(kMaxStateFileBytes, 'x'));
  EXPECT_EQ((*dir.read("name"))->reveal().size(), kMaxStateFileBytes);
  temp.put("name", std::string(kMaxStateFileBytes + 1, 'x'));
  expect_failure(dir.read("name"), Cause::state_unreadable, temp / "name");
}

TEST(StateFile, IsRemovedOnlyWhileItHoldsWhatWasJudged) {
  const TempDir temp;
  const StateDir dir = dir_at(temp);
  temp.put("name", "fresh");
  EXPECT_TRUE(dir.remove_if("name", "expired"));
  EXPECT_TRUE(temp.has("name"));
  EXPECT_TRUE(dir.remove_if("name", "fresh"));
  EXPECT_FALSE(temp.has("name"));
  temp.put("name", "x");
  EXPECT_TRUE(dir.remove("name"));
  EXPECT_FALSE(temp.has("name"));
}

TEST(StateFile, NamesAreWrittenAsCloudflaredWritesThem) {
  EXPECT_EQ(StateDir::safe_name("*.example.com-a1-token"), "-.example.com-a1-token");
  EXPECT_EQ(StateDir::safe_name("vm.example.com/a/b-cf_key"), "vm.example.com-a-b-cf_key");
  EXPECT_EQ(StateDir::safe_name("../../etc/passwd"), "..-..-etc-passwd");
  EXPECT_EQ(StateDir::safe_name("auth.localhost:8443-jwks"), "auth.localhost:8443-jwks");
}

TEST(StateFile, NamesThatAreNoneNeverReachTheDisk) {
  const TempDir temp;
  const StateDir dir = dir_at(temp);
  for (const std::string& name : {std::string(), std::string("."), std::string(".."), std::string("a\nb"),
                                  std::string("a\0b", 3), std::string("a\x7f"), std::string("\x1b[2J")}) {
    EXPECT_EQ(StateDir::safe_name(name), "");
    EXPECT_EQ(dir.file(name), "");
    EXPECT_TRUE(dir.read(name).has_error());
    EXPECT_TRUE(dir.write(name, "x").has_error());
    EXPECT_TRUE(dir.remove(name).has_error());
    EXPECT_FALSE(dir.age(name));
  }
  EXPECT_THAT(temp.names(), IsEmpty());
}

TEST(StateFile, AgeIsTheDistanceToItsLastChange) {
  const TempDir temp;
  const StateDir dir = dir_at(temp);
  temp.put("name", "x");
  temp.set_age("name", 3600);
  EXPECT_NEAR(static_cast<double>(*dir.age("name")), 3600, 5);
  temp.set_age("name", -3600);
  EXPECT_NEAR(static_cast<double>(*dir.age("name")), 3600, 5);
}

TEST(StateDir, ListsPlainFilesBySuffix) {
  const TempDir temp;
  const StateDir dir = dir_at(temp);
  for (const char* name : {"b-token", "a-token", "a-token.lock", "c-jwks"}) temp.put(name, "x");
  ASSERT_EQ(::symlink("a-token", (temp / "link-token").c_str()), 0);
  ASSERT_EQ(::mkdir((temp / "dir-token").c_str(), 0700), 0);
  EXPECT_THAT(*dir.list("-token"), ElementsAre("a-token", "b-token"));
  EXPECT_THAT(*dir.list("-none"), IsEmpty());
}

TEST(StateDir, SaysThatItCannotBeListed) {
  TempDir temp;
  const StateDir dir = dir_at(temp);
  ASSERT_EQ(::rmdir(temp.path().c_str()), 0);
  const auto names = dir.list("-token");
  ASSERT_FALSE(names);
  EXPECT_EQ(names.error().cause, Cause::state_unreadable);
}

}  // namespace
}  // namespace cfpipe::auth
