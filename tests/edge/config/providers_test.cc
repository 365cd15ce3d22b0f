#include <gtest/gtest.h>

#include "edge/config/config.h"
#include "edge/config_fixture.h"
#include "edge/policy/app_name.h"

namespace cfpipe::edge {
namespace {

TEST(Config, ReadsAnIdentityProvider) {
  const LoadedConfig loaded = parse_config(replaced(
      with_oidc("  {type: oidc, issuer: 'https://idp.example.com', client_id: a,\n"
                "   client_secret_file: /s, ca_file: /ca.pem, scopes: [openid, email],\n"
                "   groups_claim: roles, groups_claim_optional: true, allow_unverified_email: true, prompt: "
                "login select_account, email_claim: upn, "
                "sign_out_at_provider: false}"),
      "deploy]", "{claim: preferred_username}]"));
  ASSERT_TRUE(loaded.faults.empty()) << loaded.faults.front().text;
  EXPECT_EQ(loaded.config.identity_provider, IdentityProvider::oidc);
  ASSERT_EQ(loaded.config.providers.size(), 1u);
  const OidcConfig& oidc = loaded.config.providers[0];
  EXPECT_EQ(oidc.name, "oidc");
  EXPECT_FALSE(oidc.own_callback);
  EXPECT_EQ(oidc.issuer, "https://idp.example.com");
  EXPECT_EQ(oidc.scopes, (std::vector<std::string>{"openid", "email"}));
  EXPECT_EQ(oidc.groups_claim, "roles");
  EXPECT_EQ(oidc.prompt, "login select_account");
  EXPECT_EQ(oidc.email_claim, "upn");
  EXPECT_TRUE(oidc.groups_claim_optional);
  EXPECT_TRUE(oidc.allow_unverified_email);
  EXPECT_FALSE(oidc.sign_out_at_provider);
  ASSERT_EQ(loaded.files.size(), 4u);
  EXPECT_EQ(loaded.files[0].kind, ConfigFile::Kind::certificate);
  EXPECT_EQ(loaded.files[1].kind, ConfigFile::Kind::private_key);
  EXPECT_EQ(loaded.files[2].path, "/s");
  EXPECT_EQ(loaded.files[2].line, 8);
  EXPECT_EQ(loaded.files[3].kind, ConfigFile::Kind::authorities);
  EXPECT_EQ(claims_named(loaded.config), std::vector<std::string>{"preferred_username"});
}

TEST(Config, AnIdentityProviderIsCheckedForWhatCannotBeMeant) {
  const auto with = [](const std::string& more) {
    return parse_config(
        with_oidc("  {type: oidc, issuer: 'https://idp.example.com', client_id: a, " + more + "}"));
  };
  for (const char* more :
       {"email_claim: upn", "prompt: none", "prompt: 'login none'", "prompt: Login", "prompt: []",
        "allow_unverified_email: false, email_claim: upn", "groups_claim: []"})
    EXPECT_EQ(with(more).faults.size(), 1u) << more;
  EXPECT_NE(with("email_claim: upn").faults[0].text.find("allow_unverified_email"), std::string::npos);
  for (const char* more : {"groups_claim: realm_access.roles", "groups_claim: 'https://x.org/roles'",
                           "groups_claim: 'urn:zitadel:iam:org:project:roles'", "email_claim: email"}) {
    EXPECT_TRUE(with(more).faults.empty()) << more;
    EXPECT_TRUE(with(more).warnings.empty()) << more;
  }
  for (const char* more : {"groups_claim: $.realm_access.roles", "groups_claim: realm_access/roles",
                           "groups_claim: 'roles[]'"}) {
    EXPECT_TRUE(with(more).faults.empty()) << more;
    EXPECT_EQ(with(more).warnings.size(), 1u) << more;
  }
}

/// Two providers, and what stands in their place.
std::string with_providers(const std::string& providers, const std::string& rule = "{group: SRE Europe}") {
  const std::string text = replaced(kGood, "identity_provider:\n  type: dev\n  groups: [SRE Europe]",
                                    "identity_providers:\n" + providers);
  return replaced(text, "{group: SRE Europe}", rule);
}
constexpr const char* kTwoProviders =
    "  - {name: corp, type: oidc, issuer: 'https://corp.example.com', client_id: a}\n"
    "  - {name: partner, type: oidc, issuer: 'https://partner.test', client_id: b, proxy: none}";

TEST(Config, SeveralIdentityProvidersHaveNames) {
  const LoadedConfig loaded = parse_config(with_providers(kTwoProviders, "{login_method: partner}"));
  ASSERT_TRUE(loaded.faults.empty()) << loaded.faults.front().text;
  EXPECT_EQ(provider_names(loaded.config), (std::vector<std::string>{"corp", "partner"}));
  EXPECT_TRUE(loaded.config.providers[0].own_callback);
  EXPECT_EQ(loaded.config.providers[1].proxy, "none");
  EXPECT_EQ(loaded.config.applications[0].policies[0].include[2].kind, Rule::Kind::login_method);
  EXPECT_TRUE(loaded.warnings.empty());
}

TEST(Config, NamesTheFaultsOfSeveralIdentityProviders) {
  struct Case {
    std::string text;
    const char* says;
  };
  const std::string two = kTwoProviders;
  for (const Case& test :
       {Case{with_providers(replaced(two, "name: partner", "name: corp")), "of that name already"},
        Case{with_providers(replaced(two, "name: partner, ", "")), "'name'"},
        Case{with_providers(replaced(two, "name: partner", "name: a/b")), "letters, digits"},
        Case{with_providers(replaced(two, "name: partner, type: oidc", "name: partner, type: dev")),
             "type oidc"},
        Case{with_providers("  []"), "a list of 1 to 16"},
        Case{with_providers(two, "{login_method: parner}"), "'parner', which there is not"},
        Case{replaced(with_providers(two), "    session_duration: 8h", "    allowed_idps: [corp, none]"),
             "no identity provider 'none'"},
        Case{replaced(with_providers(two), "    session_duration: 8h", "    allowed_idps: []"),
             "list of names"},
        Case{with_providers(two) + "identity_provider: {type: dev}\n", "already"}}) {
    const LoadedConfig loaded = parse_config(test.text);
    ASSERT_EQ(loaded.faults.size(), 1u)
        << test.says << ": " << (loaded.faults.empty() ? "" : loaded.faults[0].text);
    EXPECT_NE(loaded.faults[0].text.find(test.says), std::string::npos) << loaded.faults[0].text;
  }
}

TEST(Config, AdministratorsOfAnyProviderAreWorthAWarning) {
  const auto warnings = [](const std::string& administrators) {
    return parse_config(with_providers(kTwoProviders) + "administrators: " + administrators + "\n")
        .warnings.size();
  };
  EXPECT_EQ(warnings("{include: [{email: ann@example.com}]}"), 1u);
  EXPECT_EQ(warnings("{include: [{email: ann@example.com}], require: [{login_method: corp}]}"), 0u);
}

TEST(Config, AProxyHasItsLoginInAFile) {
  const auto with = [](const std::string& more) {
    return parse_config(
        with_oidc("  {type: oidc, issuer: 'https://idp.example.com', client_id: a, " + more + "}"));
  };
  for (const char* more :
       {"proxy: 'http://proxy.example.com:3128'", "proxy: none", "proxy: 'socks5h://10.0.0.1'",
        "proxy: 'https://proxy.example.com', proxy_login_file: /p"})
    EXPECT_TRUE(with(more).faults.empty()) << more << with(more).faults[0].text;
  EXPECT_EQ(with("proxy: 'http://p:1', proxy_login_file: /p").files.back().kind, ConfigFile::Kind::secret);
  for (const char* more :
       {"proxy: 'http://ann:s3cret@proxy.example.com:3128'", "proxy: 'ftp://proxy.example.com'", "proxy: ''",
        "proxy: none, proxy_login_file: /p", "proxy_login_file: /p",
        "proxy: 'http://p:1', proxy_login_file: p"}) {
    ASSERT_EQ(with(more).faults.size(), 1u) << more;
    EXPECT_EQ(with(more).faults[0].text.find("s3cret"), std::string::npos);
  }
}

TEST(Config, RootMayComeFromAnAddressOnlyAtTheBuiltInSignIn) {
  EXPECT_TRUE(parse_config(kGood).config.applications.at(0).certificates->root_by_email);
  const auto oidc =
      parse_config(with_oidc("  {type: oidc, issuer: 'https://idp.example.com', client_id: a}"));
  EXPECT_FALSE(oidc.config.applications.at(0).certificates->root_by_email);
}

TEST(Config, APublicClientOnLoopbackNeedsLittle) {
  const LoadedConfig loaded =
      parse_config(with_oidc("  {type: oidc, issuer: 'http://127.0.0.1:9000', client_id: a}"));
  EXPECT_TRUE(loaded.faults.empty()) << loaded.faults.front().text;
  EXPECT_FALSE(loaded.config.providers.at(0).allow_unverified_email);
  EXPECT_EQ(loaded.files.size(), 2u) << "of tls";
}

TEST(Config, NamesTheFaultsOfAnIdentityProvider) {
  struct Case {
    const char* keys;
    const char* says;
  };
  for (const Case& test :
       {Case{"issuer: 'http://idp.example.com', client_id: a", "https URL"},
        Case{"issuer: idp.example.com, client_id: a", "https URL"},
        Case{"issuer: 'https://idp.example.com/?a=b', client_id: a", "neither"},
        Case{"issuer: 'https://idp.example.com'", "client_id"},
        Case{"issuer: 'https://i.test', client_id: a, client_secret_file: secret", "absolute"},
        Case{"issuer: 'https://i.test', client_id: a, ca_file: ca.pem", "absolute"},
        Case{"issuer: 'https://i.test', client_id: a, client_secret: s3cret", "unknown key 'client_secret'"},
        Case{"issuer: 'https://i.test', client_id: a, scopes: [email]", "openid"},
        Case{"issuer: 'https://i.test', client_id: a, scopes: openid", "list"},
        Case{"issuer: 'https://i.test', client_id: a, scopes: [openid, 'a b']", "one word"},
        Case{"issuer: 'https://i.test', client_id: a, allow_unverified_email: maybe", "true or false"},
        Case{"issuer: 'https://i.test', client_id: a, groups: [sre]", "belongs to type dev"}}) {
    const LoadedConfig loaded = parse_config(with_oidc(std::string("  {type: oidc, ") + test.keys + "}"));
    ASSERT_EQ(loaded.faults.size(), 1u) << test.keys;
    EXPECT_EQ(loaded.faults[0].line, 7);
    EXPECT_NE(loaded.faults[0].text.find(test.says), std::string::npos) << loaded.faults[0].text;
    EXPECT_EQ(loaded.faults[0].text.find("s3cret"), std::string::npos);
  }
}

TEST(Config, BoundsTheClaimsThatTokensHaveToCarry) {
  std::string claims;
  for (std::size_t i = 0; i <= kMaxClaims; ++i) claims += "{claim: c" + std::to_string(i) + "}, ";
  const auto faults =
      parse_config(replaced(with_oidc("  {type: oidc, issuer: 'https://i.test', client_id: a}"), "deploy]",
                            claims + "]"))
          .faults;
  ASSERT_EQ(faults.size(), 1u);
  EXPECT_NE(faults[0].text.find("room for 4"), std::string::npos) << faults[0].text;
}

}  // namespace
}  // namespace cfpipe::edge
