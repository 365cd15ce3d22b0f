#include "auth/state/login_lock.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>

#include <array>
#include <chrono>
#include <functional>

#include "base/clock.h"
#include "base/platform/process_time.h"
#include "support/temp_dir.h"

namespace cfpipe::auth {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr const char* kToken = "vm.example.com-a1b2-token";
constexpr const char* kLock = "vm.example.com-a1b2-token.lock";
/// A pid that no process has: above the kernel's largest.
constexpr int kNoPid = 2147483647;

/// A process that does nothing until it is told to end.
class Idler {
 public:
  Idler() : pid_(::fork()) {
    if (pid_ == 0) {
      for (;;) ::pause();
    }
  }
  Idler(const Idler&) = delete;
  Idler& operator=(const Idler&) = delete;
  ~Idler() {
    kill();
    reap();
  }
  pid_t pid() const { return pid_; }
  /// Ends it and waits until it has, leaving it unreaped.
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
  }
  void reap() {
    if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  pid_t pid_;
};

std::string content_of(std::int64_t pid, std::int64_t start) {
  return "{\"pid\":" + std::to_string(pid) + ",\"start_time\":" + std::to_string(start) + "}\n";
}

class LoginLockFile : public ::testing::Test {
 protected:
  std::optional<LoginLock> acquire() {
    auto lock = LoginLock::try_acquire(dir_, kToken);
    EXPECT_TRUE(lock);
    return lock ? std::move(*lock) : std::nullopt;
  }
  /// Whether a lock file of this content counts as held.
  bool is_held(std::string_view content, std::int64_t age = 0) {
    temp_.put(kLock, content);
    temp_.set_age(kLock, age);
    const bool held = !acquire().has_value();
    EXPECT_EQ(temp_.has(kLock), held) << "left alone if held, released again if not";
    if (held) {
      EXPECT_EQ(temp_.get(kLock), content);
    }
    return held;
  }
  const TempDir temp_;
  const StateDir dir_ = *StateDir::at(temp_.path());
};

TEST_F(LoginLockFile, HoldsPidAndStartTimeAsCloudflaredWritesThem) {
  const auto lock = acquire();
  ASSERT_TRUE(lock);
  const auto start = process_start_ms(::getpid());
  ASSERT_TRUE(start);
  EXPECT_EQ(temp_.get(kLock), content_of(::getpid(), *start));
  EXPECT_EQ(temp_.mode(kLock), 0600U);
  EXPECT_THAT(temp_.names(), ElementsAre(kLock)) << "and nothing else";
}

TEST_F(LoginLockFile, GoesWithItsOwner) {
  { const auto lock = acquire(); }
  EXPECT_THAT(temp_.names(), IsEmpty());
  EXPECT_TRUE(acquire());
}

TEST_F(LoginLockFile, IsHeldOnlyOnce) {
  const auto lock = acquire();
  ASSERT_TRUE(lock);
  EXPECT_FALSE(acquire());
  EXPECT_THAT(temp_.names(), ElementsAre(kLock));
}

TEST_F(LoginLockFile, IsReleasedOnceAfterMoves) {
  auto first = acquire();
  ASSERT_TRUE(first);
  std::optional<LoginLock> second(std::move(*first));
  first.reset();
  EXPECT_TRUE(temp_.has(kLock));
  LoginLock third(std::move(*second));
  *second = std::move(third);
  EXPECT_TRUE(temp_.has(kLock));
  second.reset();
  EXPECT_FALSE(temp_.has(kLock));
}

TEST_F(LoginLockFile, IsHeldByALivingProcess) {
  const Idler idler;
  const auto start = process_start_ms(idler.pid());
  ASSERT_TRUE(start);
  EXPECT_TRUE(is_held(content_of(idler.pid(), *start)));
  EXPECT_TRUE(is_held(content_of(idler.pid(), *start), LoginLock::kLockMaxAge - 60));
}

TEST_F(LoginLockFile, ToleratesASecondInTheStartTime) {
  const Idler idler;
  const auto start = process_start_ms(idler.pid());
  ASSERT_TRUE(start);
  EXPECT_TRUE(is_held(content_of(idler.pid(), *start - 1000)));
  EXPECT_TRUE(is_held(content_of(idler.pid(), *start + 1000)));
  EXPECT_FALSE(is_held(content_of(idler.pid(), *start - 1001)));
  EXPECT_FALSE(is_held(content_of(idler.pid(), *start + 1001)));
  EXPECT_FALSE(is_held(content_of(idler.pid(), 0)));
}

TEST_F(LoginLockFile, IsFreeOnceItsProcessIsGone) {
  EXPECT_FALSE(is_held(content_of(kNoPid, 1'000'000'000'000)));
  Idler idler;
  const pid_t pid = idler.pid();
  const auto start = process_start_ms(pid);
  ASSERT_TRUE(start);
  idler.kill();
  EXPECT_FALSE(is_held(content_of(pid, *start))) << "killed, and its parent has not looked";
  idler.reap();
  EXPECT_FALSE(is_held(content_of(pid, *start)));
}

// cloudflared writes the name after the file has come to be, that of 2023 never, and may be killed in
// between.
TEST_F(LoginLockFile, WithoutAProcessIsHeldForSeconds) {
  for (const std::string& content :
       {std::string(), std::string("\n"), std::string("{"), std::string("{}"), std::string("[]"),
        std::string("{\"pid\":1}"), std::string("{\"start_time\":1}"), content_of(-1, 5), content_of(0, 5),
        content_of(4294967297, 5), std::string("{\"pid\":\"1\",\"start_time\":\"5\"}"),
        std::string("{\"pid\":1.5,\"start_time\":5}"), std::string("\0\0\0", 3)}) {
    EXPECT_TRUE(is_held(content)) << content;
    EXPECT_FALSE(is_held(content, LoginLock::kNamelessMaxAge + 1)) << content;
  }
}

TEST_F(LoginLockFile, IsStaleAfterTenMinutesEvenIfItsHolderLives) {
  const Idler idler;
  const auto start = process_start_ms(idler.pid());
  ASSERT_TRUE(start);
  EXPECT_FALSE(is_held(content_of(idler.pid(), *start), LoginLock::kLockMaxAge + 1));
  EXPECT_FALSE(is_held(content_of(idler.pid(), *start), -LoginLock::kLockMaxAge - 60)) << "dated far ahead";
}

TEST_F(LoginLockFile, IsReleasedOnlyIfStillOurs) {
  const std::string other = content_of(::getppid(), 5);
  {
    const auto lock = acquire();
    ASSERT_TRUE(lock);
    temp_.put(kLock, other);
  }
  EXPECT_EQ(temp_.get(kLock), other);
  ASSERT_EQ(::unlink((temp_ / kLock).c_str()), 0);
  {
    const auto lock = acquire();
    ASSERT_TRUE(lock);
    ASSERT_EQ(::unlink((temp_ / kLock).c_str()), 0);
  }
  EXPECT_THAT(temp_.names(), IsEmpty());
}

class LoginLockSeenByAnother : public LoginLockFile {
 protected:
  /// What one who finds it held is told once it is gone.
  std::optional<Failure> told_after(const std::function<void(LoginLock&)>& ending) {
    auto lock = acquire();
    std::optional<OtherLock> other;
    EXPECT_FALSE(*LoginLock::try_acquire(dir_, kToken, &other));
    EXPECT_TRUE(lock && other);
    if (!lock || !other) return std::nullopt;
    EXPECT_FALSE(other->ended()) << "not while it is held";
    ending(*lock);
    EXPECT_FALSE(other->ended()) << "nor before it is released";
    lock.reset();
    EXPECT_FALSE(temp_.has(kLock));
    return other->ended();
  }
};

TEST_F(LoginLockSeenByAnother, TellsHowTheLoginCameToNothing) {
  const auto cancelled = told_after([](LoginLock&) {});
  ASSERT_TRUE(cancelled);
  EXPECT_EQ(cancelled->stage, Stage::login);
  EXPECT_EQ(cancelled->cause, Cause::login_cancelled);
  const std::pair<Cause, Cause> expected[] = {{Cause::login_timed_out, Cause::login_timed_out},
                                              {Cause::login_failed, Cause::login_failed},
                                              {Cause::name_not_found, Cause::login_failed}};
  for (const auto& [cause, told] : expected) {
    const auto failed = told_after([cause = cause](LoginLock& lock) {
      lock.failed({Stage::login, cause, "why: \"}\\\t"});
    });
    ASSERT_TRUE(failed);
    EXPECT_EQ(failed->cause, told);
    EXPECT_THAT(failed->detail, ::testing::EndsWith(R"(: why: "}\?)")) << "control characters filtered";
  }
}

TEST_F(LoginLockSeenByAnother, SaysNothingOfALoginThatSucceeded) {
  EXPECT_FALSE(told_after([](LoginLock& lock) { lock.succeeded(); }));
}

TEST_F(LoginLockSeenByAnother, StaysAsCloudflaredWritesItWhileItIsHeld) {
  auto lock = acquire();
  ASSERT_TRUE(lock);
  const auto before = temp_.get(kLock);
  lock->failed({Stage::login, Cause::login_failed, "why"});
  EXPECT_EQ(temp_.get(kLock), before);
}

TEST_F(LoginLockSeenByAnother, RepeatsWhatTheOneBeforeItSaid) {
  auto first = acquire();
  ASSERT_TRUE(first);
  std::optional<OtherLock> of_first;
  EXPECT_FALSE(*LoginLock::try_acquire(dir_, kToken, &of_first));
  first->failed({Stage::login, Cause::login_timed_out, "why"});
  first.reset();
  const auto expected = of_first->ended();
  ASSERT_TRUE(expected);
  const auto told = told_after([&of_first](LoginLock& lock) { lock.repeat(*of_first); });
  ASSERT_TRUE(told);
  EXPECT_EQ(told->cause, Cause::login_timed_out) << "and not that it was cancelled";
  EXPECT_EQ(told->detail, expected->detail);
}

TEST_F(LoginLockFile, OfCloudflareds2023SaysNothing) {
  temp_.put(kLock, "");
  std::optional<OtherLock> other;
  EXPECT_FALSE(*LoginLock::try_acquire(dir_, kToken, &other));
  ASSERT_TRUE(other);
  EXPECT_FALSE(other->ended());
}

TEST_F(LoginLockFile, IsLookedAtWithoutAWriteWhileItIsHeld) {
  temp_.put(kLock, "");
  temp_.set_age(".", 60);
  const auto time_of_change = [this] {
    struct stat info {};
    EXPECT_EQ(::stat(temp_.path().c_str(), &info), 0);
    return info.st_mtim.tv_sec;
  };
  const auto before = time_of_change();
  EXPECT_FALSE(acquire());
  EXPECT_EQ(time_of_change(), before) << "each look that wrote would wake all who watch the directory";
}

TEST_F(LoginLockFile, OfALoginThatIsOverGoesWithItsToken) {
  temp_.put(kLock, "");
  LoginLock::remove_finished(dir_, kToken);
  EXPECT_TRUE(temp_.has(kLock)) << "no token has come";
  temp_.put(kToken, "x");
  temp_.set_age(kToken, 60);
  LoginLock::remove_finished(dir_, kToken);
  EXPECT_TRUE(temp_.has(kLock)) << "the token is that of a login before";
  temp_.set_age(kLock, 61);
  LoginLock::remove_finished(dir_, kToken);
  EXPECT_THAT(temp_.names(), ElementsAre(kToken));
}

// File systems with coarse times give both files the same.
TEST_F(LoginLockFile, AsOldAsItsTokenIsThatOfALoginThatIsOver) {
  temp_.put(kLock, "");
  temp_.put(kToken, "x");
  constexpr std::array<timespec, 2> kTimes{{{1'700'000'000, 5}, {1'700'000'000, 5}}};
  for (const char* name : {kLock, kToken})
    ASSERT_EQ(::utimensat(AT_FDCWD, (temp_ / name).c_str(), kTimes.data(), 0), 0);
  LoginLock::remove_finished(dir_, kToken);
  EXPECT_THAT(temp_.names(), ElementsAre(kToken));
}

TEST_F(LoginLockFile, ThatIsALinkIsRefused) {
  temp_.put("target", "");
  ASSERT_EQ(::symlink("target", (temp_ / kLock).c_str()), 0);
  const auto lock = LoginLock::try_acquire(dir_, kToken);
  ASSERT_TRUE(lock.has_error());
  EXPECT_EQ(lock.error().stage, Stage::state);
  EXPECT_EQ(lock.error().cause, Cause::state_foreign_owner);
  EXPECT_THAT(temp_.names(), ElementsAre("target", kLock));
}

TEST_F(LoginLockFile, ForANameThatIsNoneIsRefused) {
  EXPECT_TRUE(LoginLock::try_acquire(dir_, "a\nb").has_error());
  EXPECT_THAT(temp_.names(), IsEmpty());
}

/// Starts `kRacers` processes that all try for the lock at once and then keep it; returns how many got it.
constexpr int kRacers = 8;
int winners_of_a_race(const StateDir& dir) {
  std::array<int, 2> start{};
  std::array<int, 2> results{};
  std::array<int, 2> finish{};
  EXPECT_EQ(::pipe(start.data()) | ::pipe(results.data()) | ::pipe(finish.data()), 0);
  std::array<pid_t, kRacers> racers{};
  for (pid_t& racer : racers) {
    racer = ::fork();
    if (racer != 0) continue;
    ::close(start[1]);
    ::close(finish[1]);
    char byte = 0;
    // Both reads end when the parent closes its end.
    const bool started = ::read(start[0], &byte, 1) == 0;
    const auto lock = LoginLock::try_acquire(dir, kToken);
    const char result = started && lock && *lock ? '1' : '0';
    const bool told = ::write(results[1], &result, 1) == 1 && ::read(finish[0], &byte, 1) == 0;
    ::_exit(told ? 0 : 1);
  }
  ::close(start[0]);
  ::close(finish[0]);
  ::close(results[1]);
  ::close(start[1]);
  int winners = 0;
  char result = 0;
  for (int i = 0; i < kRacers; ++i) {
    EXPECT_EQ(::read(results[0], &result, 1), 1);
    winners += result == '1' ? 1 : 0;
  }
  ::close(finish[1]);
  ::close(results[0]);
  for (const pid_t racer : racers) {
    int status = -1;
    EXPECT_EQ(::waitpid(racer, &status, 0), racer);
    EXPECT_EQ(status, 0);
  }
  return winners;
}

TEST_F(LoginLockFile, GoesToExactlyOneOfManyThatFindItDead) {
  for (int round = 0; round < 20; ++round) {
    temp_.put(kLock, content_of(kNoPid, 5));
    ASSERT_EQ(winners_of_a_race(dir_), 1) << round;
    // The winner ended without releasing it.
    EXPECT_THAT(temp_.names(), ElementsAre(kLock));
    EXPECT_TRUE(acquire());
  }
}

TEST_F(LoginLockFile, GoesToExactlyOneOfManyThatFindNone) {
  for (int round = 0; round < 20; ++round) {
    ASSERT_EQ(winners_of_a_race(dir_), 1) << round;
    EXPECT_TRUE(acquire());
  }
}

TEST(ProcessTime, IsThatOfTheFork) {
  const Idler idler;
  const auto start = process_start_ms(idler.pid());
  ASSERT_TRUE(start);
  EXPECT_NEAR(static_cast<double>(*start), static_cast<double>(unix_now()) * 1000, 3000);
  EXPECT_EQ(process_start_ms(idler.pid()), start) << "the same at every reading";
}

TEST(ProcessTime, IsNothingForAProcessThatIsGoneOrNone) {
  EXPECT_FALSE(process_start_ms(kNoPid));
  EXPECT_FALSE(process_start_ms(-1));
  Idler idler;
  idler.kill();
  EXPECT_FALSE(process_start_ms(idler.pid()));
}

}  // namespace
}  // namespace cfpipe::auth
