#include "edge/api/operations.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "edge/ca/krl.h"
#include "edge/policy/app_name.h"
#include "edge/store/audit_text.h"

namespace cfpipe::edge {
namespace {

constexpr const char* kBadApp =
    "--app must be the name of an application, such as vm.example.com, vm.example.com/team-a or "
    "'*.example.com'";
constexpr const char* kBadType = "type must be ed25519, ecdsa or rsa";

Failure bad(std::string text) {
  return {Stage::input, Cause::bad_option, std::move(text)};
}

Failure unfit(std::string text) {
  return {Stage::config, Cause::bad_option, std::move(text)};
}

bool is_session_name(const std::string& text) {
  return text.size() == kSessionNameCharacters && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                  c == '_';
         });
}

Failure bad_service_name() {
  return bad("a service token's name is of letters, digits, '.', '_' and '-', 64 at most");
}

}  // namespace

AuditRow Operations::row(std::string_view kind, const std::string& identity, const std::string& application,
                         std::string reason) const {
  AuditRow row;
  row.time = now_;
  row.kind = kind;
  row.identity = identity;
  row.application = application;
  row.peer = actor_.peer;
  row.ray = actor_.ray;
  if (!actor_.by.empty()) reason += (reason.empty() ? "by " : ", by ") + actor_.by;
  row.reason = std::move(reason);
  return row;
}

Result<void> Operations::record(std::string_view kind, const std::string& identity,
                                const std::string& application, std::string reason) {
  const auto added = store_.audit().insert(row(kind, identity, application, std::move(reason)));
  if (!added) return added.error();
  return {};
}

Result<void> Operations::check_service_token(const std::string& name, const std::string& duration) {
  if (!valid_service_name(name)) return bad_service_name();
  const auto lifetime = parse_duration(duration);
  if (!lifetime || *lifetime < kMinServiceToken || *lifetime > kMaxServiceToken)
    return bad("--duration must be between 60s and 87600h, such as 8760h or 30d");
  return {};
}

Result<CreatedServiceToken> Operations::create_service_token(const std::string& name,
                                                             const std::string& duration) {
  if (const auto fine = check_service_token(name, duration); !fine) return fine.error();
  const auto lifetime = *parse_duration(duration);
  auto made = ServiceTokens(store_.service_tokens()).create(name, lifetime, now_);
  if (!made) return made.error();
  if (!*made)
    return unfit("there is a service token " + name + " already; 'cfpipe-edge service-token revoke " + name +
                 "' removes it");
  const std::int64_t until = now_ + lifetime.count();
  if (auto recorded = record("service_token_create", name, {}, "until " + rfc3339(until)); !recorded) {
    (void)store_.service_tokens().erase(name);
    return recorded.error();
  }
  return CreatedServiceToken{(*made)->client_id, std::move((*made)->secret), until};
}

Result<void> Operations::revoke_service_token(const std::string& name) {
  if (!valid_service_name(name)) return bad_service_name();
  const auto removed = store_.service_tokens().erase(name);
  if (!removed) return removed.error();
  if (!*removed) return unfit("there is no service token " + name);
  return record("service_token_revoke", name, {}, {});
}

Result<std::vector<std::string>> Operations::ca(const std::string& hostname, const AgentCa* agent) {
  if (!valid_app_name(hostname)) return bad(kBadApp);
  if (agent != nullptr) return std::vector<std::string>{agent->public_line};
  return SshCa(store_.keys(), store_.serials()).public_lines(hostname);
}

/// `unfit_text`: what is wrong where nothing was changed.
Result<std::vector<std::string>> Operations::change_ca(const CaChange& change, const std::string& hostname,
                                                       const AgentCa* agent, std::string unfit_text) {
  if (!valid_app_name(hostname)) return bad(kBadApp);
  if (agent != nullptr)
    return unfit(
        "the CA of " + hostname +
        " is in an agent: make its keys there, give servers the line, and change 'public_key' in the "
        "configuration");
  SshCa ca_of_all(store_.keys(), store_.serials());
  const auto changed = change.run(ca_of_all, hostname);
  if (!changed) return changed.error();
  if (!*changed) return unfit(hostname + unfit_text);
  if (auto recorded = record(change.kind, {}, hostname, {}); !recorded) return recorded.error();
  return ca(hostname, agent);
}

Result<std::vector<std::string>> Operations::generate_ca(const std::string& hostname, const AgentCa* agent,
                                                         const std::string& type) {
  const auto kind = type.empty() ? auth::KeyType::ed25519 : SshCa::type_named(type);
  if (!kind) return bad(kBadType);
  const CaChange generate{"ca_generate",
                          [kind](SshCa& ca, const std::string& host) { return ca.ensure(host, *kind); }};
  return change_ca(generate, hostname, agent,
                   " has an SSH CA already; print it with 'cfpipe-edge ca show --app " + hostname + "'");
}

Result<std::vector<std::string>> Operations::rotate_ca(const std::string& hostname, const AgentCa* agent,
                                                       const std::string& type) {
  const auto kind = SshCa::type_named(type);
  if (!kind && !type.empty()) return bad(kBadType);
  const CaChange rotate{"ca_rotate",
                        [kind](SshCa& ca, const std::string& host) { return ca.rotate(host, kind); }};
  return change_ca(rotate, hostname, agent,
                   " has a next CA already; 'cfpipe-edge ca retire --app " + hostname +
                       "' lets it sign once the servers have both lines");
}

Result<std::vector<std::string>> Operations::cancel_ca(const std::string& hostname, const AgentCa* agent) {
  const CaChange cancel{"ca_cancel", [](SshCa& ca, const std::string& host) { return ca.cancel(host); }};
  return change_ca(cancel, hostname, agent,
                   " has no next CA to cancel; see 'cfpipe-edge ca show --app " + hostname + "'");
}

Result<std::vector<std::string>> Operations::retire_ca(const std::string& hostname, const AgentCa* agent) {
  const CaChange retire{"ca_retire", [](SshCa& ca, const std::string& host) { return ca.retire(host); }};
  return change_ca(retire, hostname, agent,
                   " has no next CA; make it with 'cfpipe-edge ca rotate --app " + hostname + "'");
}

Result<std::vector<std::uint64_t>> Operations::revoke_certificates(const std::string& hostname,
                                                                   std::vector<std::uint64_t> serials,
                                                                   const std::string& identity) {
  if (!valid_app_name(hostname) || (serials.empty() && identity.empty()))
    return bad("say which: --app H and --serial N, or --identity E for all of one user");
  if (!identity.empty()) {
    const auto found =
        store_.audit().list_certificates(hostname, identity, now_ - kMaxCertificateTtl.count());
    if (!found) return found.error();
    serials.insert(serials.end(), found->begin(), found->end());
  }
  if (auto done = store_.revocations().revoke_certificates(hostname, serials, now_); !done)
    return done.error();
  std::vector<AuditRow> rows;
  for (const std::uint64_t serial : serials)
    rows.push_back(row("ca_revoke", identity, hostname, "serial " + std::to_string(serial)));
  if (const auto recorded = store_.audit().insert_all(rows); !recorded) return recorded.error();
  return serials;
}

/// What was revoked longer ago than a certificate can live is not on it.
Result<std::string> Operations::revocation_list(const std::string& hostname, const AgentCa* agent) {
  const auto lines = ca(hostname, agent);
  if (!lines) return lines.error();
  KeyRevocations revocations;
  revocations.version = static_cast<std::uint64_t>(now_);
  revocations.generated = now_;
  revocations.comment = "cfpipe-edge: revoked certificates of " + hostname;
  for (const std::string& line : *lines) {
    const auto key = auth::parse_public_key_line(line);
    if (!key) return key.error();
    revocations.ca_blobs.push_back(key->blob);
  }
  auto serials = store_.revocations().list_certificates(hostname, now_ - kMaxCertificateTtl.count());
  if (!serials) return serials.error();
  revocations.serials = std::move(*serials);
  return make_krl(revocations);
}

Result<void> Operations::check_host_certificate(const std::string& hostname,
                                                const std::vector<std::string>& names,
                                                const std::string& duration) {
  if (!valid_app_name(hostname)) return bad(kBadApp);
  if (!std::all_of(names.begin(), names.end(), valid_hostname)) return bad("--hostname takes host names");
  if (names.empty() && names_many_hosts(hostname))
    return bad("say which host with --hostname: " + hostname + " is the name of many");
  const auto lifetime = parse_duration(duration);
  if (!lifetime || *lifetime < kMinCertificateTtl || *lifetime > kMaxHostCertificate)
    return bad("--duration must be between 60s and 87600h, such as 8760h or 365d");
  return {};
}

Result<IssuedCertificate> Operations::sign_host(const std::string& hostname, std::vector<std::string> names,
                                                std::string_view key_line, const std::string& duration) {
  if (const auto fine = check_host_certificate(hostname, names, duration); !fine) return fine.error();
  if (names.empty()) names.push_back(AppName::parse(hostname)->host());
  auto issued = SshCa(store_.keys(), store_.serials())
                    .sign_host(hostname, names, trimmed(key_line), *parse_duration(duration), now_);
  if (!issued) return issued;
  auto recorded =
      record("host_certificate", {}, hostname, issued->key_id + " until " + rfc3339(issued->expires));
  if (!recorded) return recorded.error();
  return issued;
}

Result<void> Operations::revoke_person(const std::string& email) {
  if (!valid_email(email))
    return bad("say whose: --email with an email address, or --session with a session that the audit names");
  const std::string person = lower(email);
  // First, because a revocation without its audit row is better than none.
  if (auto done = store_.revocations().revoke_person(person, now_); !done) return done.error();
  return record("revoke", person, {}, {});
}

Result<std::vector<SessionRow>> Operations::sign_ins(const std::string& email, std::int64_t since) {
  return store_.revocations().list_sessions(
      {email, since, now_, email.empty() ? kMaxSignIns : kMaxOwnSignIns});
}

Result<SessionRow> Operations::revoke_session(const std::string& session) {
  if (!is_session_name(session))
    return bad("a session is named by 16 characters; see cfpipe-edge session list");
  const auto found = store_.revocations().find_session(session);
  if (!found) return found.error();
  if (!*found || (*found)->begun < now_ - kLastTokenSeconds)
    return bad(
        "the audit knows no sign-in with that session whose tokens could still be good; see cfpipe-edge "
        "audit");
  if ((*found)->revoked) return **found;
  if (auto done = store_.revocations().revoke_session(session, now_ + kLastTokenSeconds); !done)
    return done.error();
  if (auto recorded = record("revoke", (*found)->email, {}, session_note(session)); !recorded)
    return recorded.error();
  return **found;
}

Result<std::vector<OpenTunnelRow>> Operations::tunnels(std::string_view identity, std::string_view except) {
  auto all = store_.tunnels().list(now_, except);
  if (all && !identity.empty())
    std::erase_if(*all, [&](const OpenTunnelRow& one) { return !same_text(one.identity, identity); });
  return all;
}

Result<void> Operations::record_end(std::int64_t id, const std::string& identity,
                                    const std::string& application) {
  return record("tunnel_end", identity, application, "tunnel " + std::to_string(id));
}

Result<OpenTunnelRow> Operations::end_tunnel(std::int64_t id, std::string_view owner) {
  auto open = tunnels(owner);
  if (!open) return open.error();
  std::erase_if(*open, [id](const OpenTunnelRow& one) { return one.id != id; });
  if (open->empty()) return unfit("there is no such tunnel open");
  // Only numbers of tunnels without an audit row can be the same in two processes.
  if (open->size() > 1)
    return unfit(
        "two processes of the edge have a tunnel of that number; 'cfpipe-edge revoke' ends a user's");
  const OpenTunnelRow& one = open->front();
  if (auto recorded = record_end(id, one.identity, one.application); !recorded) return recorded.error();
  const auto asked =
      store_.tunnels().ask_to_end(one.edge, id, owner.empty() ? EndedBy::administrator : EndedBy::owner);
  if (!asked) return asked.error();
  return one;
}

Result<void> Operations::forget_host_keys(const std::string& hostname) {
  const auto forgotten = store_.host_keys().erase(hostname);
  if (!forgotten) return forgotten.error();
  if (*forgotten == 0)
    return unfit("no host key of " + hostname + " is recorded; see cfpipe-edge host-key list");
  return record("host_key_forget", {}, hostname, "the next terminal believes what it is shown");
}

}  // namespace cfpipe::edge
