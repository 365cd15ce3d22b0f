#include "auth/ssh/key.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "auth/ssh/wire.h"
#include "auth/ssh_tools.h"
#include "base/base64.h"

namespace cfpipe::auth {
namespace {

using testing::Ran;
using testing::read_file;
using testing::run;
using testing::trimmed;
using testing::without_comment;
using testing::write_file;
using namespace std::string_literals;
using namespace std::string_view_literals;

std::string blob_of(const std::string& public_file) {
  const auto parsed = parse_public_key_line(read_file(public_file));
  EXPECT_TRUE(parsed) << public_file;
  return parsed ? parsed->blob : std::string();
}

/// A public key made by ssh-keygen with these options.
std::string keygen_blob(const TempDir& dir, const std::string& options) {
  const Ran ran = run("rm -f " + (dir / "k") + "*; ssh-keygen -q -N '' -f " + (dir / "k") + " " + options);
  EXPECT_EQ(ran.status, 0) << ran.output;
  return blob_of(dir / "k.pub");
}

class EveryKeyType : public ::testing::TestWithParam<KeyType> {};
INSTANTIATE_TEST_SUITE_P(SshKey, EveryKeyType,
                         ::testing::Values(KeyType::ed25519, KeyType::ecdsa_p256, KeyType::rsa),
                         [](const auto& type) {
                           return type.param == KeyType::ed25519 ? "ed25519"
                                  : type.param == KeyType::rsa   ? "rsa"
                                                                 : "p256";
                         });

TEST_P(EveryKeyType, IsFingerprintedByKeygenAsByUs) {
  const TempDir dir;
  const SshKey key = SshKey::generate(GetParam());
  write_file(dir / "k.pub", key.authorized_key("a comment") + "\n");
  const Ran ran = run("ssh-keygen -l -E sha256 -f " + dir / "k.pub");
  EXPECT_EQ(ran.status, 0) << ran.output;
  EXPECT_NE(ran.output.find(" " + fingerprint(key.public_blob()) + " a comment "), std::string::npos)
      << ran.output << fingerprint(key.public_blob());
}

TEST_P(EveryKeyType, ComesBackFromItsOwnPem) {
  const SshKey key = SshKey::generate(GetParam());
  const Secret pem = key.private_pem();
  const auto again = SshKey::from_pem(pem.reveal());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->type(), GetParam());
  EXPECT_EQ(again->public_blob(), key.public_blob());
  EXPECT_NE(SshKey::generate(GetParam()).public_blob(), key.public_blob());
}

TEST_P(EveryKeyType, IsAcceptableAsAUserKey) {
  EXPECT_TRUE(acceptable_user_key(SshKey::generate(GetParam()).public_blob()));
}

TEST_P(EveryKeyType, MakesSignaturesThatKeygenVerifies) {
  const TempDir dir;
  const SshKey key = SshKey::generate(GetParam());
  write_file(dir / "signers", "me " + key.authorized_key() + "\n");
  write_file(dir / "data", "some data");
  // PROTOCOL.sshsig: what is signed is a preamble, and the armour holds key, namespace and signature. 40
  // rounds see r and s of every leading byte: with the top bit set, and short ones.
  const Ran hash = run("printf 'some data' | openssl dgst -sha512 -binary | base64 -w0");
  const auto digest = decode_base64(trimmed(hash.output));
  ASSERT_TRUE(digest) << hash.output;
  for (int i = 0; i < 40; ++i) {
    const std::string message =
        SshWriter().raw("SSHSIG").string("file").string("").string("sha512").string(*digest).take();
    const std::string signature = SshWriter()
                                      .raw("SSHSIG")
                                      .u32(1)
                                      .string(key.public_blob())
                                      .string("file")
                                      .string("")
                                      .string("sha512")
                                      .string(key.sign(message))
                                      .take();
    write_file(dir / "data.sig",
               "-----BEGIN SSH SIGNATURE-----\n" + base64(signature) + "\n-----END SSH SIGNATURE-----\n");
    const Ran ran = run("ssh-keygen -Y verify -n file -I me -f " + (dir / "signers") + " -s " +
                        (dir / "data.sig") + " < " + dir / "data");
    ASSERT_EQ(ran.status, 0) << ran.output;
  }
}

TEST(SshKey, P256PemIsReadBySshKeygen) {
  const TempDir dir;
  const SshKey key = SshKey::generate(KeyType::ecdsa_p256);
  const Secret pem = key.private_pem();
  EXPECT_EQ(pem.reveal().substr(0, 31), "-----BEGIN EC PRIVATE KEY-----\n");
  write_file(dir / "k", pem.reveal());
  const Ran ran = run("ssh-keygen -y -f " + dir / "k");
  EXPECT_EQ(ran.status, 0);
  EXPECT_EQ(without_comment(ran.output), key.authorized_key());
}

// ssh-keygen of OpenSSH 9.2 does not read ed25519 in PKCS#8 (9.6 does): the openssl program is the witness.
TEST(SshKey, Ed25519PemIsReadByOpenssl) {
  const TempDir dir;
  const SshKey key = SshKey::generate(KeyType::ed25519);
  const Secret pem = key.private_pem();
  EXPECT_EQ(pem.reveal().substr(0, 28), "-----BEGIN PRIVATE KEY-----\n");
  write_file(dir / "k", pem.reveal());
  const Ran ran = run("openssl pkey -in " + (dir / "k") + " -pubout -outform DER | tail -c 32 | base64");
  EXPECT_EQ(trimmed(ran.output), base64(std::string_view(key.public_blob()).substr(19)));
}

TEST(SshKey, ReadsThePemOfOtherPrograms) {
  const TempDir dir;
  const std::string k = dir / "k";
  const std::vector<std::string> makers{
      "ssh-keygen -q -N '' -m PEM -t ecdsa -b 256 -f " + k,
      "ssh-keygen -q -N '' -m PKCS8 -t ecdsa -b 256 -f " + k,
      "openssl ecparam -name prime256v1 -genkey -out " + k + " && chmod 600 " +
          k,  // EC PARAMETERS come first
      // A compressed public point inside must not come out compressed.
      "openssl ecparam -name prime256v1 -genkey -noout | openssl ec -conv_form compressed -out " + k +
          " && chmod 600 " + k,
  };
  for (const std::string& maker : makers) {
    const Ran made = run("rm -f " + k + "*; " + maker);
    ASSERT_EQ(made.status, 0) << made.output;
    const auto key = SshKey::from_pem(read_file(k));
    ASSERT_TRUE(key) << maker;
    EXPECT_EQ(key->type(), KeyType::ecdsa_p256);
    EXPECT_EQ(key->authorized_key(), without_comment(run("ssh-keygen -y -f " + k).output)) << maker;
  }
  ASSERT_EQ(run("openssl genpkey -algorithm ed25519 -out " + k).status, 0);
  const auto key = SshKey::from_pem(read_file(k));
  ASSERT_TRUE(key);
  EXPECT_EQ(key->type(), KeyType::ed25519);
}

TEST(SshKey, RefusesPemThatIsNotAKeyOfOurs) {
  const TempDir dir;
  const std::string k = dir / "k";
  const std::vector<std::string> makers{
      "ssh-keygen -q -N secret -m PEM -t ecdsa -b 256 -f " + k,    // must not ask for the pass phrase
      "ssh-keygen -q -N '' -m PEM -t ecdsa -b 384 -f " + k,        // another curve
      "openssl genrsa -out " + k + " 1024",                        // too short
      "openssl ecparam -name secp256k1 -genkey -noout -out " + k,  // not NIST's P-256
      "openssl genpkey -algorithm x25519 -out " + k,               // no signing key
      "openssl genpkey -algorithm ed25519 | openssl pkey -pubout -out " + k,  // no private key
  };
  for (const std::string& maker : makers) {
    const Ran made = run("rm -f " + k + "*; " + maker);
    ASSERT_EQ(made.status, 0) << made.output;
    const auto key = SshKey::from_pem(read_file(k));
    ASSERT_FALSE(key) << maker;
    EXPECT_EQ(key.error().cause, Cause::key_unusable);
  }
  EXPECT_FALSE(SshKey::from_pem(""));
  EXPECT_FALSE(SshKey::from_pem("-----BEGIN EC PRIVATE KEY-----\n"));
  EXPECT_FALSE(SshKey::from_pem(std::string(1 << 20, 'A')));
}

TEST(SshKey, RefusesAPrivateHalfWithAnothersPublicHalf) {
  const SshKey mine = SshKey::generate(KeyType::ecdsa_p256);
  const SshKey other = SshKey::generate(KeyType::ecdsa_p256);
  const Secret my_pem = mine.private_pem();
  const auto body = [](std::string_view pem) {
    std::string text;
    for (const char c : pem.substr(31, pem.find("\n-----END") - 31)) {
      if (c != '\n') text.push_back(c);
    }
    return text;
  };
  auto der = decode_base64(body(my_pem.reveal()));
  ASSERT_TRUE(der);
  const std::string mine_point = mine.public_blob().substr(39);
  const auto at = der->find(mine_point);
  ASSERT_NE(at, std::string::npos);
  der->replace(at, mine_point.size(), other.public_blob().substr(39));
  EXPECT_FALSE(SshKey::from_pem("-----BEGIN EC PRIVATE KEY-----\n" + base64(*der) +
                                "\n-----END EC PRIVATE KEY-----\n"));
}

TEST(PublicKeyLine, TakesTypeBlobAndComment) {
  const SshKey key = SshKey::generate(KeyType::ed25519);
  for (const std::string& line : {key.authorized_key("me@host with blanks") + "\n",
                                  "  " + key.authorized_key() + "  me@host with blanks \r\n"}) {
    const auto parsed = parse_public_key_line(line);
    ASSERT_TRUE(parsed) << line;
    EXPECT_EQ(parsed->type, "ssh-ed25519");
    EXPECT_EQ(parsed->blob, key.public_blob());
    EXPECT_EQ(parsed->comment, "me@host with blanks");
  }
}

TEST(PublicKeyLine, RefusesEverythingElse) {
  const SshKey key = SshKey::generate(KeyType::ed25519);
  const std::string line = key.authorized_key();
  const std::string encoded = line.substr(line.find(' ') + 1);
  const std::vector<std::string> bad{"",
                                     " \n",
                                     "ssh-ed25519",
                                     "ssh-ed25519 ",
                                     "ssh-ed25519 !!!!",
                                     "ssh-ed25519 AAAA",
                                     "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5",
                                     "ecdsa-sha2-nistp256 " + encoded,
                                     "ssh-ed2551 " + encoded,
                                     "no-pty " + line,
                                     line + "\nssh-rsa x",
                                     line + " two\nlines",
                                     line + " es\x1b[cape",
                                     "ssh-ed25519\n" + encoded,
                                     line + " " + std::string(kMaxKeyLineBytes, 'c')};
  for (const std::string& text : bad) {
    const auto parsed = parse_public_key_line(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().cause, Cause::key_unusable);
  }
}

TEST(AcceptableUserKey, TakesWhatSshKeygenMakes) {
  const TempDir dir;
  for (const char* options : {"-t ed25519", "-t ecdsa -b 256", "-t ecdsa -b 384", "-t ecdsa -b 521",
                              "-t rsa -b 2048", "-t rsa -b 3072"})
    EXPECT_TRUE(acceptable_user_key(keygen_blob(dir, options))) << options;
}

TEST(AcceptableUserKey, RefusesShortRsaAndDsa) {
  const TempDir dir;
  EXPECT_FALSE(acceptable_user_key(keygen_blob(dir, "-t rsa -b 1024")));
  EXPECT_FALSE(acceptable_user_key(keygen_blob(dir, "-t rsa -b 2040")));
  // Newer releases of ssh-keygen make no DSA keys any more: p, q, g, y of the right sizes.
  const std::string big(128, '\x7f');
  const std::string small(20, '\x7f');
  EXPECT_FALSE(acceptable_user_key(
      SshWriter().string("ssh-dss").mpint(big).mpint(small).mpint(big).mpint(big).take()));
}

std::string ed25519_point() {
  return SshKey::generate(KeyType::ed25519).public_blob().substr(19);
}
std::string p256_point() {
  return SshKey::generate(KeyType::ecdsa_p256).public_blob().substr(39);
}

TEST(AcceptableUserKey, TakesSecurityKeys) {
  EXPECT_TRUE(acceptable_user_key(
      SshWriter().string("sk-ssh-ed25519@openssh.com").string(ed25519_point()).string("ssh:").take()));
  EXPECT_TRUE(acceptable_user_key(SshWriter()
                                      .string("sk-ecdsa-sha2-nistp256@openssh.com")
                                      .string("nistp256")
                                      .string(p256_point())
                                      .string("ssh:")
                                      .take()));
}

TEST(AcceptableUserKey, RefusesMalformedPoints) {
  const auto ed25519 = [](std::string_view point) {
    return SshWriter().string("ssh-ed25519").string(point).take();
  };
  const auto p256 = [](std::string_view point, std::string_view curve = "nistp256") {
    return SshWriter().string("ecdsa-sha2-nistp256").string(curve).string(point).take();
  };
  const std::string good_ed = ed25519_point();
  const std::string good_p256 = p256_point();
  ASSERT_TRUE(acceptable_user_key(ed25519(good_ed)));
  ASSERT_TRUE(acceptable_user_key(p256(good_p256)));

  std::string off_curve = good_p256;
  off_curve.back() = static_cast<char>(off_curve.back() ^ 1);
  const std::string compressed = (good_p256.back() & 1 ? "\x03"s : "\x02"s) + good_p256.substr(1, 32);
  const std::vector<std::string> bad{
      ed25519(good_ed.substr(1)),
      ed25519(good_ed + "x"),
      ed25519(""),
      ed25519("\x01"s + std::string(31, '\0')),  // the neutral element
      ed25519("\x02"s + std::string(31, '\0')),  // y = 2 is on no point
      ed25519(std::string(32, '\xff')),          // not reduced
      p256(off_curve),
      p256(compressed),
      p256("\0"sv),  // infinity
      p256(good_p256.substr(0, 64)),
      p256(good_p256 + "x"),
      p256(good_p256, "nistp384"),
      p256("\x06"s + good_p256.substr(1)),  // hybrid form
      p256("\x04"s + std::string(64, '\0')),
      SshWriter().string("sk-ssh-ed25519@openssh.com").string(good_ed).take(),
      SshWriter().string("sk-ssh-ed25519@openssh.com").string(good_ed).string("").take(),
      SshWriter().string("ssh-ed25519-cert-v01@openssh.com").string(good_ed).take(),
      "",
  };
  for (const std::string& blob : bad) EXPECT_FALSE(acceptable_user_key(blob)) << base64(blob);
}

TEST(AcceptableUserKey, RefusesMalformedRsa) {
  const std::string n = "\x01" + std::string(254, '\0') + "\x01";  // 2041 bits
  const std::string n2048 = "\x80" + std::string(254, '\0') + "\x01";
  const auto rsa = [](std::string_view e, std::string_view modulus) {
    return SshWriter().string("ssh-rsa").mpint(e).mpint(modulus).take();
  };
  const std::string_view e = "\x01\0\x01"sv;
  ASSERT_TRUE(acceptable_user_key(rsa(e, n2048)));
  EXPECT_FALSE(acceptable_user_key(rsa(e, n)));
  EXPECT_FALSE(acceptable_user_key(rsa("\x01", n2048)));
  EXPECT_FALSE(acceptable_user_key(rsa("\x04", n2048)));
  EXPECT_FALSE(acceptable_user_key(rsa("", n2048)));
  EXPECT_FALSE(acceptable_user_key(rsa(n2048, n2048)));
  EXPECT_FALSE(acceptable_user_key(rsa(e, n2048.substr(0, 255) + "\x02")));                        // even
  EXPECT_FALSE(acceptable_user_key(rsa(e, "\x01" + std::string(4096, '\x01'))));                   // enormous
  EXPECT_FALSE(acceptable_user_key(SshWriter().string("ssh-rsa").mpint(e).string(n2048).take()));  // negative
  EXPECT_FALSE(acceptable_user_key(
      SshWriter().string("ssh-rsa").mpint(e).string("\0\0"s + n2048).take()));  // not the shortest form
}

TEST(AcceptableUserKey, RefusesAnythingCutOrTrailing) {
  const TempDir dir;
  for (const char* options : {"-t ed25519", "-t ecdsa -b 521", "-t rsa -b 2048"}) {
    const std::string blob = keygen_blob(dir, options);
    EXPECT_FALSE(acceptable_user_key(blob + '\0')) << options;
    for (std::size_t size = 0; size < blob.size(); ++size)
      ASSERT_FALSE(acceptable_user_key(std::string_view(blob).substr(0, size))) << options << size;
  }
}

}  // namespace
}  // namespace cfpipe::auth
