#include "edge/ca/ssh_ca.h"

#include <algorithm>
#include <boost/asio/this_coro.hpp>

#include "auth/agent/client.h"
#include "auth/agent/protocol.h"
#include "auth/ssh/wire.h"
#include "base/text.h"

namespace cfpipe::edge {
namespace net = boost::asio;
namespace {

/// Principal root: no user name becomes it, only the configuration can grant it.
constexpr std::string_view kRoot = "root";
constexpr std::string_view kPrefix = "ssh-ca/";
constexpr std::string_view kNextPrefix = "ssh-ca-next/";
constexpr std::string_view kHostPrefix = "ssh-host-ca/";
/// SSH_AGENT_RSA_SHA2_512 (draft-ietf-sshm-ssh-agent); keys of other kinds do not look at it.
constexpr std::uint32_t kRsaSha512 = 4;

std::string key_name(std::string_view hostname) {
  return std::string(kPrefix) + std::string(hostname);
}
std::string host_key_name(std::string_view hostname) {
  return std::string(kHostPrefix) + std::string(hostname);
}
std::string next_key_name(std::string_view hostname) {
  return std::string(kNextPrefix) + std::string(hostname);
}

auth::CertFields fields_of(const CertificateConfig& config, const std::vector<std::string>& principals) {
  auth::CertFields fields;
  fields.principals = principals;
  fields.extensions = config.extensions;
  if (!config.force_command.empty())
    fields.critical_options.emplace_back("force-command", config.force_command);
  if (!config.source_addresses.empty())
    fields.critical_options.emplace_back("source-address", config.source_addresses);
  return fields;
}

Failure no_signature(Cause cause, std::string why) {
  return {Stage::certificate, cause, std::move(why)};
}

class Waiting {
 public:
  explicit Waiting(std::size_t& count) : count_(count) { ++count_; }
  ~Waiting() { --count_; }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  std::size_t& count_;
};

}  // namespace

std::vector<std::string> principals_of(const CertificateConfig& config, const Identity& identity) {
  std::vector<std::string> out;
  const auto add = [&out](const std::string& principal) {
    if (std::find(out.begin(), out.end(), principal) == out.end()) out.push_back(principal);
  };
  if (identity.email.empty()) {
    const auto found = config.service_principals.find(identity.service_token);
    if (found != config.service_principals.end())
      std::for_each(found->second.begin(), found->second.end(), add);
    return out;
  }
  const auto add_account = [&](const std::string& text, AccountFrom from) {
    const auto account = account_of(text, from);
    if (account && (*account != kRoot || config.root_by_email)) add(*account);
  };
  if (config.email_prefix) add_account(email_prefix(identity.email), AccountFrom::email);
  std::for_each(config.literals.begin(), config.literals.end(), add);
  for (const std::string& claim : config.claims)
    if (const auto found = identity.claims.find(claim); found != identity.claims.end())
      for (const std::string& value : found->second) add_account(value, AccountFrom::claim);
  return out;
}

std::string why_no_principals(const CertificateConfig& config, const Identity& identity) {
  std::string out;
  const auto say = [&out](const std::string& what, const std::string& text, AccountFrom from) {
    const auto account = account_of(text, from);
    out += (out.empty() ? "" : "; ") + what + " is '" + printable(text, kMaxPrincipalBytes) + "', ";
    out += account ? "which 'principals' has to name itself"
                   : "which is no user name (a letter or _, then letters, digits and _ . + -" +
                         std::string(from == AccountFrom::claim ? " @ \\)" : ")");
  };
  if (config.email_prefix) say("the name in the address", email_prefix(identity.email), AccountFrom::email);
  for (const std::string& claim : config.claims) {
    const auto found = identity.claims.find(claim);
    if (found == identity.claims.end() || found->second.empty()) {
      out += (out.empty() ? "claim '" : "; claim '") + claim + "' is missing or has no text";
    } else {
      say("claim '" + claim + "'", found->second.front(), AccountFrom::claim);
    }
  }
  return out;
}

std::optional<auth::KeyType> SshCa::type_named(std::string_view word) {
  if (word == "ed25519") return auth::KeyType::ed25519;
  if (word == "ecdsa") return auth::KeyType::ecdsa_p256;
  if (word == "rsa") return auth::KeyType::rsa;
  return std::nullopt;
}

Result<bool> SshCa::ensure(std::string_view hostname, auth::KeyType type) {
  auto known = keys_.find(key_name(hostname));
  if (!known) return known.error();
  if (*known) return false;
  return keys_.insert(key_name(hostname), auth::SshKey::generate(type).private_pem());
}

// The state is asked each time: another process may have put the next CA in the place of this one.
Result<SshCa::SharedKey> SshCa::load(std::string_view hostname) {
  const auto pem = keys_.find(key_name(hostname));
  if (!pem) return pem.error();
  if (!*pem) {
    return Failure(Stage::config, Cause::bad_option,
                   std::string(hostname) + " has no SSH CA; make one with 'cfpipe-edge ca generate --app " +
                       std::string(hostname) + "'");
  }
  std::string digest = sha256((*pem)->reveal());
  Parsed& parsed = parsed_[std::string(hostname)];
  if (parsed.key == nullptr || parsed.digest != digest) {
    auto key = auth::SshKey::from_pem((*pem)->reveal());
    if (!key) return key.error();
    parsed = {std::move(digest), std::make_shared<const auth::SshKey>(std::move(*key))};
  }
  return parsed.key;
}

Result<std::optional<auth::SshKey>> SshCa::read_key(const std::string& name) {
  auto pem = keys_.find(name);
  if (!pem) return pem.error();
  if (!*pem) return std::optional<auth::SshKey>();
  auto key = auth::SshKey::from_pem((*pem)->reveal());
  if (!key) return key.error();
  return std::optional<auth::SshKey>(std::move(*key));
}

Result<bool> SshCa::rotate(std::string_view hostname, std::optional<auth::KeyType> type) {
  const auto present = load(hostname);
  if (!present) return present.error();
  return keys_.insert(next_key_name(hostname),
                      auth::SshKey::generate(type.value_or((*present)->type())).private_pem());
}

Result<bool> SshCa::cancel(std::string_view hostname) {
  if (auto present = load(hostname); !present) return present.error();
  return keys_.erase(next_key_name(hostname));
}

Result<bool> SshCa::retire(std::string_view hostname) {
  if (auto present = load(hostname); !present) return present.error();
  return keys_.move(next_key_name(hostname), key_name(hostname));
}

Result<std::vector<std::string>> SshCa::public_lines(std::string_view hostname) {
  const auto present = load(hostname);
  if (!present) return present.error();
  const auto following = read_key(next_key_name(hostname));
  if (!following) return following.error();
  const std::string name = "cfpipe-edge CA of " + std::string(hostname);
  std::vector<std::string> lines{(*present)->authorized_key(name)};
  if (*following) lines.push_back((*following)->authorized_key("next " + name));
  return lines;
}

auth::KeyType SshCa::user_key_type(const ApplicationConfig& app) {
  std::string line;
  if (app.certificates && app.certificates->agent) {
    line = app.certificates->agent->public_line;
  } else if (const auto lines = public_lines(app.hostname); lines) {
    line = lines->front();
  }
  // sk-ssh-ed25519@openssh.com, of a security key, is one too.
  const std::string_view type = std::string_view(line).substr(0, line.find(' '));
  const bool ed25519 = type.empty() || type.find("ed25519") != std::string_view::npos;
  return ed25519 ? auth::KeyType::ed25519 : auth::KeyType::ecdsa_p256;
}

Result<std::vector<std::string>> SshCa::hostnames() {
  auto names = keys_.list(kPrefix);
  if (!names) return names;
  for (std::string& name : *names) name.erase(0, kPrefix.size());
  return names;
}

net::awaitable<Result<IssuedCertificate>> SshCa::sign(const ApplicationConfig& app, std::string_view owner,
                                                      const std::vector<std::string>& principals,
                                                      std::string_view public_key_line, std::int64_t now) {
  const auto key = auth::parse_public_key_line(public_key_line);
  if (!key) co_return key.error();
  // Before a serial is spent, and whatever the signer checks again.
  if (!auth::acceptable_user_key(key->blob)) {
    co_return Failure(Stage::certificate, Cause::key_unusable,
                      "this kind of key is not certified; use ed25519, ECDSA, or RSA of 2048 bits or more");
  }
  const CertificateConfig& config = *app.certificates;
  const Validity validity{now, config.ttl};
  auth::CertFields fields = fields_of(config, principals);
  if (!config.agent) {
    const auto ca = load(app.hostname);
    if (!ca) co_return ca.error();
    co_return issue(&auth::make_user_certificate, key->blob, **ca, owner, std::move(fields), validity);
  }
  auto drafted = draft(owner, std::move(fields), validity);
  if (!drafted) co_return drafted.error();
  const auto prepared = auth::prepare_user_certificate(key->blob, drafted->fields, config.agent->blob);
  if (!prepared) co_return prepared.error();
  auto line = co_await ask_agent(*config.agent, *prepared);
  if (!line) co_return line.error();
  drafted->issued.line = std::move(*line);
  co_return std::move(drafted->issued);
}

net::awaitable<Result<std::string>> SshCa::ask_agent(const AgentCa& ca,
                                                     const auth::UnsignedCertificate& certificate) {
  if (asking_ >= kMaxAgentSignatures)
    co_return no_signature(Cause::agent_unreachable, "too many signatures are waited for");
  const Waiting waiting(asking_);
  auto agent = co_await auth::AgentClient::connect(co_await net::this_coro::executor, ca.socket);
  if (!agent) co_return agent.error();
  const std::string request = auth::SshWriter()
                                  .byte(auth::kAgentSignRequest)
                                  .string(ca.blob)
                                  .string(certificate.body)
                                  .u32(kRsaSha512)
                                  .take();
  const auto answer = co_await (*agent)->ask(request, kCaTimeout);
  if (!answer) co_return answer.error();
  auth::SshReader reader(*answer);
  if (reader.byte() != auth::kAgentSignResponse)
    co_return no_signature(Cause::agent_key_missing, ca.socket + " does not sign with this key");
  const std::string signature(reader.string());
  if (!reader.finished()) co_return no_signature(Cause::agent_unreachable, "its answer makes no sense");
  co_return auth::finish_certificate(certificate, signature);
}

Result<SshCa::Draft> SshCa::draft(std::string_view owner, auth::CertFields fields, Validity validity) {
  const auto serial = serials_.next();
  if (!serial) return serial.error();
  Draft out;
  out.issued.serial = *serial;
  out.issued.key_id = std::string(owner) + "/" + std::to_string(*serial);
  out.issued.expires = validity.from + validity.ttl.count();
  fields.serial = out.issued.serial;
  fields.key_id = out.issued.key_id;
  fields.valid_after = static_cast<std::uint64_t>(validity.from) - auth::kCertBackdate;
  fields.valid_before = static_cast<std::uint64_t>(out.issued.expires);
  out.fields = std::move(fields);
  return out;
}

Result<IssuedCertificate> SshCa::issue(Maker make, std::string_view key_blob, const auth::SshKey& ca,
                                       std::string_view owner, auth::CertFields fields, Validity validity) {
  auto drafted = draft(owner, std::move(fields), validity);
  if (!drafted) return drafted.error();
  auto line = make(key_blob, drafted->fields, ca);
  if (!line) return line.error();
  drafted->issued.line = std::move(*line);
  return std::move(drafted->issued);
}

Result<IssuedCertificate> SshCa::sign_host(std::string_view hostname, const std::vector<std::string>& names,
                                           std::string_view public_key_line, std::chrono::seconds ttl,
                                           std::int64_t now) {
  const auto key = auth::parse_public_key_line(public_key_line);
  if (!key) return key.error();
  if (!auth::acceptable_host_key(key->blob)) {
    return Failure(Stage::certificate, Cause::key_unusable,
                   "this kind of key is not a host's; use ed25519, ECDSA, or RSA of 2048 bits or more");
  }
  auto ca = read_key(host_key_name(hostname));
  if (!ca) return ca.error();
  if (!*ca) {
    const auto for_users = read_key(key_name(hostname));
    if (!for_users) return for_users.error();
    const auto type = *for_users ? (*for_users)->type() : auth::KeyType::ed25519;
    if (auto made = keys_.insert(host_key_name(hostname), auth::SshKey::generate(type).private_pem()); !made)
      return made.error();
    ca = read_key(host_key_name(hostname));
    if (!ca) return ca.error();
  }
  auth::CertFields fields;
  fields.principals = names;
  return issue(&auth::make_host_certificate, key->blob, **ca, names.front(), std::move(fields), {now, ttl});
}

Result<std::string> SshCa::known_hosts_line(std::string_view hostname) {
  const auto ca = read_key(host_key_name(hostname));
  if (!ca) return ca.error();
  if (!*ca) {
    return Failure(Stage::config, Cause::bad_option,
                   std::string(hostname) + " has certified no host yet; 'cfpipe-edge ca sign-host' does");
  }
  // What ssh calls a host has no path; its patterns have the same `*`.
  return "@cert-authority " + std::string(hostname.substr(0, hostname.find('/'))) + " " +
         (*ca)->authorized_key("cfpipe-edge host CA of " + std::string(hostname));
}

}  // namespace cfpipe::edge
