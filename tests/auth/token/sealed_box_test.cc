#include "auth/token/sealed_box.h"

#include <gtest/gtest.h>
#include <sodium.h>

#include <algorithm>

#include "base/base64.h"

namespace cfpipe::auth {
namespace {

// The example of "Cryptography in NaCl" (crypto_box): Alice's and Bob's keys, a nonce, a message and its box.
constexpr std::string_view kAliceSecret = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
constexpr std::string_view kAlicePublic = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
constexpr std::string_view kBobSecret = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
constexpr std::string_view kBobPublic = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";
constexpr std::string_view kNonce = "69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37";
constexpr std::string_view kMessage =
    "be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a1ac728d45e6c61296cdc3c01"
    "233561f4"
    "1db66cce314adb310e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde048977eb48f59ffd4924ca1c"
    "60902e52"
    "f0a089bc76897040e082f937763848645e0705";
constexpr std::string_view kBox =
    "f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a1186ac0dfc17c"
    "98dce87b"
    "4da7f011ec48c97271d2c20f9b928fe2270d6fb863d51738b48eeee314a7cc8ab932164548e526ae90224368517acfeabd6bb373"
    "2bc0e9da"
    "99832b61ca01b6de56244a9e88d5f9b37973f622a43d14a6599b1f654cb45a74e355a5";

std::string unhex(std::string_view hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    out.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return out;
}

BoxPrivateKey private_key(std::string_view hex) {
  const std::string bytes = unhex(hex);
  BoxPrivateKey key{};
  std::copy(bytes.begin(), bytes.end(), key.begin());
  return key;
}

/// A transfer of any plain text to a receiver, made with libsodium alone.
SealedTransfer seal_text(const TransferReceiver& receiver, std::string_view plain) {
  const std::string to = *decode_base64url(receiver.public_key());
  unsigned char from_public[32];
  unsigned char from_private[32];
  crypto_box_keypair(from_public, from_private);
  std::string sealed(24 + 16 + plain.size(), '\x07');
  auto* out = reinterpret_cast<unsigned char*>(sealed.data());
  EXPECT_EQ(crypto_box_easy(out + 24, reinterpret_cast<const unsigned char*>(plain.data()), plain.size(), out,
                            reinterpret_cast<const unsigned char*>(to.data()), from_private),
            0);
  return {base64(sealed), base64url_padded({reinterpret_cast<char*>(from_public), 32})};
}

void expect_transfer_refused(const Result<TransferredTokens>& tokens) {
  ASSERT_TRUE(tokens.has_error());
  EXPECT_EQ(tokens.error().stage, Stage::login);
  EXPECT_EQ(tokens.error().cause, Cause::login_failed);
  EXPECT_FALSE(tokens.error().detail.empty());
}

TEST(TransferBox, OpensThePublishedBoxOfNacl) {
  const std::string sealed = unhex(kNonce) + unhex(kBox);
  const auto at_bob = open_box(private_key(kBobSecret), sealed, unhex(kAlicePublic));
  ASSERT_TRUE(at_bob);
  EXPECT_EQ(at_bob->reveal(), unhex(kMessage));
  const auto at_alice = open_box(private_key(kAliceSecret), sealed, unhex(kBobPublic));
  ASSERT_TRUE(at_alice);
  EXPECT_EQ(at_alice->reveal(), unhex(kMessage));
}

TEST(TransferBox, RefusesAnyChangedOrMissingByteOfThePublishedBox) {
  const BoxPrivateKey bob = private_key(kBobSecret);
  const std::string alice = unhex(kAlicePublic);
  const std::string sealed = unhex(kNonce) + unhex(kBox);
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(open_box(bob, changed, alice)) << i;
    EXPECT_FALSE(open_box(bob, sealed.substr(0, i), alice)) << i;
  }
  EXPECT_FALSE(open_box(bob, sealed + 'x', alice));
  EXPECT_FALSE(open_box(bob, sealed, unhex(kBobPublic)));
  EXPECT_FALSE(open_box(bob, sealed, alice.substr(1)));
  EXPECT_FALSE(open_box(bob, sealed, alice + 'x'));
  EXPECT_FALSE(open_box(bob, sealed, std::string(32, '\0')));
}

TEST(Transfer, DeliversBothTokens) {
  const TransferReceiver receiver;
  const auto sealed = seal_transfer(receiver.public_key(), "app.to.ken", "org.to.ken");
  ASSERT_TRUE(sealed);
  const auto tokens = receiver.open(sealed->body, sealed->public_key);
  ASSERT_TRUE(tokens);
  EXPECT_EQ(tokens->app_token.reveal(), "app.to.ken");
  EXPECT_EQ(tokens->org_token.reveal(), "org.to.ken");
}

TEST(Transfer, TakesOneTokenAlone) {
  const TransferReceiver receiver;
  const auto app = seal_text(receiver, R"({"app_token":"a.b.c"})");
  EXPECT_TRUE(receiver.open(app.body, app.public_key)->org_token.empty());
  const auto org = seal_text(receiver, R"({"app_token":"","org_token":"d.e.f","more":[1]})");
  EXPECT_EQ(receiver.open(org.body, org.public_key)->org_token.reveal(), "d.e.f");
}

TEST(Transfer, RefusesPlainTextWithoutATokenAndNeverShowsIt) {
  const TransferReceiver receiver;
  for (const std::string_view plain :
       {"", "{}", "secret", "[\"secret\"]", "\"secret\"", R"({"app_token":"","org_token":""})",
        R"({"app_token":7})", R"({"app_token":"secret")", R"({"app_token":"secret"}x)", "null",
        "{\"app_token\":\"secret\xff\"}"}) {
    const auto sealed = seal_text(receiver, plain);
    const auto tokens = receiver.open(sealed.body, sealed.public_key);
    expect_transfer_refused(tokens);
    EXPECT_EQ(tokens.error().detail.find("secret"), std::string::npos) << plain;
  }
}

TEST(Transfer, EscapesWhatItSeals) {
  const TransferReceiver receiver;
  const auto sealed = seal_transfer(receiver.public_key(), "a\"b\\c\n", "");
  ASSERT_TRUE(sealed);
  EXPECT_EQ(receiver.open(sealed->body, sealed->public_key)->app_token.reveal(), "a\"b\\c\n");
}

TEST(Transfer, TakesALineEndBehindTheBody) {
  const TransferReceiver receiver;
  const auto sealed = seal_transfer(receiver.public_key(), "a", "b");
  EXPECT_TRUE(receiver.open(sealed->body + "\r\n", sealed->public_key));
}

TEST(Transfer, RefusesMalformedBodiesAndSenders) {
  const TransferReceiver receiver;
  const auto sealed = seal_transfer(receiver.public_key(), "a", "b");
  ASSERT_TRUE(sealed);
  for (const std::string& body :
       {std::string(), std::string("="), std::string("AAAA"), "!" + sealed->body, sealed->body + "AAAA",
        sealed->body.substr(4), base64(std::string(39, 'x')), base64(std::string(40, 'x')),
        base64(std::string(200'000, 'x')), std::string("<html>")}) {
    expect_transfer_refused(receiver.open(body, sealed->public_key));
  }
  for (const std::string& sender :
       {std::string(), std::string("AAAA"), sealed->public_key + "AAAA", "+" + sealed->public_key.substr(1),
        base64url_padded(std::string(32, '\0')), base64url_padded(std::string(31, 'x')),
        base64url_padded(std::string(33, 'x')), receiver.public_key()}) {
    expect_transfer_refused(receiver.open(sealed->body, sender));
  }
}

TEST(Transfer, IsClosedToAnyOtherReceiver) {
  const TransferReceiver receiver;
  const TransferReceiver other;
  EXPECT_NE(receiver.public_key(), other.public_key());
  const auto sealed = seal_transfer(receiver.public_key(), "a", "b");
  expect_transfer_refused(other.open(sealed->body, sealed->public_key));
}

TEST(Transfer, WritesKeysUrlSafeAndPadded) {
  const TransferReceiver receiver;
  EXPECT_EQ(receiver.public_key().size(), 44U);
  EXPECT_EQ(receiver.public_key().back(), '=');
  EXPECT_EQ(receiver.public_key().find_first_of("+/"), std::string::npos);
  EXPECT_EQ(seal_transfer(receiver.public_key(), "a", "b")->public_key.size(), 44U);
}

TEST(Transfer, DoesNotSealToAMalformedKey) {
  for (const std::string& key :
       {std::string(), std::string("x"), base64url_padded(std::string(31, 'x')),
        base64url_padded(std::string(33, 'x')), base64url_padded(std::string(32, '\0'))}) {
    EXPECT_FALSE(seal_transfer(key, "a", "b")) << key;
  }
}

TEST(Transfer, SealsWithAFreshKeyEachTime) {
  const TransferReceiver receiver;
  const auto first = seal_transfer(receiver.public_key(), "a", "b");
  const auto second = seal_transfer(receiver.public_key(), "a", "b");
  EXPECT_NE(first->public_key, second->public_key);
  EXPECT_NE(first->body, second->body);
}

TEST(TransferCode, IsOfTheKeyAlone) {
  // The first five bytes of SHA-256 over 32 zero bytes: 66687aadf8.
  const std::string zeros = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
  EXPECT_EQ(transfer_code(zeros), "CSM7-NBFR");
  EXPECT_EQ(transfer_code(zeros.substr(0, 43)), "CSM7-NBFR") << "padding is optional";
  const TransferReceiver one;
  const TransferReceiver two;
  EXPECT_EQ(transfer_code(one.public_key()).size(), 9U);
  EXPECT_NE(transfer_code(one.public_key()), transfer_code(two.public_key()));
}

TEST(TransferCode, IsEmptyForWhatIsNoKey) {
  for (const char* none : {"", "x", "AAAA", "<script>"}) EXPECT_EQ(transfer_code(none), "") << none;
  // As long as the text of a key, and one byte more or less when it is decoded.
  for (const std::size_t size : {31U, 33U}) {
    const auto none = base64url_padded(std::string(size, 'x'));
    EXPECT_EQ(none.size(), 44U);
    EXPECT_EQ(transfer_code(none), "") << size;
  }
}

}  // namespace
}  // namespace cfpipe::auth
