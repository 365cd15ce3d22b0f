// Certificates of servers, good ones and those that a client must not take (RFC 5280 6, RFC 9525): which it
// takes, and what it says about each of the others.
#include <gtest/gtest.h>
#include <openssl/err.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "certificate_maker.h"
#include "support/hosts.h"

namespace cfpipe::transport {
namespace {
using namespace std::string_literals;
using testing::CertFile;
using testing::CertSpec;
using testing::MadeCert;
using testing::make_certificate;

const std::string kShownHost = "vm.example.com";

CertSpec leaf(std::vector<std::string> dns = {kShownHost}) {
  CertSpec spec;
  spec.dns = std::move(dns);
  return spec;
}
CertSpec leaf_with(void (*change)(CertSpec&)) {
  CertSpec spec = leaf();
  change(spec);
  return spec;
}
CertSpec address(const std::string& alt) {
  CertSpec spec = leaf({});
  spec.alt = alt;
  return spec;
}
CertSpec only_cn(const std::string& cn) {
  CertSpec spec = leaf({});
  spec.cn = cn;
  return spec;
}
CertSpec authority_spec(const std::string& cn = "Middle") {
  CertSpec spec;
  spec.cn = cn;
  spec.basic = "critical,CA:TRUE";
  return spec;
}
CertSpec authority_spec_with(void (*change)(CertSpec&)) {
  CertSpec spec = authority_spec();
  change(spec);
  return spec;
}

enum class Sent { all, leaf_alone };

struct Row {
  const char* name;
  std::string host;
  CertSpec leaf;
  std::vector<CertSpec> middle = {};  ///< between the trusted authority and the leaf, from the top
  Sent sent = Sent::all;
};
struct BadRow {
  Row row;
  Cause cause;
  const char* says = "";
};

class BadCertificates : public ::testing::Test {
 protected:
  /// A handshake in memory; nothing: the client has taken the certificate.
  std::optional<Failure> judge(const std::string& host, const MadeCert& leaf,
                               const std::vector<const X509*>& more) {
    SslCtx context(SSL_CTX_new(TLS_server_method()));
    SSL_CTX_set_security_level(context.get(), 0);
    EXPECT_EQ(SSL_CTX_use_certificate(context.get(), leaf.cert.get()), 1);
    EXPECT_EQ(SSL_CTX_use_PrivateKey(context.get(), leaf.key.get()), 1);
    for (const auto* cert : more) SSL_CTX_add1_chain_cert(context.get(), const_cast<X509*>(cert));
    const SslPtr server(SSL_new(context.get()));
    SSL_set_accept_state(server.get());
    const SslPtr client = trusting_->connection(host_of(host));
    BIO* at_client = nullptr;
    BIO* at_server = nullptr;
    BIO_new_bio_pair(&at_client, 1 << 16, &at_server, 1 << 16);
    SSL_set_bio(client.get(), at_client, at_client);
    SSL_set_bio(server.get(), at_server, at_server);
    for (int turn = 0; turn < 100; ++turn) {
      ERR_clear_error();
      const int result = SSL_do_handshake(client.get());
      if (result == 1) return std::nullopt;
      if (SSL_get_error(client.get(), result) != SSL_ERROR_WANT_READ) return tls_failure(client.get(), host);
      SSL_do_handshake(server.get());
    }
    return Failure(Stage::tls, Cause::timed_out);
  }
  std::optional<Failure> judge(const Row& row) {
    std::vector<MadeCert> middle;
    const MadeCert* issuer = &root_;
    middle.reserve(row.middle.size());
    for (const auto& spec : row.middle) {
      middle.push_back(make_certificate(spec, issuer));
      issuer = &middle.back();
    }
    const MadeCert made = make_certificate(row.leaf, issuer);
    std::vector<const X509*> more;
    for (const auto& one : middle) {
      if (row.sent == Sent::all) more.push_back(one.cert.get());
    }
    return judge(row.host, made, more);
  }
  void expect(const BadRow& bad, const std::optional<Failure>& failure) {
    ASSERT_TRUE(failure) << bad.row.name << " is taken";
    EXPECT_EQ(failure->stage, Stage::tls) << bad.row.name;
    EXPECT_EQ(failure->cause, bad.cause) << bad.row.name << ": " << failure->detail;
    EXPECT_TRUE(failure->detail.starts_with(bad.row.host)) << failure->detail;
    EXPECT_NE(failure->detail.find(bad.says), std::string::npos) << bad.row.name << ": " << failure->detail;
  }

  MadeCert root_ = make_certificate(authority_spec("Root"), nullptr);
  CertFile file_{root_.cert.get()};
  std::unique_ptr<TlsClientContext> trusting_ = TlsClientContext::make(file_.path()).value();
};

TEST_F(BadCertificates, GoodOnesAreTaken) {
  const std::vector<Row> rows = {
      {"a name", kShownHost, leaf()},
      {"a name among others", kShownHost, leaf({"a.example.com", kShownHost, "b.example.com"})},
      {"a name in upper case", kShownHost, leaf({"VM.Example.COM"})},
      {"a wildcard", kShownHost, leaf({"*.example.com"})},
      {"a wildcard for an A-label", "xn--bcher-kva.example.com", leaf({"*.example.com"})},
      {"an A-label", "xn--bcher-kva.example.com", leaf({"xn--bcher-kva.example.com"})},
      {"an IPv4 address", "127.0.0.1", address("IP:127.0.0.1")},
      {"an IPv6 address", "::1", address("IP:::1")},
      {"an authority in between", kShownHost, leaf(), {authority_spec()}},
      {"two authorities in between", kShownHost, leaf(), {authority_spec("First"), authority_spec("Second")}},
      {"extended key usage for servers", kShownHost,
       leaf_with([](CertSpec& s) { s.extended_usage = "serverAuth"; })},
      {"extended key usage for both", kShownHost,
       leaf_with([](CertSpec& s) { s.extended_usage = "critical,clientAuth,serverAuth"; })},
      {"key usage", kShownHost, leaf_with([](CertSpec& s) { s.key_usage = "critical,digitalSignature"; })},
      {"no basic constraints", kShownHost, leaf_with([](CertSpec& s) { s.basic = ""; })},
      {"a path length that suffices", kShownHost, leaf(), {authority_spec_with([](CertSpec& s) {
         s.basic = "critical,CA:TRUE,pathlen:0";
       })}},
      {"permitted names", kShownHost, leaf(), {authority_spec_with([](CertSpec& s) {
         s.constraints = "critical,permitted;DNS:example.com";
       })}},
      {"other names excluded", kShownHost, leaf(), {authority_spec_with([](CertSpec& s) {
         s.constraints = "critical,excluded;DNS:example.org";
       })}},
      {"another common name", kShownHost, leaf_with([](CertSpec& s) { s.cn = "other.example.com"; })},
  };
  for (const auto& row : rows) {
    const auto failure = judge(row);
    EXPECT_FALSE(failure) << row.name << ": " << failure->detail;
  }
}

// RFC 9525 6.3 and 6.5.
TEST_F(BadCertificates, OnesForAnotherNameAreRefused) {
  const std::vector<Row> rows = {
      {"another name", kShownHost, leaf({"other.example.com"})},
      {"the name as common name alone", kShownHost, only_cn(kShownHost)},
      {"the name as common name beside another", kShownHost,
       [] {
         CertSpec spec = leaf({"other.example.com"});
         spec.cn = kShownHost;
         return spec;
       }()},
      {"a parent", kShownHost, leaf({"example.com"})},
      {"a child", kShownHost, leaf({"a.vm.example.com"})},
      {"a wildcard for two labels", "a.b.example.com", leaf({"*.example.com"})},
      {"a wildcard for none", "example.com", leaf({"*.example.com"})},
      {"an asterisk alone", kShownHost, leaf({"*"})},
      {"a wildcard below a top-level domain", "example.com", leaf({"*.com"})},
      {"a wildcard of two", kShownHost, leaf({"*.*.com"})},
      {"part of a label at its end", kShownHost, leaf({"v*.example.com"})},
      {"part of a label at its start", kShownHost, leaf({"*m.example.com"})},
      {"an asterisk in the middle", kShownHost, leaf({"vm.*.com"})},
      {"a double asterisk", kShownHost, leaf({"**.example.com"})},
      {"part of an A-label", "xn--bcher-kva.example.com", leaf({"xn--*.example.com"})},
      {"a name in UTF-8", "xn--bcher-kva.example.com",
       leaf({"b\xc3\xbc"
             "cher.example.com"})},
      {"a NUL and more", kShownHost, leaf({kShownHost + "\0.evil.org"s})},
      {"a NUL alone", kShownHost, leaf({kShownHost + "\0"s})},
      {"a space", kShownHost, leaf({kShownHost + " "})},
      {"a comma", kShownHost, leaf({kShownHost + ",evil.org"})},
      {"an empty name", kShownHost, leaf({""})},
      {"a URI", kShownHost, address("URI:https://vm.example.com/")},
      {"a mailbox", kShownHost, address("email:ann@vm.example.com")},
      {"no names", kShownHost, leaf({})},
      {"another address", "127.0.0.1", address("IP:127.0.0.2")},
      {"an address as a DNS name", "127.0.0.1", leaf({"127.0.0.1"})},
      {"an address as common name", "127.0.0.1", only_cn("127.0.0.1")},
      {"an address for a name", "localhost", address("IP:127.0.0.1")},
      {"a wildcard for an address", "127.0.0.1", leaf({"*.0.0.1"})},
  };
  for (const auto& row : rows) expect({row, Cause::tls_name_mismatch}, judge(row));
}

TEST_F(BadCertificates, OnesOutOfTheirTimeAreRefused) {
  const auto expired = [](CertSpec& s) { s.until = -60; };
  const auto coming = [](CertSpec& s) { s.from = 60; };
  const std::vector<Row> rows = {
      {"expired", kShownHost, leaf_with(expired)},
      {"not valid yet", kShownHost, leaf_with(coming)},
      {"an expired authority", kShownHost, leaf(), {authority_spec_with(expired)}},
      {"an authority that is not valid yet", kShownHost, leaf(), {authority_spec_with(coming)}},
  };
  for (const auto& row : rows) expect({row, Cause::tls_expired}, judge(row));
}

TEST_F(BadCertificates, OnesOfUnknownIssuersAreRefused) {
  const Row missing = {
      "an authority that is not sent", kShownHost, leaf(), {authority_spec("Missing")}, Sent::leaf_alone};
  expect({missing, Cause::tls_unknown_issuer, "Missing"}, judge(missing));

  const auto judge_made = [&](const char* name, const MadeCert& made, const std::vector<const X509*>& more) {
    expect({{name, kShownHost, leaf()}, Cause::tls_unknown_issuer}, judge(kShownHost, made, more));
  };
  judge_made("self-signed", make_certificate(leaf(), nullptr), {});
  judge_made("self-signed as an authority",
             make_certificate(
                 [] {
                   CertSpec spec = authority_spec();
                   spec.dns = {kShownHost};
                   return spec;
                 }(),
                 nullptr),
             {});
  const MadeCert other = make_certificate(authority_spec("Other"), nullptr);
  judge_made("another authority's", make_certificate(leaf(), &other), {});
  judge_made("another authority's, which is sent", make_certificate(leaf(), &other), {other.cert.get()});
  const MadeCert same_name = make_certificate(authority_spec("Root"), nullptr);
  judge_made("an authority of the trusted one's name", make_certificate(leaf(), &same_name), {});

  const MadeCert forged = make_certificate(leaf(), &root_);
  const ASN1_BIT_STRING* signature = nullptr;
  X509_get0_signature(&signature, nullptr, forged.cert.get());
  signature->data[signature->length - 1] ^= 1;
  judge_made("a signature with one bit changed", forged, {});
}

TEST_F(BadCertificates, OnesThatBreakARuleAreRefusedWithIt) {
  const std::vector<BadRow> rows = {
      {{"for clients", kShownHost, leaf_with([](CertSpec& s) { s.extended_usage = "clientAuth"; })},
       Cause::tls_certificate_unfit,
       "extended key usage"},
      {{"for code", kShownHost, leaf_with([](CertSpec& s) { s.extended_usage = "codeSigning"; })},
       Cause::tls_certificate_unfit,
       "extended key usage"},
      {{"a key for certificates alone", kShownHost,
        leaf_with([](CertSpec& s) { s.key_usage = "critical,keyCertSign"; })},
       Cause::tls_certificate_unfit,
       "key usage"},
      {{"RSA of 1024 bits", kShownHost, leaf_with([](CertSpec& s) { s.rsa_bits = 1024; })},
       Cause::tls_certificate_unfit,
       "its key is too small"},
      {{"an authority with RSA of 1024 bits", kShownHost, leaf(), {authority_spec_with([](CertSpec& s) {
          s.rsa_bits = 1024;
        })}},
       Cause::tls_certificate_unfit,
       "the key of an authority in its chain is too small"},
      {{"SHA-1", kShownHost, leaf_with([](CertSpec& s) { s.digest = EVP_sha1(); })},
       Cause::tls_certificate_unfit,
       "SHA-1"},
      {{"MD5",
        kShownHost,
        leaf_with([](CertSpec& s) { s.digest = EVP_md5(); }),
        {authority_spec_with([](CertSpec& s) { s.rsa_bits = 2048; })}},
       Cause::tls_certificate_unfit,
       "MD5"},
      {{"an authority with SHA-1", kShownHost, leaf(), {authority_spec_with([](CertSpec& s) {
          s.digest = EVP_sha1();
        })}},
       Cause::tls_certificate_unfit,
       "SHA-1"},
      {{"a chain that is too long",
        kShownHost,
        leaf(),
        {authority_spec_with([](CertSpec& s) { s.basic = "critical,CA:TRUE,pathlen:0"; }),
         authority_spec("Second")}},
       Cause::tls_certificate_unfit,
       "path length"},
      {{"names that are not permitted", kShownHost, leaf(), {authority_spec_with([](CertSpec& s) {
          s.constraints = "critical,permitted;DNS:example.org";
        })}},
       Cause::tls_certificate_unfit,
       "name constraints"},
      {{"names that are excluded", kShownHost, leaf(), {authority_spec_with([](CertSpec& s) {
          s.constraints = "critical,excluded;DNS:example.com";
        })}},
       Cause::tls_certificate_unfit,
       "name constraints"},
      {{"an authority that is none", kShownHost, leaf(), {authority_spec_with([](CertSpec& s) {
          s.basic = "critical,CA:FALSE";
        })}},
       Cause::tls_certificate_unfit,
       "no certificate authority"},
      {{"an authority without basic constraints", kShownHost, leaf(), {authority_spec_with([](CertSpec& s) {
          s.basic = "";
        })}},
       Cause::tls_certificate_unfit,
       "no certificate authority"},
      {{"an authority of version 1", kShownHost, leaf(), {authority_spec_with([](CertSpec& s) {
          s.version = 1;
        })}},
       Cause::tls_certificate_unfit,
       "no certificate authority"},
      {{"an authority whose key may not sign", kShownHost, leaf(), {authority_spec_with([](CertSpec& s) {
          s.key_usage = "critical,digitalSignature";
        })}},
       Cause::tls_certificate_unfit,
       "no certificate authority"},
      {{"an authority for clients", kShownHost, leaf(), {authority_spec_with([](CertSpec& s) {
          s.extended_usage = "clientAuth";
        })}},
       Cause::tls_certificate_unfit,
       ""},
      {{"an unknown critical extension", kShownHost,
        leaf_with([](CertSpec& s) { s.unknown_critical = true; })},
       Cause::tls_certificate_unfit,
       "critical extension"},
      {{"an authority with an unknown critical extension",
        kShownHost,
        leaf(),
        {authority_spec_with([](CertSpec& s) { s.unknown_critical = true; })}},
       Cause::tls_certificate_unfit,
       "critical extension"},
  };
  for (const auto& bad : rows) expect(bad, judge(bad.row));
}

}  // namespace
}  // namespace cfpipe::transport
