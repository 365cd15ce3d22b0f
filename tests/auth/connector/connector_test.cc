#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "auth/connector/enrolment.h"
#include "auth/connector/key.h"
#include "auth/connector/protocol.h"
#include "base/x509.h"

namespace cfpipe::auth {
namespace {

std::string from_hex(std::string_view hex) {
  std::string out;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    out += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return out;
}

TEST(ConnectorNames, AreLettersDigitsAndFewMore) {
  for (const char* good : {"office", "a", "dc-1.rack_2", "9"}) EXPECT_TRUE(is_connector_name(good)) << good;
  for (const char* bad : {"", "-a", ".a", "a b", "a/b", "a\n", "ä", "a,b"})
    EXPECT_FALSE(is_connector_name(bad)) << bad;
  EXPECT_TRUE(is_connector_name(std::string(kMaxConnectorNameBytes, 'a')));
  EXPECT_FALSE(is_connector_name(std::string(kMaxConnectorNameBytes + 1, 'a')));
}

TEST(ConnectorIds, HaveOneLength) {
  EXPECT_TRUE(is_connector_id("abcdefgh_-123456"));
  for (const char* bad : {"", "abcdefgh_-12345", "abcdefgh_-1234567", "abcdefgh_-12345/"})
    EXPECT_FALSE(is_connector_id(bad)) << bad;
}

TEST(OriginFaults, HaveNamesThatAreReadBack) {
  std::set<std::string_view> names;
  std::set<std::string> words;
  for (int i = 0; i <= static_cast<int>(OriginFault::draining); ++i) {
    const auto fault = static_cast<OriginFault>(i);
    names.insert(name_of(fault));
    words.insert(words_for(fault));
    EXPECT_EQ(origin_fault(name_of(fault)), fault);
  }
  EXPECT_EQ(names.size(), words.size());
  EXPECT_EQ(names.size(), static_cast<std::size_t>(OriginFault::draining) + 1);
  EXPECT_FALSE(origin_fault("Refused"));
  EXPECT_FALSE(origin_fault(""));
}

TEST(EnrolmentTokens, AreReadBackWithTheirEdge) {
  for (const char* edge : {"auth.example.com", "auth.example.com:8443", "[2001:db8::1]:8443"}) {
    const auto token = EnrolmentToken::make(*Authority::parse(edge));
    const Secret text = token.text();
    EXPECT_TRUE(text.reveal().starts_with(std::string(edge) + "/")) << edge;
    const auto read = EnrolmentToken::parse(" " + std::string(text.reveal()) + "\n");
    ASSERT_TRUE(read) << read.error().detail;
    EXPECT_EQ(read->edge, token.edge);
    EXPECT_EQ(read->secret.reveal(), token.secret.reveal());
  }
}

TEST(EnrolmentTokens, AreEachAnother) {
  const auto edge = *Authority::parse("auth.example.com");
  EXPECT_NE(EnrolmentToken::make(edge).secret.reveal(), EnrolmentToken::make(edge).secret.reveal());
}

TEST(EnrolmentTokens, AreRefusedWithoutBeingRepeated) {
  const std::string secret(EnrolmentToken::make(*Authority::parse("a.b")).secret.reveal());
  const std::vector<std::string> refused{"",
                                         secret,
                                         "/" + secret,
                                         "https://auth.example.com/" + secret,
                                         "auth.example.com/",
                                         "auth.example.com/" + secret.substr(1),
                                         "auth.example.com/" + secret + "A",
                                         "auth.example.com/" + secret + "/",
                                         "auth.example.com:0/" + secret,
                                         "*.example.com/" + secret,
                                         "auth_/\x01" + secret,
                                         std::string(kMaxEnrolmentTokenBytes, 'a') + "/" + secret};
  for (const std::string& bad : refused) {
    const auto read = EnrolmentToken::parse(bad);
    ASSERT_FALSE(read) << bad;
    EXPECT_EQ(read.error().detail.find(secret.substr(1)), std::string::npos);
  }
}

// RFC 8032 7.1, the second of its tests: what others have signed is taken.
TEST(ConnectorKeys, SignaturesAreThoseOfRfc8032) {
  const std::string key = from_hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  const std::string signature = from_hex(
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
      "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
  EXPECT_TRUE(signed_by_connector(key, "\x72", signature));
  EXPECT_FALSE(signed_by_connector(key, "\x73", signature));
}

TEST(ConnectorKeys, AreReadBackAndSign) {
  const ConnectorKey key = ConnectorKey::generate();
  const auto again = ConnectorKey::from_pem(key.pem().reveal());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->public_key(), key.public_key());
  const std::string signature = again->sign("message");
  EXPECT_TRUE(signed_by_connector(key.public_key(), "message", signature));
  EXPECT_FALSE(signed_by_connector(ConnectorKey::generate().public_key(), "message", signature));
  EXPECT_FALSE(signed_by_connector(key.public_key(), "message", signature.substr(1)));
  EXPECT_FALSE(signed_by_connector(key.public_key().substr(1), "message", signature));
  EXPECT_FALSE(signed_by_connector("", "message", ""));
}

TEST(ConnectorKeys, OfOtherKindsAreRefused) {
  EXPECT_FALSE(ConnectorKey::from_pem(""));
  EXPECT_FALSE(ConnectorKey::from_pem(private_key_pem(new_p256_key().get()).reveal()));
  EXPECT_FALSE(ConnectorKey::from_pem(std::string(kMaxConnectorKeyFileBytes, 'a')));
}

TEST(ConnectorMessages, DifferWhereverAPartDoes) {
  const AttachClaim claim{"id", "instance", "1"};
  const std::set<std::string> all{attach_message("e", claim, "n"),
                                  attach_message("f", claim, "n"),
                                  attach_message("e", claim, "m"),
                                  attach_message("e", {"idi", "nstance", "1"}, "n"),
                                  attach_message("e", {"id", "instance1", ""}, "n"),
                                  attach_message("e", {"id", "instance", "2"}, "n"),
                                  enrolment_message("e", "s", "k"),
                                  enrolment_message("es", "", "k"),
                                  enrolment_message("e", "sk", "")};
  EXPECT_EQ(all.size(), 9u);
}

}  // namespace
}  // namespace cfpipe::auth
