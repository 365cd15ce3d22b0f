// Where people sign in, in the YAML form of the configuration.
#include <algorithm>
#include <array>
#include <sstream>

#include "base/text.h"
#include "edge/config/provider_proxy.h"
#include "edge/config/provider_url.h"
#include "edge/config/yaml_reader.h"

namespace cfpipe::edge {
namespace {

constexpr const char* kWhat = "an identity provider";
/// Bounds of what a provider's administrator may have chosen, in bytes.
constexpr std::size_t kMaxClientIdBytes = 256;
constexpr std::size_t kMaxScopeBytes = 64;
constexpr std::size_t kMaxScopes = 16;
constexpr std::initializer_list<const char*> kDevKeys = {"email", "groups"};
constexpr std::initializer_list<const char*> kOidcKeys = {"issuer",
                                                          "client_id",
                                                          "client_secret_file",
                                                          "ca_file",
                                                          "scopes",
                                                          "prompt",
                                                          "email_claim",
                                                          "groups_claim",
                                                          "groups_claim_optional",
                                                          "allow_unverified_email",
                                                          "sign_out_at_provider",
                                                          "proxy",
                                                          "proxy_login_file"};

void refuse(YamlReader& reader, const YAML::Node& node, std::initializer_list<const char*> keys,
            const std::string& theirs, const std::string& ours) {
  for (const char* key : keys)
    if (node[key])
      reader.fault(node[key], std::string("'") + key + "' belongs to type " + theirs + ", not " + ours);
}

void read_dev(YamlReader& reader, const YAML::Node& node, Config& config) {
  config.identity_provider = IdentityProvider::dev;
  config.dev_email = reader.text(node, "email", kWhat, false);
  if (!config.dev_email.empty() && !valid_email(config.dev_email))
    reader.fault(node["email"], "'email' is not an email address");
  if (const YAML::Node groups = node["groups"]) {
    if (!groups.IsSequence()) reader.fault(groups, "'groups' must be a list");
    for (const YAML::Node& item : groups) {
      const std::string name = item.IsScalar() ? item.Scalar() : "";
      if (!valid_group(name)) reader.fault(item, "a group must be a name of at most 128 characters");
      config.dev_groups.push_back(name);
    }
  }
  refuse(reader, node, kOidcKeys, "oidc", "dev");
  if (config.listen && !config.listen->is_local())
    reader.fault(node["type"],
                 "identity_provider type dev asks for no password: 'listen' must be a loopback address");
}

/// RFC 6749 3.3: no blanks, quotes or backslashes.
bool valid_scope(const std::string& scope) {
  return !scope.empty() && scope.size() <= kMaxScopeBytes &&
         std::all_of(scope.begin(), scope.end(),
                     [](char c) { return c > 0x20 && c < 0x7f && c != '"' && c != '\\'; });
}

void read_scopes(YamlReader& reader, const YAML::Node& node, OidcConfig& oidc) {
  oidc.scopes.clear();
  if (!node.IsSequence() || node.size() > kMaxScopes)
    return reader.fault(node, "'scopes' must be a list, such as [openid, email, profile]");
  for (const YAML::Node& item : node) {
    oidc.scopes.push_back(item.IsScalar() ? item.Scalar() : "");
    if (!valid_scope(oidc.scopes.back())) reader.fault(item, "a scope must be one word");
  }
  if (std::find(oidc.scopes.begin(), oidc.scopes.end(), "openid") == oidc.scopes.end())
    reader.fault(node, "'scopes' must hold openid: without it the provider says nothing about who signs in");
}

void read_file_name(YamlReader& reader, const YAML::Node& node, const char* key, ConfigFile::Kind kind,
                    std::string& out, LoadedConfig& loaded) {
  out = reader.text(node, key, kWhat, false);
  if (out.empty()) return;
  if (out.front() != '/')
    return reader.fault(node[key], std::string("'") + key + "' must be an absolute path");
  loaded.files.push_back({kind, YamlReader::line_of(node[key]), out});
}

/// A name, or a path with dots. What looks like a path of another language is pointed out.
void read_claim_name(YamlReader& reader, const YAML::Node& node, const char* key, std::string& out,
                     LoadedConfig& loaded) {
  const std::string claim = reader.text(node, key, kWhat, false);
  if (claim.empty()) return;
  out = claim;
  if (claim.size() > kMaxClaimBytes || printable(claim) != claim)
    return reader.fault(node[key], std::string("'") + key + "' must be at most 64 printable characters");
  const bool url = claim.find("://") != std::string::npos;
  if (!url && claim.find_first_of("/$[]") != std::string::npos)
    loaded.warnings.push_back("line " + std::to_string(YamlReader::line_of(node[key])) + ": '" + key +
                              "' is the name of a claim, or a path with dots, such as realm_access.roles; " +
                              claim + " is taken as a name");
}

/// `none` is rejected: no user could sign in.
void read_prompt(YamlReader& reader, const YAML::Node& node, OidcConfig& oidc) {
  constexpr std::array<std::string_view, 4> kPrompts{"login", "consent", "select_account", "create"};
  oidc.prompt = reader.text(node, "prompt", kWhat, false);
  std::istringstream words(oidc.prompt);
  for (std::string word; words >> word;)
    if (std::find(kPrompts.begin(), kPrompts.end(), word) == kPrompts.end())
      return reader.fault(node["prompt"], "'prompt' must be select_account, login, consent or create");
}

/// Rejects credentials in the URL, which all readers of the configuration would see.
void read_provider_proxy(YamlReader& reader, const YAML::Node& node, OidcConfig& oidc, LoadedConfig& loaded) {
  oidc.proxy = reader.text(node, "proxy", kWhat, false);
  if (!oidc.proxy.empty())
    if (const std::string wrong = proxy_setting_fault(oidc.proxy); !wrong.empty())
      reader.fault(node["proxy"], wrong);
  read_file_name(reader, node, "proxy_login_file", ConfigFile::Kind::secret, oidc.proxy_login_file, loaded);
  if (!oidc.proxy_login_file.empty() && (oidc.proxy.empty() || oidc.proxy == "none"))
    reader.fault(node["proxy_login_file"], "'proxy_login_file' needs 'proxy: http://HOST:PORT' beside it");
}

void read_oidc(YamlReader& reader, const YAML::Node& node, OidcConfig& oidc, LoadedConfig& loaded) {
  read_provider_proxy(reader, node, oidc, loaded);
  oidc.issuer = reader.text(node, "issuer", kWhat);
  if (!oidc.issuer.empty()) {
    if (const auto url = parse_provider_url(oidc.issuer); !url) {
      reader.fault(node["issuer"], "'issuer' must be an https URL, or an http one on loopback");
    } else if (oidc.issuer.find_first_of("?#") != std::string::npos) {
      reader.fault(node["issuer"], "'issuer' must have neither '?' nor '#'");
    }
  }
  oidc.client_id = reader.text(node, "client_id", kWhat);
  if (oidc.client_id.size() > kMaxClientIdBytes ||
      printable(oidc.client_id, kMaxClientIdBytes) != oidc.client_id)
    reader.fault(node["client_id"], "'client_id' must be at most 256 printable characters");
  read_file_name(reader, node, "client_secret_file", ConfigFile::Kind::secret, oidc.client_secret_file,
                 loaded);
  read_file_name(reader, node, "ca_file", ConfigFile::Kind::authorities, oidc.ca_file, loaded);
  if (node["scopes"]) read_scopes(reader, node["scopes"], oidc);
  read_prompt(reader, node, oidc);
  read_claim_name(reader, node, "groups_claim", oidc.groups_claim, loaded);
  oidc.groups_claim_optional = reader.flag(node, "groups_claim_optional", false);
  oidc.allow_unverified_email = reader.flag(node, "allow_unverified_email", false);
  read_claim_name(reader, node, "email_claim", oidc.email_claim, loaded);
  if (oidc.email_claim != "email" && !oidc.allow_unverified_email)
    reader.fault(node["email_claim"],
                 "'email_claim' needs 'allow_unverified_email: true': no provider verifies another claim");
  oidc.sign_out_at_provider = reader.flag(node, "sign_out_at_provider", true);
  refuse(reader, node, kDevKeys, "dev", "oidc");
}

bool is_provider(YamlReader& reader, const YAML::Node& node) {
  return reader.mapping(
      node, kWhat,
      {"name", "type", "issuer", "client_id", "client_secret_file", "ca_file", "scopes", "prompt",
       "email_claim", "groups_claim", "groups_claim_optional", "allow_unverified_email",
       "sign_out_at_provider", "proxy", "proxy_login_file", "email", "groups"});
}

/// It stands in an address, in a cookie, and in rules.
void read_name(YamlReader& reader, const YAML::Node& node, OidcConfig& oidc) {
  oidc.name = reader.text(node, "name", kWhat);
  if (!oidc.name.empty() && !valid_service_name(oidc.name))
    reader.fault(node["name"],
                 "the name of an identity provider must be at most 64 letters, digits, '.', '_' and "
                 "'-', beginning with a letter or digit");
}

}  // namespace

void read_provider(YamlReader& reader, const YAML::Node& node, LoadedConfig& out) {
  if (!is_provider(reader, node)) return;
  const std::string type = reader.text(node, "type", kWhat);
  if (type == "dev") {
    read_dev(reader, node, out.config);
    return;
  }
  if (type != "oidc") {
    if (!type.empty()) reader.fault(node["type"], "identity_provider type must be oidc or dev");
    return;
  }
  OidcConfig& oidc = out.config.providers.emplace_back();
  if (node["name"]) read_name(reader, node, oidc);
  read_oidc(reader, node, oidc, out);
}

void read_providers(YamlReader& reader, const YAML::Node& list, LoadedConfig& out) {
  if (!list.IsSequence() || list.size() == 0 || list.size() > kMaxProviders)
    return reader.fault(list, "'identity_providers' must be a list of 1 to " + std::to_string(kMaxProviders));
  for (const YAML::Node& node : list) {
    if (!is_provider(reader, node)) continue;
    const std::string type = reader.text(node, "type", kWhat);
    if (type != "oidc") {
      if (!type.empty()) reader.fault(node["type"], "one of several providers must be of type oidc");
      continue;
    }
    OidcConfig oidc;
    oidc.own_callback = true;
    read_name(reader, node, oidc);
    const auto known = provider_names(out.config);
    if (!oidc.name.empty() && std::find(known.begin(), known.end(), oidc.name) != known.end())
      reader.fault(node["name"], "there is an identity provider of that name already");
    read_oidc(reader, node, oidc, out);
    out.config.providers.push_back(std::move(oidc));
  }
}

}  // namespace cfpipe::edge
