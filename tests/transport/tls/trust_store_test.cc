// Where certificate authorities are found: by hash, in bundles, in plain files; and what is not read unless
// it is needed.
#include "transport/tls/trust_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/err.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "certificate_maker.h"

namespace cfpipe::transport {
namespace {
using testing::CertSpec;
using ::testing::HasSubstr;
using testing::MadeCert;
using testing::make_certificate;

const std::string kHost = "vm.example.com";

MadeCert authority(const std::string& cn, const MadeCert* issuer = nullptr) {
  CertSpec spec;
  spec.cn = cn;
  spec.basic = "critical,CA:TRUE";
  return make_certificate(spec, issuer);
}

MadeCert server_certificate(const MadeCert& issuer, const std::string& name = kHost) {
  CertSpec spec;
  spec.dns = {name};
  return make_certificate(spec, &issuer);
}

/// The same name and key, signed by another authority.
testing::CertPtr cross_signed(const MadeCert& root, const MadeCert& by) {
  testing::CertPtr out(X509_dup(root.cert.get()));
  X509_set_issuer_name(out.get(), X509_get_subject_name(by.cert.get()));
  X509_sign(out.get(), by.key.get(), EVP_sha256());
  return out;
}

class TrustStore : public ::testing::Test {
 protected:
  TrustStore() {
    std::string pattern = (std::filesystem::temp_directory_path() / "cfpipe-trust-XXXXXX").string();
    root_directory_ = ::mkdtemp(pattern.data());
    std::filesystem::create_directory(root_directory_ + "/certs");
    places_.directories = {root_directory_ + "/certs"};
  }
  ~TrustStore() override { std::filesystem::remove_all(root_directory_); }

  std::string put(const std::string& name, const std::vector<const MadeCert*>& certificates) {
    std::string path = root_directory_ + "/" + name;
    FILE* file = std::fopen(path.c_str(), "w");
    for (const auto* one : certificates) PEM_write_X509(file, one->cert.get());
    std::fclose(file);
    return path;
  }
  void put_by_hash(const MadeCert& made) {
    std::array<char, 16> name{};
    std::snprintf(name.data(), name.size(), "%08lx.0", X509_subject_name_hash(made.cert.get()));
    put("certs/" + std::string(name.data()), {&made});
  }

  /// A handshake in memory; nothing: the client has taken the certificate.
  std::optional<Failure> handshake(const MadeCert& leaf, const std::vector<X509*>& more = {}) {
    ERR_clear_error();
    context_.reset(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    if (auto trusted = trust(context_.get(), places_); !trusted) return trusted.error();
    return another_handshake(leaf, more);
  }
  std::optional<Failure> another_handshake(const MadeCert& leaf, const std::vector<X509*>& more = {}) {
    const SslCtx serving(SSL_CTX_new(TLS_server_method()));
    SSL_CTX_use_certificate(serving.get(), leaf.cert.get());
    SSL_CTX_use_PrivateKey(serving.get(), leaf.key.get());
    for (X509* cert : more) SSL_CTX_add1_chain_cert(serving.get(), cert);
    const SslPtr server(SSL_new(serving.get()));
    const SslPtr client(SSL_new(context_.get()));
    SSL_set_accept_state(server.get());
    SSL_set_connect_state(client.get());
    SSL_set1_host(client.get(), kHost.c_str());
    BIO* at_client = nullptr;
    BIO* at_server = nullptr;
    BIO_new_bio_pair(&at_client, 1 << 16, &at_server, 1 << 16);
    SSL_set_bio(client.get(), at_client, at_client);
    SSL_set_bio(server.get(), at_server, at_server);
    for (int turn = 0; turn < 100; ++turn) {
      ERR_clear_error();
      const int result = SSL_do_handshake(client.get());
      if (result == 1) {
        EXPECT_NE(SSL_get0_verified_chain(client.get()), nullptr);
        EXPECT_STREQ(SSL_get0_peername(client.get()), kHost.c_str());
        return std::nullopt;
      }
      if (SSL_get_error(client.get(), result) != SSL_ERROR_WANT_READ) return tls_failure(client.get(), kHost);
      SSL_do_handshake(server.get());
    }
    return Failure(Stage::tls, Cause::timed_out);
  }
  /// Certificates that are in memory now.
  int read_so_far() const {
    return sk_X509_OBJECT_num(X509_STORE_get0_objects(SSL_CTX_get_cert_store(context_.get())));
  }
  static void expect_taken(const std::optional<Failure>& failure) {
    EXPECT_FALSE(failure) << failure->detail;
  }
  static void expect(Cause cause, const std::optional<Failure>& failure) {
    ASSERT_TRUE(failure) << "it is taken";
    EXPECT_EQ(failure->cause, cause) << failure->detail;
  }

  std::string root_directory_;
  TrustPlaces places_;
  SslCtx context_;
  const MadeCert root_ = authority("Corporate Root");
  const MadeCert other_ = authority("Another Root");
};

TEST_F(TrustStore, WhatAHashNamesNeedsNoBundle) {
  put_by_hash(root_);
  put("certs/another.crt", {&other_});
  places_.bundles = {put("bundle.pem", {&other_})};
  const MadeCert middle = authority("Middle", &root_);
  expect_taken(handshake(server_certificate(middle), {middle.cert.get()}));
  EXPECT_EQ(read_so_far(), 1);
}

TEST_F(TrustStore, ABundleIsReadForAnIssuerThatNoHashNames) {
  put_by_hash(other_);
  places_.bundles = {root_directory_ + "/none.pem", put("bundle.pem", {&other_, &root_})};
  expect_taken(handshake(server_certificate(root_)));
  const MadeCert middle = authority("Middle", &root_);
  expect_taken(handshake(server_certificate(middle), {middle.cert.get()}));
  expect_taken(another_handshake(server_certificate(middle), {middle.cert.get()}));
}

TEST_F(TrustStore, OfABundleARootIsBelievedThatTheServerSendsSignedByAnUnknownOne) {
  places_.bundles = {put("bundle.pem", {&root_})};
  const auto sent = cross_signed(root_, other_);
  expect_taken(handshake(server_certificate(root_), {sent.get()}));
}

TEST_F(TrustStore, OfBundlesTheFirstThatIsThereCounts) {
  places_.bundles = {put("first.pem", {&other_}), put("second.pem", {&root_})};
  expect(Cause::tls_unknown_issuer, handshake(server_certificate(root_)));
}

TEST_F(TrustStore, PlainFilesOfADirectoryAreReadAtLast) {
  places_.bundles = {put("bundle.pem", {&other_})};
  put("certs/corp-root.crt", {&root_});
  std::ofstream(root_directory_ + "/certs/README") << "no certificate\n";
  std::filesystem::create_directory(root_directory_ + "/certs/java");
  ASSERT_EQ(::mkfifo((root_directory_ + "/certs/pipe").c_str(), 0600), 0);  // whose reader would wait
  expect_taken(handshake(server_certificate(root_)));
}

TEST_F(TrustStore, TheNamedFileAndTheDirectoriesCountBoth) {
  put_by_hash(root_);
  places_.named_file = put("named.pem", {&other_});
  expect_taken(handshake(server_certificate(root_)));
  expect_taken(handshake(server_certificate(other_)));
}

TEST_F(TrustStore, ANamedFileThatIsGoneOrHoldsNothingIsPassedOver) {
  put_by_hash(root_);
  for (const auto& file : {root_directory_ + "/gone.pem", put("empty.pem", {})}) {
    places_.named_file = file;
    expect_taken(handshake(server_certificate(root_)));
    expect(Cause::tls_unknown_issuer, handshake(server_certificate(other_)));
  }
}

TEST_F(TrustStore, ANamedFileThatCannotBeReadIsNamed) {
  put_by_hash(root_);
  places_.named_file = put("file.pem", {}) + "/below";
  const auto failure = handshake(server_certificate(root_));
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->cause, Cause::bad_option);
  EXPECT_THAT(failure->detail, HasSubstr("SSL_CERT_FILE"));
  EXPECT_THAT(failure->detail, HasSubstr("Not a directory"));
}

TEST_F(TrustStore, WhatABundleMakesKnownIsStillLookedAt) {
  places_.bundles = {put("bundle.pem", {&root_})};
  expect(Cause::tls_name_mismatch, handshake(server_certificate(root_, "else.example.com")));
  CertSpec old;
  old.dns = {kHost};
  old.from = -7200;
  old.until = -3600;
  expect(Cause::tls_expired, handshake(make_certificate(old, &root_)));
  CertSpec no_authority;
  no_authority.cn = "Middle";
  const MadeCert middle = make_certificate(no_authority, &root_);
  expect(Cause::tls_certificate_unfit, handshake(server_certificate(middle), {middle.cert.get()}));
  expect(Cause::tls_unknown_issuer, handshake(server_certificate(other_)));
}

TEST_F(TrustStore, WhatChangesAnywhereChangesTheState) {
  places_.bundles = {root_directory_ + "/none.pem", put("bundle.pem", {&root_})};
  std::vector<std::string> states{places_.state()};
  put("bundle.pem", {&root_, &other_});
  states.push_back(places_.state());
  put("none.pem", {&root_});
  states.push_back(places_.state());
  put("certs/new.crt", {&root_});
  states.push_back(places_.state());
  places_.named_file = put("named.pem", {&root_});
  states.push_back(places_.state());
  for (std::size_t i = 1; i < states.size(); ++i) EXPECT_NE(states[i - 1], states[i]) << i;
}

}  // namespace
}  // namespace cfpipe::transport
