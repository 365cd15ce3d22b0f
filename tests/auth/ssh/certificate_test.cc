#include "auth/ssh/certificate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <string>
#include <vector>

#include "auth/ssh/wire.h"
#include "auth/ssh_tools.h"
#include "base/base64.h"

namespace cfpipe::auth {
namespace {

using ::testing::HasSubstr;
using testing::Ran;
using testing::read_file;
using testing::run;
using testing::trimmed;
using testing::write_file;
using namespace std::string_literals;
using namespace std::string_view_literals;

constexpr std::uint64_t kStart = 1'700'000'000;

CertFields some_fields() {
  CertFields fields;
  fields.serial = 0xfedcba9876543210;
  fields.key_id = "ann@example.com";
  fields.principals = {"ann", "ops"};
  fields.valid_after = kStart - kCertBackdate;
  fields.valid_before = kStart + 240;
  fields.critical_options = {
      {"source-address", "10.0.0.0/8"}, {"force-command", "/bin/true"}, {"verify-required", ""}};
  fields.extensions = default_extensions();
  return fields;
}

std::string made(const SshKey& user, const SshKey& ca, const CertFields& fields = some_fields()) {
  const auto line = make_user_certificate(user.public_blob(), fields, ca);
  EXPECT_TRUE(line);
  return line ? *line : std::string();
}

struct Pair {
  KeyType user;
  KeyType ca;
};
class EveryPair : public ::testing::TestWithParam<Pair> {};
INSTANTIATE_TEST_SUITE_P(
    SshCert, EveryPair,
    ::testing::Values(Pair{KeyType::ed25519, KeyType::ed25519}, Pair{KeyType::ed25519, KeyType::ecdsa_p256},
                      Pair{KeyType::ecdsa_p256, KeyType::ed25519}, Pair{KeyType::ecdsa_p256, KeyType::rsa},
                      Pair{KeyType::ed25519, KeyType::rsa}, Pair{KeyType::ecdsa_p256, KeyType::ecdsa_p256}));

TEST_P(EveryPair, IsShownByKeygenWithEveryField) {
  const TempDir dir;
  const SshKey user = SshKey::generate(GetParam().user);
  const SshKey ca = SshKey::generate(GetParam().ca);
  write_file(dir / "k-cert.pub", made(user, ca) + "\n");
  // ssh-keygen verifies the signature of a certificate that it loads.
  const Ran ran = run("TZ=UTC ssh-keygen -L -f " + dir / "k-cert.pub");
  ASSERT_EQ(ran.status, 0) << ran.output;
  const bool ed25519 = GetParam().user == KeyType::ed25519;
  EXPECT_THAT(ran.output,
              HasSubstr(ed25519 ? "Type: ssh-ed25519-cert-v01@openssh.com user certificate"
                                : "Type: ecdsa-sha2-nistp256-cert-v01@openssh.com user certificate"));
  EXPECT_THAT(ran.output, HasSubstr(std::string("Public key: ") + (ed25519 ? "ED25519" : "ECDSA") + "-CERT " +
                                    fingerprint(user.public_blob())));
  const std::string signed_as = GetParam().ca == KeyType::ed25519 ? "ED25519 ssh-ed25519"
                                : GetParam().ca == KeyType::rsa   ? "RSA rsa-sha2-512"
                                                                  : "ECDSA ecdsa-sha2-nistp256";
  const std::size_t space = signed_as.find(' ');
  EXPECT_THAT(ran.output,
              HasSubstr("Signing CA: " + signed_as.substr(0, space + 1) + fingerprint(ca.public_blob()) +
                        " (using " + signed_as.substr(space + 1)));
  EXPECT_THAT(ran.output, HasSubstr("Key ID: \"ann@example.com\""));
  EXPECT_THAT(ran.output, HasSubstr("Serial: 18364758544493064720\n"));
  EXPECT_THAT(ran.output, HasSubstr("Valid: from 2023-11-14T22:12:20 to 2023-11-14T22:17:20\n"));
  const std::string tail = ran.output.substr(ran.output.find("Principals:"));
  EXPECT_EQ(tail, R"(Principals: 
                ann
                ops
        Critical Options: 
                force-command /bin/true
                source-address 10.0.0.0/8
                verify-required
        Extensions: 
                permit-X11-forwarding
                permit-agent-forwarding
                permit-port-forwarding
                permit-pty
                permit-user-rc
)");
}

TEST_P(EveryPair, ComesBackFromItsLine) {
  const SshKey user = SshKey::generate(GetParam().user);
  const SshKey ca = SshKey::generate(GetParam().ca);
  const std::string line = made(user, ca);
  const auto parsed = parse_certificate("\n " + line + " a comment\r\n");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->line, line + " a comment");
  EXPECT_EQ(parsed->type, line.substr(0, line.find(' ')));
  EXPECT_EQ(parsed->blob, decode_base64(line.substr(line.find(' ') + 1)));
  EXPECT_EQ(parsed->user_key_blob, user.public_blob());
  EXPECT_EQ(parsed->ca_blob, ca.public_blob());
  CertFields expected = some_fields();
  std::sort(expected.critical_options.begin(), expected.critical_options.end());
  EXPECT_EQ(parsed->fields.serial, expected.serial);
  EXPECT_EQ(parsed->fields.key_id, expected.key_id);
  EXPECT_EQ(parsed->fields.principals, expected.principals);
  EXPECT_EQ(parsed->fields.valid_after, expected.valid_after);
  EXPECT_EQ(parsed->fields.valid_before, expected.valid_before);
  EXPECT_EQ(parsed->fields.critical_options, expected.critical_options);
  EXPECT_EQ(parsed->fields.extensions, expected.extensions);
}

TEST(SshCert, IsMadeForEveryAcceptableKind) {
  const TempDir dir;
  const SshKey ca = SshKey::generate(KeyType::ed25519);
  std::vector<std::string> blobs;
  for (const char* options : {"-t ecdsa -b 384", "-t ecdsa -b 521", "-t rsa -b 2048"}) {
    const std::string k = dir / "k";
    ASSERT_EQ(run("rm -f " + k + "*; ssh-keygen -q -N '' -f " + k + " " + options).status, 0);
    blobs.push_back(parse_public_key_line(read_file(k + ".pub"))->blob);
  }
  const std::string ed = SshKey::generate(KeyType::ed25519).public_blob().substr(15);
  const std::string p256 = SshKey::generate(KeyType::ecdsa_p256).public_blob().substr(23);
  blobs.push_back(SshWriter().string("sk-ssh-ed25519@openssh.com").raw(ed).string("ssh:").take());
  blobs.push_back(SshWriter().string("sk-ecdsa-sha2-nistp256@openssh.com").raw(p256).string("ssh:").take());
  for (const std::string& blob : blobs) {
    const auto line = make_user_certificate(blob, some_fields(), ca);
    ASSERT_TRUE(line) << base64(blob);
    write_file(dir / "k-cert.pub", *line + "\n");
    const Ran ran = run("ssh-keygen -L -f " + dir / "k-cert.pub");
    EXPECT_EQ(ran.status, 0) << ran.output;
    EXPECT_THAT(ran.output, HasSubstr("-CERT " + fingerprint(blob)));
    const auto parsed = parse_certificate(*line);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->user_key_blob, blob);
  }
}

TEST(SshCert, OfAHostIsOverNoSecurityKey) {
  const SshKey ca = SshKey::generate(KeyType::ed25519);
  const std::string blob = SshKey::generate(KeyType::ed25519).public_blob();
  const std::string sk =
      SshWriter().string("sk-ssh-ed25519@openssh.com").raw(blob.substr(15)).string("ssh:").take();
  EXPECT_TRUE(acceptable_user_key(sk));
  EXPECT_FALSE(acceptable_host_key(sk));
  EXPECT_FALSE(make_host_certificate(sk, some_fields(), ca));
  EXPECT_FALSE(acceptable_host_key("no key"));
  EXPECT_TRUE(acceptable_host_key(blob));
  EXPECT_TRUE(make_host_certificate(blob, some_fields(), ca));
}

TEST(SshCert, IsTheSameWhenItsCaIsElsewhere) {
  const SshKey user = SshKey::generate(KeyType::ed25519);
  for (const KeyType type : {KeyType::ed25519, KeyType::ecdsa_p256}) {
    const SshKey ca = SshKey::generate(type);
    const auto prepared = prepare_user_certificate(user.public_blob(), some_fields(), ca.public_blob());
    ASSERT_TRUE(prepared);
    const auto line = finish_certificate(*prepared, ca.sign(prepared->body));
    ASSERT_TRUE(line);
    const auto read = parse_certificate(*line);
    ASSERT_TRUE(read) << read.error().detail;
    EXPECT_EQ(read->ca_blob, ca.public_blob());
    EXPECT_EQ(read->user_key_blob, user.public_blob());
    EXPECT_EQ(read->fields.serial, some_fields().serial);
  }
}

TEST(SshCert, TakesNoSignatureThatItsCaCannotHaveMade) {
  const SshKey user = SshKey::generate(KeyType::ed25519), ca = SshKey::generate(KeyType::ed25519);
  const SshKey other = SshKey::generate(KeyType::ecdsa_p256);
  const auto prepared = prepare_user_certificate(user.public_blob(), some_fields(), ca.public_blob());
  ASSERT_TRUE(prepared);
  const std::string rsa_sha1 = SshWriter().string("ssh-rsa").string("x").take();
  const std::string good = ca.sign(prepared->body);
  for (const std::string& bad : {std::string(), std::string("nonsense"), other.sign(prepared->body), rsa_sha1,
                                 good.substr(0, good.size() - 1), good + "x"}) {
    const auto line = finish_certificate(*prepared, bad);
    ASSERT_FALSE(line);
    EXPECT_EQ(line.error().cause, Cause::certificate_invalid);
  }
  EXPECT_FALSE(prepare_user_certificate("nonsense", some_fields(), ca.public_blob()));
}

TEST(SshCert, EveryCertificateHasItsOwnNonce) {
  const SshKey user = SshKey::generate(KeyType::ed25519);
  const SshKey ca = SshKey::generate(KeyType::ed25519);
  EXPECT_NE(made(user, ca), made(user, ca));
}

/// A certificate of ssh-keygen's over a fresh key; `ca` and `key` name key types.
std::string keygen_certificate(const TempDir& dir, const std::string& ca, const std::string& key,
                               const std::string& options) {
  const Ran ran =
      run("cd " + dir.path() + " && rm -f ca* k* && ssh-keygen -q -N '' -f ca " + ca +
          " && ssh-keygen -q -N '' -f k " + key + " && ssh-keygen -q -s ca -I 'an id' " + options + " k.pub");
  EXPECT_EQ(ran.status, 0) << ran.output;
  return read_file(dir / "k-cert.pub");
}

TEST(SshCert, ReadsCertificatesOfSshKeygen) {
  const TempDir dir;
  for (const char* ca : {"-t ed25519", "-t ecdsa -b 256", "-t ecdsa -b 384", "-t rsa -b 2048"}) {
    for (const char* key : {"-t ed25519", "-t ecdsa -b 256", "-t rsa -b 2048"}) {
      const std::string line =
          keygen_certificate(dir, ca, key,
                             "-z 42 -n ann,bob -V 20231114000000Z:20231115000000Z -O force-command=/bin/true "
                             "-O source-address=10.1.2.3/32 -O no-pty -O extension:zz@example.com=data");
      const auto parsed = parse_certificate(line);
      ASSERT_TRUE(parsed) << parsed.error().detail << line;
      EXPECT_EQ(parsed->user_key_blob, parse_public_key_line(read_file(dir / "k.pub"))->blob);
      EXPECT_EQ(parsed->ca_blob, parse_public_key_line(read_file(dir / "ca.pub"))->blob);
      EXPECT_EQ(parsed->fields.serial, 42U);
      EXPECT_EQ(parsed->fields.key_id, "an id");
      EXPECT_THAT(parsed->fields.principals, ::testing::ElementsAre("ann", "bob"));
      EXPECT_EQ(parsed->fields.valid_after, 1'699'920'000U);
      EXPECT_EQ(parsed->fields.valid_before, 1'700'006'400U);
      EXPECT_THAT(parsed->fields.critical_options,
                  ::testing::ElementsAre(std::pair("force-command"s, "/bin/true"s),
                                         std::pair("source-address"s, "10.1.2.3/32"s)));
      EXPECT_THAT(parsed->fields.extensions,
                  ::testing::ElementsAre("permit-X11-forwarding", "permit-agent-forwarding",
                                         "permit-port-forwarding", "permit-user-rc", "zz@example.com"));
    }
  }
}

TEST(SshCert, ReadsACertificateWithoutAnEnd) {
  const TempDir dir;
  const auto parsed =
      parse_certificate(keygen_certificate(dir, "-t ed25519", "-t ed25519", "-n ann -V always:forever"));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->fields.valid_after, 0U);
  EXPECT_EQ(parsed->fields.valid_before, 0xffffffffffffffffU);
  EXPECT_EQ(parsed->fields.extensions, default_extensions());
}

TEST(SshCert, RefusesHostCertificates) {
  const TempDir dir;
  const auto parsed = parse_certificate(keygen_certificate(dir, "-t ed25519", "-t ed25519", "-h -n host"));
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().cause, Cause::certificate_invalid);
}

TEST(SshCert, RefusesWeakKeysCertifiedOrSigning) {
  const TempDir dir;
  EXPECT_FALSE(parse_certificate(keygen_certificate(dir, "-t ed25519", "-t rsa -b 1024", "-n ann")));
  EXPECT_FALSE(parse_certificate(keygen_certificate(dir, "-t rsa -b 1024", "-t ed25519", "-n ann")));
}

TEST(SshCert, RefusesEveryTruncation) {
  for (const KeyType type : {KeyType::ed25519, KeyType::ecdsa_p256}) {
    const std::string line = made(SshKey::generate(type), SshKey::generate(type));
    for (std::size_t size = 0; size < line.size(); ++size)
      ASSERT_FALSE(parse_certificate(line.substr(0, size))) << size;
    const auto whole = parse_certificate(line);
    ASSERT_TRUE(whole);
    for (std::size_t size = 0; size < whole->blob.size(); ++size) {
      const auto cut = parse_certificate(whole->type + ' ' + base64(whole->blob.substr(0, size)));
      ASSERT_FALSE(cut) << size;
      ASSERT_EQ(cut.error().cause, Cause::certificate_invalid);
    }
    EXPECT_FALSE(parse_certificate(whole->type + ' ' + base64(whole->blob + '\0')));
  }
}

// Not every changed byte can be seen without checking the signature; none may do worse than a clean answer.
TEST(SshCert, SurvivesEveryChangedByte) {
  const std::string line = made(SshKey::generate(KeyType::ecdsa_p256), SshKey::generate(KeyType::ed25519));
  const auto whole = parse_certificate(line);
  ASSERT_TRUE(whole);
  for (std::size_t i = 0; i < whole->blob.size(); ++i) {
    for (const char change : {'\x01', '\x80', '\xff'}) {
      std::string blob = whole->blob;
      blob[i] = static_cast<char>(blob[i] ^ change);
      const auto parsed = parse_certificate(whole->type + ' ' + base64(blob));
      ASSERT_TRUE(parsed || parsed.error().cause == Cause::certificate_invalid);
    }
  }
}

/// A certificate taken to pieces, so that each can be put together wrong.
struct Pieces {
  std::string type = "ssh-ed25519-cert-v01@openssh.com";
  std::string nonce = std::string(32, 'n');
  std::string user = SshKey::generate(KeyType::ed25519).public_blob().substr(15);
  std::uint64_t serial = 1;
  std::uint32_t kind = 1;
  std::string key_id = "id";
  std::string principals = SshWriter().string("ann").take();
  std::string options;
  std::string extensions;
  std::string ca = SshKey::generate(KeyType::ed25519).public_blob();
  std::string signature = SshWriter().string("ssh-ed25519").string(std::string(64, 's')).take();
  std::string tail;

  std::string line() const {
    SshWriter out;
    out.string(type)
        .string(nonce)
        .raw(user)
        .u64(serial)
        .u32(kind)
        .string(key_id)
        .string(principals)
        .u64(0)
        .u64(9);
    out.string(options).string(extensions).string("").string(ca).string(signature).raw(tail);
    return type + ' ' + base64(out.bytes());
  }
};

TEST(SshCert, RefusesMalformedParts) {
  const Pieces good;
  ASSERT_TRUE(parse_certificate(good.line()));
  const auto refused = [&](const char* what, const auto& change) {
    Pieces bad = good;
    change(bad);
    const auto parsed = parse_certificate(bad.line());
    EXPECT_FALSE(parsed) << what;
  };
  const auto option = [](std::string_view name, std::string_view data) {
    return SshWriter().string(name).string(data).take();
  };
  const std::string value = SshWriter().string("v").take();
  refused("unknown type", [](Pieces& p) { p.type = "ssh-foo-cert-v01@openssh.com"; });
  refused("plain type", [](Pieces& p) { p.type = "ssh-ed25519"; });
  refused("host", [](Pieces& p) { p.kind = 2; });
  refused("kind 0", [](Pieces& p) { p.kind = 0; });
  refused("cut principals", [](Pieces& p) { p.principals.pop_back(); });
  refused("many principals", [](Pieces& p) {
    p.principals.clear();
    for (std::size_t i = 0; i <= kMaxPrincipals; ++i) p.principals += SshWriter().string("a").take();
  });
  refused("cut option", [&](Pieces& p) { p.options = option("force-command", value).substr(0, 12); });
  refused("option without inner string", [&](Pieces& p) { p.options = option("force-command", "v"); });
  refused("option with more", [&](Pieces& p) { p.options = option("force-command", value + "x"); });
  refused("repeated option",
          [&](Pieces& p) { p.options = option("force-command", value) + option("force-command", value); });
  refused("unsorted options", [&](Pieces& p) { p.options = option("b", value) + option("a", value); });
  refused("nameless extension", [&](Pieces& p) { p.extensions = option("", ""); });
  refused("repeated extension", [&](Pieces& p) { p.extensions = option("a", "") + option("a", ""); });
  refused("cut extension", [&](Pieces& p) { p.extensions = option("a", "").substr(0, 6); });
  refused("signer is a certificate",
          [&](Pieces& p) { p.ca = SshWriter().string(p.type).string("x").take(); });
  refused("no signer", [](Pieces& p) { p.ca.clear(); });
  refused("no signature", [](Pieces& p) { p.signature.clear(); });
  refused("empty signature",
          [](Pieces& p) { p.signature = SshWriter().string("ssh-ed25519").string("").take(); });
  refused("tail", [](Pieces& p) { p.tail = "x"; });
  refused("bad point", [](Pieces& p) { p.user = SshWriter().string(std::string(32, '\xff')).take(); });
}

TEST(SshCert, RefusesToSignWhatItShouldNot) {
  const SshKey ca = SshKey::generate(KeyType::ed25519);
  const std::string user = SshKey::generate(KeyType::ed25519).public_blob();
  const auto cause = [&](std::string_view blob, const auto& change) {
    CertFields fields = some_fields();
    change(fields);
    const auto line = make_user_certificate(blob, fields, ca);
    EXPECT_FALSE(line);
    return line ? Cause::lost : line.error().cause;
  };
  EXPECT_EQ(cause("nonsense", [](CertFields&) {}), Cause::key_unusable);
  EXPECT_EQ(cause(user + "x", [](CertFields&) {}), Cause::key_unusable);
  EXPECT_EQ(cause(user, [](CertFields& f) { f.principals.clear(); }), Cause::certificate_invalid);
  EXPECT_EQ(cause(user, [](CertFields& f) { f.principals = {""}; }), Cause::certificate_invalid);
  EXPECT_EQ(cause(user, [](CertFields& f) { f.principals = {"a\nb"}; }), Cause::certificate_invalid);
  EXPECT_EQ(cause(user, [](CertFields& f) { f.principals.assign(kMaxPrincipals + 1, "a"); }),
            Cause::certificate_invalid);
  EXPECT_EQ(cause(user, [](CertFields& f) { f.valid_before = f.valid_after; }), Cause::certificate_invalid);
  EXPECT_EQ(cause(user, [](CertFields& f) { f.extensions = {"a", "a"}; }), Cause::certificate_invalid);
  EXPECT_EQ(cause(user, [](CertFields& f) { f.key_id.assign(kMaxCertLineBytes, 'i'); }),
            Cause::certificate_invalid);
}

}  // namespace
}  // namespace cfpipe::auth
