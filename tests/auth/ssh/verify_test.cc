#include "auth/ssh/verify.h"

#include <gtest/gtest.h>

#include <string>

#include "auth/ssh/certificate.h"
#include "auth/ssh/key.h"
#include "auth/ssh/wire.h"
#include "base/base64.h"

namespace cfpipe::auth {
namespace {

/// Keys and signatures over "some data" that OpenSSH has made with its software security key.
struct Vector {
  const char* key;
  const char* signature;
};
constexpr Vector kSecurityKeys[] = {
    {"AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIJMvPzAcyLgMbWBT/Mwfm/x8fw0WJsmcocEOLpnkrSKzAAAABHNzaDo=",
     "AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAQNcPDCL1BkvWVyEWwV9GishbxcJSAC2WK8XGDfLJhPbO5z9mpnrqGcyo45L"
     "P"
     "iyS08h6J+w1vzULH/iHBIcQzVAcBEjRWeA=="},
    {"AAAAInNrLWVjZHNhLXNoYTItbmlzdHAyNTZAb3BlbnNzaC5jb20AAAAIbmlzdHAyNTYAAABBBHX01eKoPhrLhHHwaXCTsL6cD0pWiX+"
     "j"
     "wqpEpl+RQGO8US/USpKkGzbOMWrkx829AJW4FEBxIPOMJVwzu5y/Xj8AAAAEc3NoOg==",
     "AAAAInNrLWVjZHNhLXNoYTItbmlzdHAyNTZAb3BlbnNzaC5jb20AAABJAAAAIQD0aiYL3eQVfop1Fk8xajlm+"
     "quKeAQMS4Pf1CeyRSw5"
     "KQAAACB/5Laent1tcL5Lki7fVSO+vF7lH1lZCIr9uQf6Zuq9+QESNFZ4"},
};

TEST(SshVerify, SecurityKeysSignWhatTheySayAboutTheTouchToo) {
  for (const Vector& vector : kSecurityKeys) {
    const std::string key = *decode_base64(vector.key);
    const std::string signature = *decode_base64(vector.signature);
    EXPECT_EQ(check_signature(key, signature, "some data"), SignatureCheck::good);
    EXPECT_EQ(check_signature(key, signature, "some datb"), SignatureCheck::bad);
    for (std::size_t i = 0; i < signature.size(); ++i) {
      std::string turned = signature;
      turned[i] = static_cast<char>(turned[i] ^ 1);
      EXPECT_NE(check_signature(key, turned, "some data"), SignatureCheck::good) << i;
      EXPECT_NE(check_signature(key, signature.substr(0, i), "some data"), SignatureCheck::good) << i;
    }
  }
}

TEST(SshVerify, SecurityKeysMayBeCertified) {
  for (const Vector& vector : kSecurityKeys) {
    const std::string key = *decode_base64(vector.key);
    ASSERT_TRUE(acceptable_user_key(key));
    CertFields fields;
    fields.key_id = "ann";
    fields.principals = {"ann"};
    fields.valid_before = 1;
    const auto line = make_user_certificate(key, fields, SshKey::generate(KeyType::ed25519));
    ASSERT_TRUE(line) << line.error().detail;
    const auto certificate = parse_certificate(*line);
    ASSERT_TRUE(certificate) << certificate.error().detail;
    EXPECT_TRUE(certificate->type.starts_with("sk-"));
    EXPECT_EQ(certificate->user_key_blob, key);
    // The certificate speaks for the key inside it.
    EXPECT_EQ(
        check_signature(plain_key_blob(certificate->blob), *decode_base64(vector.signature), "some data"),
        SignatureCheck::good);
  }
}

TEST(SshVerify, OwnSignaturesHold) {
  for (const KeyType type : {KeyType::ed25519, KeyType::ecdsa_p256}) {
    const SshKey key = SshKey::generate(type);
    EXPECT_EQ(check_signature(key.public_blob(), key.sign("data"), "data"), SignatureCheck::good);
    EXPECT_EQ(check_signature(SshKey::generate(type).public_blob(), key.sign("data"), "data"),
              SignatureCheck::bad);
  }
}

TEST(SshVerify, WhatIsNotKnownIsSaidToBe) {
  const SshKey key = SshKey::generate(KeyType::ed25519);
  const auto named = [](std::string_view name) { return SshWriter().string(name).string("value").take(); };
  EXPECT_EQ(check_signature(key.public_blob(), named("ssh-future"), "data"), SignatureCheck::unknown_kind);
  EXPECT_EQ(check_signature(named("ssh-future"), named("ssh-future"), "data"), SignatureCheck::unknown_kind);
  EXPECT_EQ(check_signature(named("ssh-rsa"), named("ssh-rsa"), "data"), SignatureCheck::unknown_kind);
  EXPECT_EQ(check_signature("", key.sign("data"), "data"), SignatureCheck::bad);
  EXPECT_EQ(check_signature(std::string(4, '\0'), key.sign("data"), "data"), SignatureCheck::bad);
  EXPECT_EQ(check_signature(std::string("\0\0\0\x09ssh", 7), key.sign("data"), "data"), SignatureCheck::bad);
  EXPECT_EQ(check_signature(key.public_blob(), "", "data"), SignatureCheck::bad);
}

}  // namespace
}  // namespace cfpipe::auth
