// Policies, and who gets which principals, in the YAML form of the configuration.
#include <algorithm>
#include <set>

#include "base/text.h"
#include "edge/config/yaml_reader.h"

namespace cfpipe::edge {
namespace {

constexpr const char* kBadPrincipal =
    "a principal must be a user name: a letter, digit or _, then letters, digits and _ . + - @ \\";

std::string in_quotes(std::string_view text) {
  return "'" + printable(text, 60) + "'";
}

/// `everyone`, `{everyone: true}`, or as the API of Access has it, `{everyone: {}}`.
bool says_yes(const YAML::Node& value) {
  return value.IsNull() || (value.IsMap() && value.size() == 0) ||
         (value.IsScalar() && value.Scalar() == "true");
}

/// What is wrong with the value of a rule, or nothing; completes the rule.
std::string value_fault(Rule& rule) {
  switch (rule.kind) {
    case Rule::Kind::email:
      rule.value = lower(rule.value);
      return valid_email(rule.value) ? "" : "is not an email address";
    case Rule::Kind::email_domain:
      rule.value = lower(rule.value);
      return valid_email("a@" + rule.value) ? "" : "is not a domain, such as example.com";
    case Rule::Kind::group:
      return valid_group(rule.value) ? "" : "is not the name of a group";
    case Rule::Kind::ip: {
      const auto range = parse_ip_range(rule.value);
      if (!range)
        return "is not an address or range whose host bits are 0, such as 10.0.0.0/8 or 2001:db8::/32";
      rule.range = *range;
      return "";
    }
    case Rule::Kind::service_token:
      return valid_service_name(rule.value) ? "" : "is not the name of a service token";
    case Rule::Kind::login_method:
      return valid_service_name(rule.value) ? "" : "is not the name of an identity provider";
    case Rule::Kind::any_valid_service_token:
    case Rule::Kind::everyone:
      break;
  }
  return "";
}

bool takes_no_value(Rule::Kind kind) {
  return kind == Rule::Kind::everyone || kind == Rule::Kind::any_valid_service_token;
}

std::string misplaced(Rule::Kind kind, Decision decision) {
  const std::string rule = "a rule of kind '" + std::string(name_of(kind)) + "' ";
  switch (decision) {
    case Decision::bypass:
      return rule + "cannot stand in a bypass policy, which has no sign-in: use ip or everyone";
    case Decision::service_auth:
      return rule +
             "is about people: a service_auth policy takes service_token, any_valid_service_token, ip, "
             "everyone";
    case Decision::allow:
    case Decision::deny:
      break;
  }
  return rule + "belongs into a policy with decision service_auth: others are about people";
}

void read_rule(YamlReader& reader, const YAML::Node& item, const std::string& part, Decision decision,
               std::vector<Rule>& out) {
  const bool bare = item.IsScalar();
  if (!bare && (!item.IsMap() || item.size() != 1))
    return reader.fault(item, "a rule in " + part + " must be one 'kind: value'");
  const YAML::Node kind_node = bare ? item : item.begin()->first;
  const std::string kind_text = kind_node.IsScalar() ? kind_node.Scalar() : "";
  const auto kind = rule_kind_of(kind_text);
  if (!kind) {
    return reader.fault(item, "there are no rules of kind " + in_quotes(kind_text) +
                                  ": use email, email_domain, group, login_method, ip, service_token, "
                                  "any_valid_service_token, everyone");
  }
  Rule rule;
  rule.kind = *kind;
  if (takes_no_value(*kind)) {
    if (!bare && !says_yes(item.begin()->second))
      return reader.fault(item,
                          "a rule of kind " + in_quotes(kind_text) + " takes no value: write " + kind_text);
  } else {
    if (bare || !item.begin()->second.IsScalar())
      return reader.fault(item, "a rule of kind " + in_quotes(kind_text) + " needs one value");
    rule.value = item.begin()->second.Scalar();
    const std::string given = rule.value;
    if (const std::string wrong = value_fault(rule); !wrong.empty())
      return reader.fault(item, kind_text + " " + in_quotes(given) + " " + wrong);
  }
  if (!fits(*kind, decision)) return reader.fault(item, misplaced(*kind, decision));
  out.push_back(std::move(rule));
}

std::vector<Rule> read_rules(YamlReader& reader, const YAML::Node& policy, const char* part,
                             Decision decision) {
  std::vector<Rule> out;
  const YAML::Node list = policy[part];
  if (!list) return out;
  if (!list.IsSequence()) {
    reader.fault(list, std::string(part) + " must be a list");
    return out;
  }
  for (const YAML::Node& item : list) read_rule(reader, item, part, decision, out);
  return out;
}

void read_all_rules(YamlReader& reader, const YAML::Node& node, Policy& out) {
  out.include = read_rules(reader, node, "include", out.decision);
  out.require = read_rules(reader, node, "require", out.decision);
  out.exclude = read_rules(reader, node, "exclude", out.decision);
  if (!node["include"] || (node["include"].IsSequence() && node["include"].size() == 0))
    reader.fault(node, "a policy without 'include' matches no user");
}

Policy read_policy(YamlReader& reader, const YAML::Node& node) {
  Policy out;
  if (!reader.mapping(node, "a policy", {"name", "decision", "include", "require", "exclude"})) return out;
  out.name = reader.text(node, "name", "a policy");
  if (out.name.size() > kMaxPolicyNameBytes || printable(out.name) != out.name)
    reader.fault(node["name"], "the name of a policy must be at most 64 printable characters");
  const std::string decision = reader.text(node, "decision", "a policy");
  if (const auto known = decision_of(decision)) {
    out.decision = *known;
  } else if (!decision.empty()) {
    // What its rules may be depends on it.
    reader.fault(node["decision"], "'decision' must be allow, deny, service_auth or bypass");
    return out;
  }
  read_all_rules(reader, node, out);
  return out;
}

/// `{claim: NAME}`
void read_claim(YamlReader& reader, const YAML::Node& node, CertificateConfig& out) {
  if (!reader.mapping(node, "a principal", {"claim"})) return;
  const std::string name = reader.text(node, "claim", "a principal");
  if (name.empty()) return;
  if (name.size() > kMaxClaimBytes || printable(name) != name)
    return reader.fault(node, "the name of a claim must be at most 64 printable characters");
  out.claims.push_back(name);
}

/// `{NAME: [PRINCIPAL, …]}`
void read_service_principals(YamlReader& reader, const YAML::Node& node, const std::vector<Policy>& policies,
                             CertificateConfig& out) {
  if (!node.IsMap())
    return reader.fault(node, "'service_principals' must be a mapping such as {deploy: [backup]}");
  for (const auto& entry : node) {
    const std::string name = entry.first.IsScalar() ? entry.first.Scalar() : "";
    const auto admits = [&name](const Policy& policy) {
      Subject subject;
      subject.service_token = name;
      return policy.decision == Decision::service_auth && try_policy(policy, subject).policy != nullptr;
    };
    if (!valid_service_name(name)) {
      reader.fault(entry.first, in_quotes(name) + " is not the name of a service token");
    } else if (out.service_principals.contains(name)) {
      reader.fault(entry.first, in_quotes(name) + " is given twice");
    } else if (std::none_of(policies.begin(), policies.end(), admits)) {
      reader.fault(entry.first,
                   "no service_auth policy of this application includes service token " + in_quotes(name));
    }
    auto& principals = out.service_principals[name];
    if (!entry.second.IsSequence() || entry.second.size() == 0)
      reader.fault(entry.second, "the principals of " + in_quotes(name) + " must be a list of user names");
    if (!entry.second.IsSequence()) continue;
    for (const YAML::Node& item : entry.second) {
      const std::string principal = item.IsScalar() ? item.Scalar() : "";
      if (valid_principal(principal)) {
        principals.push_back(principal);
      } else {
        reader.fault(item, kBadPrincipal);
      }
    }
  }
}

/// What a certificate can allow (PROTOCOL.certkeys); sshd refuses whatever is not there.
bool is_extension(const std::string& name) {
  const auto known = auth::default_extensions();
  return name == "no-touch-required" || std::find(known.begin(), known.end(), name) != known.end();
}

void read_extensions(YamlReader& reader, const YAML::Node& list, CertificateConfig& out) {
  if (!list.IsSequence())
    return reader.fault(list, "'extensions' must be a list such as [permit-pty, permit-port-forwarding]");
  std::set<std::string> names;
  for (const YAML::Node& item : list) {
    const std::string name = item.IsScalar() ? item.Scalar() : "";
    if (!is_extension(name)) {
      reader.fault(item,
                   "an extension must be permit-pty, permit-port-forwarding, permit-agent-forwarding, "
                   "permit-X11-forwarding, permit-user-rc or no-touch-required");
    } else if (!names.insert(name).second) {
      reader.fault(item, in_quotes(name) + " is there already");
    }
  }
  out.extensions.assign(names.begin(), names.end());
}

void read_source_addresses(YamlReader& reader, const YAML::Node& list, CertificateConfig& out) {
  if (!list.IsSequence() || list.size() == 0 || list.size() > kMaxSourceAddresses)
    return reader.fault(list, "'source_address' must be a list of 1 to " +
                                  std::to_string(kMaxSourceAddresses) + " addresses or ranges");
  for (const YAML::Node& item : list) {
    const std::string range = item.IsScalar() ? item.Scalar() : "";
    if (!parse_ip_range(range))
      reader.fault(item,
                   "a source address must be an address, or a range whose host bits are 0, such as "
                   "10.0.0.5 or 10.0.0.0/8");
    out.source_addresses += (out.source_addresses.empty() ? "" : ",") + range;
  }
}

void read_force_command(YamlReader& reader, const YAML::Node& node, CertificateConfig& out) {
  const std::string command = node.IsScalar() ? node.Scalar() : "";
  if (command.empty() || command.size() > kMaxForceCommandBytes || printable(command) != command)
    return reader.fault(node, "'force_command' must be one line of at most " +
                                  std::to_string(kMaxForceCommandBytes) + " printable bytes");
  out.force_command = command;
}

void read_ca(YamlReader& reader, const YAML::Node& node, CertificateConfig& out) {
  if (!reader.mapping(node, "ca", {"agent", "public_key"})) return;
  AgentCa ca;
  ca.socket = reader.text(node, "agent", "ca");
  if (!ca.socket.empty() && (ca.socket.front() != '/' || ca.socket.size() > kMaxAgentSocketBytes))
    reader.fault(node["agent"], "'agent' must be the absolute path of an ssh-agent's socket, of at most " +
                                    std::to_string(kMaxAgentSocketBytes) + " bytes");
  const std::string line = reader.text(node, "public_key", "ca");
  if (line.empty()) return;
  const auto key = auth::parse_public_key_line(line);
  if (!key || !auth::acceptable_host_key(key->blob))
    return reader.fault(
        node["public_key"],
        "'public_key' must be the CA's public key, such as ssh-ed25519 AAAA…, of kind ed25519, "
        "ECDSA, or RSA of 2048 bits or more");
  ca.public_line = line;
  ca.blob = key->blob;
  out.agent = std::move(ca);
}

}  // namespace

Policy read_administrators(YamlReader& reader, const YAML::Node& node) {
  Policy out;
  out.name = "administrators";
  if (reader.mapping(node, "administrators", {"include", "require", "exclude"}))
    read_all_rules(reader, node, out);
  return out;
}

std::vector<Policy> read_policies(YamlReader& reader, const YAML::Node& application) {
  std::vector<Policy> out;
  const YAML::Node list = application["policies"];
  if (!list || !list.IsSequence() || list.size() == 0) {
    reader.fault(list ? list : application,
                 "an application needs a list of 'policies': without one no user gets in");
    return out;
  }
  std::set<std::string> names;
  for (const YAML::Node& item : list) {
    out.push_back(read_policy(reader, item));
    const std::string& name = out.back().name;
    if (!name.empty() && !names.insert(name).second)
      reader.fault(item, "there is a policy by the name of " + in_quotes(name) + " already");
  }
  return out;
}

CertificateConfig read_certificates(YamlReader& reader, const YAML::Node& node,
                                    const std::vector<Policy>& policies) {
  CertificateConfig out;
  if (!reader.mapping(
          node, "short_lived_certificates",
          {"ttl", "principals", "service_principals", "extensions", "source_address", "force_command", "ca"}))
    return out;
  if (node["ca"]) read_ca(reader, node["ca"], out);
  out.ttl = reader.duration(node, "ttl", kDefaultCertificateTtl, kMinCertificateTtl, kMaxCertificateTtl);
  if (const YAML::Node services = node["service_principals"])
    read_service_principals(reader, services, policies, out);
  if (node["extensions"]) read_extensions(reader, node["extensions"], out);
  if (node["source_address"]) read_source_addresses(reader, node["source_address"], out);
  if (node["force_command"]) read_force_command(reader, node["force_command"], out);
  const YAML::Node list = node["principals"];
  if (!list) return out;
  out.email_prefix = false;
  if (!list.IsSequence() || list.size() == 0) {
    reader.fault(list, "'principals' must be a list");
    return out;
  }
  for (const YAML::Node& item : list) {
    if (item.IsMap()) {
      read_claim(reader, item, out);
    } else if (!item.IsScalar()) {
      reader.fault(item, "a principal must be a user name, email_prefix or {claim: NAME}");
    } else if (item.Scalar() == "email_prefix") {
      out.email_prefix = true;
    } else if (!valid_principal(item.Scalar())) {
      reader.fault(item, kBadPrincipal);
    } else {
      out.literals.push_back(item.Scalar());
    }
  }
  return out;
}

void check_claims(YamlReader& reader, const YAML::Node& applications, const Config& config) {
  const auto claims = claims_named(config);
  if (claims.size() > kMaxClaims)
    reader.fault(applications, "principals are taken from " + std::to_string(claims.size()) +
                                   " claims; tokens have room for " + std::to_string(kMaxClaims));
  if (!claims.empty() && config.identity_provider == IdentityProvider::dev)
    reader.fault(applications, "principals from a claim need an identity_provider of type oidc");
}

namespace {

bool knows(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

void read_allowed_idps(YamlReader& reader, const YAML::Node& list, const Config& config,
                       ApplicationConfig& app) {
  if (!list.IsSequence() || list.size() == 0)
    return reader.fault(list, "'allowed_idps' must be a list of names of identity providers");
  const auto names = provider_names(config);
  for (const YAML::Node& item : list) {
    const std::string name = item.IsScalar() ? item.Scalar() : "";
    if (!knows(names, name)) {
      reader.fault(item, "there is no identity provider " + in_quotes(name));
    } else if (!knows(app.allowed_idps, name)) {
      app.allowed_idps.push_back(name);
    }
  }
}

void check_login_methods(YamlReader& reader, const YAML::Node& applications, LoadedConfig& loaded) {
  const Config& config = loaded.config;
  const auto names = provider_names(config);
  bool administrators_by_provider = false;
  const auto look = [&](const Policy& policy) {
    bool by_provider = false;
    for (const auto* rules : {&policy.include, &policy.require, &policy.exclude})
      for (const Rule& rule : *rules) {
        if (rule.kind != Rule::Kind::login_method) continue;
        by_provider = true;
        if (!knows(names, rule.value))
          reader.fault(applications, "policy " + in_quotes(policy.name) + " names identity provider " +
                                         in_quotes(rule.value) + ", which there is not");
      }
    return by_provider;
  };
  for (const ApplicationConfig& app : config.applications)
    for (const Policy& policy : app.policies) look(policy);
  if (config.administrators) administrators_by_provider = look(*config.administrators);
  if (config.administrators && config.providers.size() > 1 && !administrators_by_provider)
    loaded.warnings.emplace_back(
        "every identity provider can vouch for an administrator; name one with 'require: [{login_method: "
        "NAME}]'");
}

void check_groups(YamlReader& reader, const YAML::Node& applications, const Config& config) {
  const auto groups = groups_named(config);
  std::size_t bytes = 0;
  for (const std::string& group : groups) bytes += group.size();
  if (groups.size() <= kMaxGroups && bytes <= kMaxGroupsBytes) return;
  reader.fault(applications, "the policies name " + std::to_string(groups.size()) + " groups of " +
                                 std::to_string(bytes) + " bytes together; tokens have room for " +
                                 std::to_string(kMaxGroups) + " and " + std::to_string(kMaxGroupsBytes));
}

}  // namespace cfpipe::edge
