// What an identity provider may say of itself, and where it may send anybody.
#include "edge/oidc/metadata.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "edge/config/secret_file.h"
#include "edge/edge_fixture.h"
#include "edge/oidc/client.h"

namespace cfpipe::edge {
namespace {

const std::string kIssuer = "https://idp.example.com";
constexpr const char* kGood = R"({
 "issuer": "https://idp.example.com",
 "authorization_endpoint": "https://idp.example.com/authorize?tenant=1",
 "token_endpoint": "https://api.example.com/token",
 "jwks_uri": "https://idp.example.com/keys",
 "userinfo_endpoint": "https://idp.example.com/me",
 "end_session_endpoint": "https://idp.example.com/logout",
 "response_types_supported": ["code", "id_token"],
 "id_token_signing_alg_values_supported": ["PS256", "ES256"],
 "token_endpoint_auth_methods_supported": ["client_secret_post"],
 "authorization_response_iss_parameter_supported": true
})";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(ProviderMetadata, IsRead) {
  const auto read = parse_provider_metadata(kGood, kIssuer);
  ASSERT_TRUE(read) << read.error().detail;
  EXPECT_EQ(read->authorization.with_query("a=b"), "https://idp.example.com/authorize?tenant=1&a=b");
  EXPECT_EQ(read->token.str(), "https://api.example.com/token");
  EXPECT_EQ(read->token.with_query("a=b"), "https://api.example.com/token?a=b");
  EXPECT_EQ(read->secret_in, SecretIn::body);
  EXPECT_TRUE(read->faults.empty());
  EXPECT_TRUE(read->names_itself);
  ASSERT_TRUE(read->userinfo && read->end_session);
  const auto least = parse_provider_metadata(
      R"({"issuer":"https://idp.example.com","authorization_endpoint":"https://a.b/","token_endpoint":"https://a.b/",)"
      R"("jwks_uri":"https://a.b/"})",
      kIssuer);
  ASSERT_TRUE(least);
  EXPECT_EQ(least->secret_in, SecretIn::either);
  EXPECT_FALSE(least->names_itself);
  EXPECT_FALSE(least->userinfo);
}

TEST(ProviderMetadata, IsRefusedForItsFaults) {
  struct Case {
    const char* from;
    const char* to;
    const char* says;
  };
  for (const Case& test :
       {Case{R"("issuer": "https://idp.example.com")", R"("issuer": "https://evil.test")",
             "issuer 'https://evil.test'"},
        Case{R"("issuer": "https://idp.example.com")", R"("issuer": "https://idp.example.com/")", "issuer"},
        Case{"\"token_endpoint\"", "\"x\"", "no token_endpoint"},
        Case{"\"jwks_uri\"", "\"x\"", "no jwks_uri"},
        Case{"https://api.example.com/token", "http://api.example.com/token", "token_endpoint"},
        Case{"https://api.example.com/token", "http://127.0.0.1/token", "not an https URL"},
        Case{"https://idp.example.com/authorize?tenant=1", "javascript:alert(1)", "authorization_endpoint"},
        Case{R"("https://api.example.com/token")", "7", "token_endpoint is not a string"},
        Case{R"("https://api.example.com/token")", "null", "no token_endpoint"},
        Case{"\"code\", ", "", "code flow"},
        Case{"\"PS256\", \"ES256\"", "\"HS256\"", "signs ID tokens with none"},
        Case{"{", "[", "not a JSON object"}}) {
    const auto read = parse_provider_metadata(replaced(kGood, test.from, test.to), kIssuer);
    ASSERT_FALSE(read) << test.to;
    EXPECT_NE(read.error().detail.find(test.says), std::string::npos) << read.error().detail;
  }
}

TEST(ProviderMetadata, IsTakenWithoutTheOptionalEndpointsThatHaveFaults) {
  struct Case {
    const char* to;
    const char* says;  ///< null: it is absent, which is no fault
  };
  for (const char* name : {"end_session_endpoint", "userinfo_endpoint"}) {
    const std::string url =
        name[0] == 'e' ? R"("https://idp.example.com/logout")" : R"("https://idp.example.com/me")";
    for (const Case& test :
         {Case{"null", nullptr}, Case{R"("")", nullptr}, Case{R"("//evil.test/")", "is not an https URL"},
          Case{R"("/relative")", "is not an https URL"},
          Case{R"("https://a@idp.example.com/me")", "is not a URL"},
          Case{R"("http://idp.example.com/x")", "is an http URL of another machine"},
          Case{R"("http://127.0.0.1/x")", "is not an https URL"}, Case{"7", "is not a string"},
          Case{"{}", "is not a string"}}) {
      const auto read = parse_provider_metadata(replaced(kGood, url, test.to), kIssuer);
      ASSERT_TRUE(read) << test.to << ": " << read.error().detail;
      EXPECT_FALSE(name[0] == 'e' ? read->end_session : read->userinfo) << test.to;
      EXPECT_TRUE(name[0] == 'e' ? read->userinfo : read->end_session) << "the other one stays";
      EXPECT_EQ(read->faults.size(), test.says == nullptr ? 0u : 1u) << test.to;
      if (test.says == nullptr || read->faults.empty()) continue;
      EXPECT_NE(read->faults[0].find(std::string(name) + " " + test.says), std::string::npos)
          << read->faults[0];
    }
  }
}

TEST(ProviderMetadata, NullAndEmptyListsAreAbsent) {
  for (const char* none : {"null", "[]"}) {
    std::string text = replaced(kGood, R"(["code", "id_token"])", none);
    text = replaced(text, R"(["PS256", "ES256"])", none);
    const auto read = parse_provider_metadata(replaced(text, R"(["client_secret_post"])", none), kIssuer);
    ASSERT_TRUE(read) << read.error().detail;
    EXPECT_EQ(read->secret_in, SecretIn::either);
  }
}

TEST(ProviderMetadata, SaysHowTheSecretIsShownOrDoesNot) {
  const auto way = [](const char* methods) {
    return parse_provider_metadata(replaced(kGood, R"("client_secret_post")", methods), kIssuer)->secret_in;
  };
  EXPECT_EQ(way(R"("client_secret_post","client_secret_basic")"), SecretIn::header);
  EXPECT_EQ(way(R"("private_key_jwt","client_secret_post")"), SecretIn::body);
  EXPECT_EQ(way(R"("private_key_jwt","none")"), SecretIn::either);
}

TEST(ProviderMetadata, OfALoopbackIssuerMayBePlain) {
  const std::string text =
      R"({"issuer":"http://127.0.0.1:9","authorization_endpoint":"http://127.0.0.1:9/a","token_endpoint":)"
      R"("http://localhost:9/t","jwks_uri":"http://[::1]:9/k"})";
  EXPECT_TRUE(parse_provider_metadata(text, "http://127.0.0.1:9"));
  EXPECT_FALSE(parse_provider_metadata(replaced(text, "http://localhost:9/t", "http://10.0.0.1/t"),
                                       "http://127.0.0.1:9"));
}

TEST(ProviderUrl, GoesThereAndBack) {
  for (const char* text :
       {"https://idp.example.com/", "https://idp.example.com:8443/a?b=c", "http://127.0.0.1/",
        "http://127.0.0.1:443/", "http://[::1]:8080/x", "http://idp.localhost/", "https://[::1]/"}) {
    const auto url = parse_provider_url(text);
    ASSERT_TRUE(url) << text;
    EXPECT_EQ(url->str(), text);
  }
  for (const char* text :
       {"", "idp.example.com", "ftp://127.0.0.1/", "http://example.com/", "http://10.0.0.1/",
        "http://localhost.evil.test/", "http://evil.test/?localhost", "http://127.0.0.1@evil.test/",
        "https:///x", "https://a b/", "wss://idp.example.com/"})
    EXPECT_FALSE(parse_provider_url(text)) << text;
}

TEST(ProviderUrl, OfTheConfiguration) {
  EXPECT_EQ(discovery_url("https://a.b/tenant/")->str(),
            "https://a.b/tenant/.well-known/openid-configuration");
  EXPECT_EQ(discovery_url("https://a.b")->str(), "https://a.b/.well-known/openid-configuration");
}

class SecretFile : public ::testing::Test {
 protected:
  std::string file(const std::string& content, unsigned mode) {
    const std::string path = dir_ / "secret";
    ::unlink(path.c_str());
    std::ofstream(path) << content;
    ::chmod(path.c_str(), mode);
    return path;
  }
  TempDir dir_;
};

TEST_F(SecretFile, IsItsFirstLine) {
  EXPECT_EQ(read_secret_file(file("s3cret\n", 0600))->reveal(), "s3cret");
  EXPECT_EQ(read_secret_file(file("s3cret", 0400))->reveal(), "s3cret");
  EXPECT_EQ(read_secret_file(file("a b\r\nrest\n", 0600))->reveal(), "a b");
}

TEST_F(SecretFile, IsForItsOwnerAlone) {
  for (const unsigned mode : {0660U, 0604U, 0622U, 0601U}) {
    const auto read = read_secret_file(file("s3cret\n", mode));
    ASSERT_FALSE(read) << mode;
    EXPECT_NE(read.error().detail.find("chmod 600"), std::string::npos);
  }
}

TEST_F(SecretFile, IsAPlainFileWithSomethingInIt) {
  EXPECT_FALSE(read_secret_file(dir_ / "none"));
  EXPECT_FALSE(read_secret_file(dir_.path()));
  EXPECT_FALSE(read_secret_file(file("", 0600)));
  EXPECT_FALSE(read_secret_file(file("\nsecond line\n", 0600)));
  EXPECT_FALSE(read_secret_file(file(std::string(8192, 'x'), 0600)));
  const std::string link = dir_ / "link";
  ASSERT_EQ(::symlink(file("s3cret\n", 0600).c_str(), link.c_str()), 0);
  EXPECT_EQ(read_secret_file(link)->reveal(), "s3cret") << "a link of ours leads there";
  const std::string fifo = dir_ / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_FALSE(read_secret_file(fifo)) << "and does not wait for a writer";
}

}  // namespace
}  // namespace cfpipe::edge
