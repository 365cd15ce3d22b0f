#include "auth/certificate/key_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "auth/ssh_tools.h"

namespace cfpipe::auth {
namespace {

using testing::read_file;
using testing::run;
using testing::without_comment;
using testing::write_file;

constexpr std::uint64_t kKeyFileTime = 1'700'000'000;

Certificate certify(const SshKey& key, std::uint64_t until = kKeyFileTime + 240) {
  static const SshKey ca = SshKey::generate(KeyType::ed25519);
  CertFields fields;
  fields.key_id = "ann@example.com";
  fields.principals = {"ann"};
  fields.valid_after = kKeyFileTime - 60;
  fields.valid_before = until;
  return *parse_certificate(*make_user_certificate(key.public_blob(), fields, ca));
}

class KeyFilesTest : public ::testing::Test {
 protected:
  mode_t mode(const std::string& path) {
    struct stat info {};
    EXPECT_EQ(::lstat(path.c_str(), &info), 0) << path;
    return info.st_mode & 0777U;
  }
  TempDir temp_;
  StateDir dir_ = *StateDir::at(temp_.path());
  KeyFiles files_{dir_, "vm.example.com", ""};
  SshKey key_ = SshKey::generate(KeyType::ecdsa_p256);
  const std::string base_ = temp_ / "vm.example.com-cf_key";
};

TEST_F(KeyFilesTest, HaveTheNamesAndModesOfCloudflared) {
  EXPECT_EQ(files_.key_path(), base_);
  EXPECT_EQ(files_.cert_path(), base_ + "-cert.pub");
  EXPECT_EQ(KeyFiles(dir_, "vm.example.com", "/a%20b/c").key_path(), temp_ / "vm.example.com-a%20b-c-cf_key");
  ASSERT_TRUE(files_.store(key_, certify(key_)));
  for (const char* suffix : {"", ".pub", "-cert.pub"}) EXPECT_EQ(mode(base_ + suffix), 0600U) << suffix;
}

TEST_F(KeyFilesTest, AreReadBySshKeygen) {
  const Certificate certificate = certify(key_);
  ASSERT_TRUE(files_.store(key_, certificate));
  EXPECT_EQ(without_comment(run("ssh-keygen -y -f " + base_).output), key_.authorized_key());
  EXPECT_EQ(read_file(base_ + ".pub"), key_.authorized_key() + "\n");
  EXPECT_EQ(read_file(base_ + "-cert.pub"), certificate.line + "\n");
  EXPECT_EQ(run("ssh-keygen -L -f " + base_ + "-cert.pub").status, 0);
}

TEST_F(KeyFilesTest, GiveBackTheStoredPair) {
  EXPECT_FALSE(*files_.load(kKeyFileTime));
  EXPECT_FALSE(*files_.load_key());
  const Certificate certificate = certify(key_);
  ASSERT_TRUE(files_.store(key_, certificate));
  const auto loaded = files_.load(kKeyFileTime);
  ASSERT_TRUE(loaded && *loaded);
  EXPECT_EQ((*loaded)->key.public_blob(), key_.public_blob());
  EXPECT_EQ((*loaded)->certificate.line, certificate.line);
  EXPECT_FALSE(*KeyFiles(dir_, "other.example.com", "").load(kKeyFileTime));
}

TEST_F(KeyFilesTest, ReadAPairThatOthersWrote) {
  ASSERT_EQ(run("cd " + temp_.path() +
                " && ssh-keygen -q -N '' -t ed25519 -f ca && ssh-keygen -q -N '' -m PEM -t ecdsa -f " +
                base_ + " && ssh-keygen -q -s ca -I id -n ann " + base_)
                .status,
            0);
  const auto loaded = files_.load(kKeyFileTime);
  ASSERT_TRUE(loaded && *loaded);
  EXPECT_EQ((*loaded)->certificate.fields.key_id, "id");
}

TEST_F(KeyFilesTest, ACertificateAboutToEndIsNotUsedAgain) {
  ASSERT_TRUE(files_.store(key_, certify(key_, kKeyFileTime + kCertReuseMargin)));
  EXPECT_TRUE(*files_.load(kKeyFileTime));
  EXPECT_FALSE(*files_.load(kKeyFileTime + 1));
  EXPECT_FALSE(*files_.load(kKeyFileTime + 10'000));
  EXPECT_FALSE(*files_.load(kKeyFileTime - 10'000)) << "from the future: the clock is wrong";
  const auto key = files_.load_key();
  ASSERT_TRUE(key && *key) << "the key is still good to have signed again";
  EXPECT_EQ((*key)->public_blob(), key_.public_blob());
}

TEST_F(KeyFilesTest, ACertificateOfAnotherClockIsJudgedByThatClock) {
  Certificate certificate = certify(key_, kKeyFileTime + 240);
  certificate.clock_offset = 600;  // ours was ten minutes behind when it came
  ASSERT_TRUE(files_.store(key_, certificate));
  EXPECT_THAT(read_file(base_ + "-cert.pub"), ::testing::EndsWith(" clock=600\n"));
  EXPECT_TRUE(*files_.load(kKeyFileTime - 600));
  EXPECT_EQ((*files_.load(kKeyFileTime - 600))->certificate.clock_offset, 600);
  EXPECT_TRUE(*files_.load(kKeyFileTime - 600 + 180));
  EXPECT_FALSE(*files_.load(kKeyFileTime - 600 + 181)) << "sshd's clock says that it ends";
  certificate.clock_offset = -600;
  ASSERT_TRUE(files_.store(key_, certificate));
  EXPECT_FALSE(*files_.load(kKeyFileTime + 600)) << "our clock may have been set since";
}

TEST(KeyFiles, WhatACommentSaysAboutClocksIsReadWithCare) {
  EXPECT_EQ(read_clock_offset(file_comment("cfpipe vm.example.com", -90)), -90);
  EXPECT_EQ(file_comment("cfpipe vm.example.com", 0), "cfpipe vm.example.com");
  EXPECT_EQ(file_comment("", 90), "clock=90");
  for (const char* comment : {"", "ann", "clock=", "clock=x", "clock=9x", "clock=99999999999999999999",
                              "clock=9223372036854775807", "clock=-9223372036854775808"})
    EXPECT_EQ(read_clock_offset(comment), 0) << comment;
}

TEST_F(KeyFilesTest, WhatDoesNotFitTogetherIsNothing) {
  const SshKey other = SshKey::generate(KeyType::ecdsa_p256);
  const auto broken = [&](const std::string& path, const std::string& content) {
    EXPECT_TRUE(files_.store(key_, certify(key_)));
    EXPECT_TRUE(*files_.load(kKeyFileTime));
    write_file(path, content);
    const auto loaded = files_.load(kKeyFileTime);
    return loaded && !*loaded;
  };
  EXPECT_TRUE(broken(base_, std::string(other.private_pem().reveal())));
  EXPECT_TRUE(broken(base_, "nonsense"));
  EXPECT_TRUE(broken(base_, ""));
  EXPECT_TRUE(broken(base_ + "-cert.pub", certify(other).line));
  EXPECT_TRUE(broken(base_ + "-cert.pub", certify(key_).line.substr(0, 300)));
  EXPECT_TRUE(broken(base_ + "-cert.pub", ""));
  EXPECT_FALSE(files_.store(key_, certify(other)));
}

TEST_F(KeyFilesTest, AKeyThatOthersCouldReadIsReplaced) {
  ASSERT_TRUE(files_.store(key_, certify(key_)));
  ASSERT_EQ(::chmod(base_.c_str(), 0644), 0);
  EXPECT_FALSE(*files_.load(kKeyFileTime));
  EXPECT_FALSE(*files_.load_key());
  ASSERT_TRUE(files_.store(key_, certify(key_)));
  EXPECT_EQ(mode(base_), 0600U);
  EXPECT_TRUE(*files_.load(kKeyFileTime));
}

TEST_F(KeyFilesTest, ALinkIsAFailureAndIsNotFollowed) {
  write_file(temp_ / "elsewhere", "precious");
  for (const char* suffix : {"", "-cert.pub"}) {
    ASSERT_TRUE(files_.store(key_, certify(key_)));
    ASSERT_EQ(::unlink((base_ + suffix).c_str()), 0);
    ASSERT_EQ(::symlink((temp_ / "elsewhere").c_str(), (base_ + suffix).c_str()), 0);
    const auto loaded = files_.load(kKeyFileTime);
    ASSERT_FALSE(loaded) << suffix;
    EXPECT_EQ(loaded.error().stage, Stage::state);
    ASSERT_EQ(::unlink((base_ + suffix).c_str()), 0);
  }
  EXPECT_EQ(read_file(temp_ / "elsewhere"), "precious");
}

TEST_F(KeyFilesTest, SomeoneElsesKeyIsAFailure) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to give a file away";
  ASSERT_TRUE(files_.store(key_, certify(key_)));
  ASSERT_EQ(::chown(base_.c_str(), 65534, 65534), 0);
  const auto loaded = files_.load(kKeyFileTime);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().cause, Cause::state_foreign_owner);
  EXPECT_FALSE(files_.store(key_, certify(key_)));
}

/// What ssh would see: key and certificate read one after the other, each whole. False if they do not match
/// although nothing changed meanwhile.
bool consistent(const std::string& base) {
  const std::string before = read_file(base);
  const std::string certificate = read_file(base + "-cert.pub");
  if (certificate.empty() || read_file(base) != before) return true;
  const auto key = SshKey::from_pem(before);
  const auto parsed = parse_certificate(certificate);
  return key && parsed && parsed->user_key_blob == key->public_blob();
}

TEST_F(KeyFilesTest, ConcurrentWritersNeverLeaveAMismatchedPair) {
  constexpr int kWriters = 8;
  constexpr int kRounds = 8;
  std::vector<pid_t> writers;
  for (int i = 0; i < kWriters; ++i) {
    const pid_t pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid > 0) {
      writers.push_back(pid);
      continue;
    }
    bool ok = true;
    for (int round = 0; round < kRounds && ok; ++round) {
      const SshKey key = SshKey::generate(KeyType::ecdsa_p256);
      ok = bool(files_.store(key, certify(key))) && bool(files_.store(key, certify(key)));
    }
    ::_exit(ok ? 0 : 1);
  }
  int reads = 0;
  int pairs = 0;
  for (std::size_t done = 0; done < writers.size();) {
    ASSERT_TRUE(consistent(base_));
    const auto loaded = files_.load(kKeyFileTime);
    ASSERT_TRUE(loaded) << loaded.error().detail;
    if (*loaded) {
      ASSERT_EQ((*loaded)->key.public_blob(), (*loaded)->certificate.user_key_blob);
      ++pairs;
    }
    ++reads;
    int status = 0;
    if (::waitpid(writers[done], &status, WNOHANG) == writers[done]) {
      EXPECT_EQ(status, 0);
      ++done;
    }
  }
  EXPECT_GT(reads, 20);
  EXPECT_GT(pairs, 0);
  EXPECT_TRUE(*files_.load(kKeyFileTime)) << "the last writer's pair is whole";
  EXPECT_EQ(read_file(base_ + ".pub"), (*files_.load_key())->authorized_key() + "\n");
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(temp_.path()))
    count += entry.exists() ? 1U : 0U;
  EXPECT_EQ(count, 4U) << "key, .pub, certificate, lock";
}

TEST_F(KeyFilesTest, AWriterKilledAnywhereLeavesNoMismatch) {
  ASSERT_TRUE(files_.store(key_, certify(key_)));
  for (int i = 0; i < 60; ++i) {
    const pid_t pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // should an assertion end this test first
      for (;;) {
        const SshKey key = SshKey::generate(KeyType::ecdsa_p256);
        (void)files_.store(key, certify(key));
      }
    }
    for (int spin = 0; spin < i * 2; ++spin) ASSERT_TRUE(consistent(base_));
    ::kill(pid, SIGKILL);
    ASSERT_EQ(::waitpid(pid, nullptr, 0), pid);
    const std::string certificate = read_file(base_ + "-cert.pub");
    if (certificate.empty()) continue;
    const auto parsed = parse_certificate(certificate);
    const auto key = files_.load_key();
    ASSERT_TRUE(parsed && key && *key);
    ASSERT_EQ(parsed->user_key_blob, (*key)->public_blob());
  }
  const SshKey last = SshKey::generate(KeyType::ecdsa_p256);
  ASSERT_TRUE(files_.store(last, certify(last))) << "a dead writer's lock is free";
  EXPECT_TRUE(*files_.load(kKeyFileTime));
}

}  // namespace
}  // namespace cfpipe::auth
