// The API's part about applications, their certificate authorities, and service tokens.
#include "auth/ssh/key.h"
#include "base/base64.h"
#include "base/text.h"
#include "edge/api/api.h"
#include "edge/config/policy_trial.h"
#include "edge/http/responses.h"
#include "edge/tunnel/origin.h"

namespace cfpipe::edge {
namespace json = boost::json;
namespace {

json::array texts(const std::vector<std::string>& all) {
  return json::array(all.begin(), all.end());
}

json::array rules(const std::vector<Rule>& all) {
  json::array out;
  for (const Rule& rule : all) out.emplace_back(rule_text(rule));
  return out;
}

json::object policy_object(const Policy& policy) {
  return {{"name", policy.name},
          {"decision", name_of(policy.decision)},
          {"include", rules(policy.include)},
          {"require", rules(policy.require)},
          {"exclude", rules(policy.exclude)}};
}

Answer no_such_application() {
  return json_refusal(404, "this edge serves no such application");
}

}  // namespace

// Applications and their CAs.

json::object AdminApi::application(const ApplicationConfig& one) const {
  json::array policies;
  for (const Policy* policy : in_order(one.policies)) policies.push_back(policy_object(*policy));
  json::object out{{"hostname", one.hostname},
                   {"origin", origin_text(one)},
                   {"protocol", one.ssh ? "ssh" : "tcp"},
                   {"terminal", one.browser_terminal},
                   {"session_duration", duration_text(one.session_duration)},
                   {"allowed_idps", texts(one.allowed_idps)},
                   {"policies", std::move(policies)}};
  if (!one.certificates) return out;
  out["certificates"] = {{"ttl", duration_text(one.certificates->ttl)},
                         {"email_prefix", one.certificates->email_prefix},
                         {"principals", texts(one.certificates->literals)},
                         {"claims", texts(one.certificates->claims)},
                         {"in_agent", one.certificates->agent.has_value()}};
  return out;
}

Answer AdminApi::applications() {
  json::array all;
  for (const ApplicationConfig& one : site_.config.applications) all.push_back(application(one));
  return json_answer(200, {{"applications", std::move(all)}});
}

/// With what to write on a server, as `sshd-setup` does it.
Answer AdminApi::lines(const CaAct& act) {
  if (app() == nullptr) return no_such_application();
  const auto found = act();
  if (!found) return failed(found.error());
  const std::string file = std::string("/etc/ssh/") + kKeysFile;
  return json_answer(200, {{"hostname", argument_},
                           {"in_agent", agent() != nullptr},
                           {"lines", texts(*found)},
                           {"keys_file", file},
                           {"sshd_config", "TrustedUserCAKeys " + file}});
}

Answer AdminApi::show_ca() {
  return lines([this] { return operations_.ca(argument_, agent()); });
}

Answer AdminApi::generate_ca() {
  return lines([this] { return operations_.generate_ca(argument_, agent(), text("type")); });
}

Answer AdminApi::rotate_ca() {
  return lines([this] { return operations_.rotate_ca(argument_, agent(), text("type")); });
}

Answer AdminApi::cancel_ca() {
  return lines([this] { return operations_.cancel_ca(argument_, agent()); });
}

Answer AdminApi::retire_ca() {
  return lines([this] { return operations_.retire_ca(argument_, agent()); });
}

Answer AdminApi::revoke_certificates() {
  std::vector<std::uint64_t> serials;
  if (const json::value* list = body_.if_contains("serials"); list != nullptr && list->is_array())
    for (const json::value& one : list->get_array())
      if (one.is_int64() && one.get_int64() > 0)
        serials.push_back(static_cast<std::uint64_t>(one.get_int64()));
  const auto revoked = operations_.revoke_certificates(argument_, std::move(serials), text("identity"));
  if (!revoked) return failed(revoked.error());
  return json_answer(200, {{"serials", json::array(revoked->begin(), revoked->end())}});
}

Answer AdminApi::krl() {
  if (app() == nullptr) return no_such_application();
  const auto list = operations_.revocation_list(argument_, agent());
  if (!list) return failed(list.error());
  return json_answer(200, {{"revoked_keys", base64(*list)}});
}

Answer AdminApi::known_hosts() {
  if (app() == nullptr) return no_such_application();
  const auto line = SshCa(site_.store.keys(), site_.store.serials()).known_hosts_line(argument_);
  return line ? json_answer(200, {{"known_hosts", *line}}) : failed(line.error());
}

Answer AdminApi::certify_host() {
  if (app() == nullptr) return no_such_application();
  const std::string asked = text("duration");
  const std::string duration = asked.empty() ? duration_text(kDefaultHostCertificate) : asked;
  const auto issued = operations_.sign_host(argument_, list("hostnames"), text("public_key"), duration);
  if (!issued) return failed(issued.error());
  return json_answer(201, {{"certificate", issued->line}, {"expires", rfc3339(issued->expires)}});
}

Answer AdminApi::test_policies() {
  const ApplicationConfig* found = app();
  if (found == nullptr) return no_such_application();
  Subject subject;
  subject.email = text("email");
  subject.groups.names = list("groups");
  if (flag("groups_unknown")) subject.groups = {{}, GroupsUnknown::too_many};
  subject.login_method = text("login_method");
  subject.service_token = text("service_token");
  subject.ip = parse_ip(text("ip"));
  if (!text("ip").empty() && !subject.ip) return json_refusal(400, "'ip' must be an address");
  const Trial trial = try_application(*found, std::move(subject));
  return json_answer(200, {{"allowed", trial.verdict.passes()}, {"reason", trial.reason}});
}

Answer AdminApi::host_keys() {
  const auto rows = site_.store.host_keys().list();
  if (!rows) return failed(rows.error());
  json::array all;
  for (const HostKeyRow& row : *rows) {
    const auto key = auth::parse_public_key_line(row.line);
    all.push_back(json::object{{"hostname", row.hostname},
                               {"origin", row.origin},
                               {"fingerprint", key ? auth::fingerprint(key->blob) : std::string()},
                               {"since", rfc3339(row.time)}});
  }
  return json_answer(200, {{"host_keys", std::move(all)}});
}

Answer AdminApi::forget_host_keys() {
  const auto forgotten = operations_.forget_host_keys(argument_);
  return forgotten ? api_done() : failed(forgotten.error());
}

// Service tokens.

Answer AdminApi::service_tokens() {
  const auto rows = site_.store.service_tokens().list();
  if (!rows) return failed(rows.error());
  json::array all;
  for (const ServiceTokenRow& row : *rows)
    all.push_back(json::object{{"name", row.name},
                               {"client_id", row.client_id},
                               {"created", rfc3339(row.created)},
                               {"expires", rfc3339(row.expires)},
                               {"expired", row.expires <= site_.now},
                               {"last_used", row.last_used == 0 ? std::string() : rfc3339(row.last_used)}});
  return json_answer(200, {{"service_tokens", std::move(all)}});
}

Answer AdminApi::create_service_token() {
  const std::string asked = text("duration");
  const std::string duration = asked.empty() ? duration_text(kDefaultServiceToken) : asked;
  const auto made = operations_.create_service_token(text("name"), duration);
  if (!made) return failed(made.error());
  return json_answer(201, {{"name", text("name")},
                           {"client_id", made->client_id},
                           {"client_secret", made->secret.reveal()},
                           {"expires", rfc3339(made->expires)}});
}

Answer AdminApi::revoke_service_token() {
  const auto revoked = operations_.revoke_service_token(argument_);
  changed_ = static_cast<bool>(revoked);
  return revoked ? api_done() : failed(revoked.error());
}

}  // namespace cfpipe::edge
