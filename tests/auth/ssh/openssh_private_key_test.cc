#include "auth/ssh/openssh_private_key.h"

#include <gtest/gtest.h>

#include <string>

#include "auth/ssh/key.h"
#include "auth/ssh_tools.h"

namespace cfpipe::auth {
namespace {

using testing::read_file;
using testing::run;
using testing::trimmed;
using testing::write_file;

std::string made_by_ssh_keygen(const TempDir& dir, const std::string& options) {
  const auto ran = run("rm -f " + (dir / "k") + "*; ssh-keygen -q -f " + (dir / "k") + " " + options);
  EXPECT_EQ(ran.status, 0) << ran.output;
  return read_file(dir / "k");
}
std::string public_of(const TempDir& dir) {
  return parse_public_key_line(trimmed(read_file(dir / "k.pub")))->blob;
}

TEST(OpensshKey, KeysOfSshKeygenAreRead) {
  const TempDir dir;
  for (const char* kind : {"-t ed25519 -N ''", "-t ecdsa -N ''"}) {
    const std::string text = made_by_ssh_keygen(dir, kind);
    const auto key = SshKey::from_pem(text);
    ASSERT_TRUE(key) << key.error().detail;
    EXPECT_EQ(key->public_blob(), public_of(dir));
    EXPECT_EQ(*openssh_public_blob(text), public_of(dir));
  }
}

TEST(OpensshKey, ThePublicHalfOfALockedKeyIsReadAndNothingElse) {
  const TempDir dir;
  for (const char* kind : {"-t ed25519 -N secret", "-t rsa -b 2048 -N secret", "-t ecdsa -b 384 -N ''"}) {
    const std::string text = made_by_ssh_keygen(dir, kind);
    EXPECT_EQ(*openssh_public_blob(text), public_of(dir)) << kind;
    const auto key = SshKey::from_pem(text);
    ASSERT_FALSE(key) << kind;
    EXPECT_EQ(key.error().cause, Cause::key_unusable);
  }
}

TEST(OpensshKey, SshKeygenReadsWhatIsWritten) {
  const TempDir dir;
  for (const KeyType type : {KeyType::ed25519, KeyType::ecdsa_p256}) {
    const SshKey key = SshKey::generate(type);
    write_file(dir / "k", key.private_file().reveal());
    const auto ran = run("ssh-keygen -y -P '' -f " + dir / "k");
    EXPECT_EQ(ran.status, 0) << ran.output;
    EXPECT_EQ(testing::without_comment(ran.output), key.authorized_key());
    EXPECT_EQ(SshKey::from_pem(key.private_file().reveal())->public_blob(), key.public_blob());
  }
}

TEST(OpensshKey, DamagedKeysAreRefused) {
  const std::string text(SshKey::generate(KeyType::ed25519).private_file().reveal());
  const std::string other(SshKey::generate(KeyType::ed25519).private_file().reveal());
  // The line end behind the last line may be missing.
  for (std::size_t i = 0; i + 1 < text.size(); ++i) EXPECT_FALSE(SshKey::from_pem(text.substr(0, i))) << i;
  // Halves of two keys.
  std::string mixed = text;
  mixed.replace(mixed.size() / 2, mixed.size(), other.substr(other.size() / 2));
  EXPECT_FALSE(SshKey::from_pem(mixed));
  EXPECT_FALSE(openssh_public_blob("-----BEGIN OPENSSH PRIVATE KEY-----"));
  EXPECT_FALSE(openssh_public_blob(std::string(2 * kMaxKeyFileBytes, 'A')));
}

}  // namespace
}  // namespace cfpipe::auth
