// Applications, their certificate authorities, policies and host keys.
#include <boost/json/array.hpp>
#include <functional>

#include "auth/ssh/key.h"
#include "base/base64.h"
#include "base/text.h"
#include "edge/api/routes.h"
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

json::object application_object(const ApplicationConfig& one) {
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

using CaOperation = std::function<Result<std::vector<std::string>>()>;

/// With what to write on a server, as `sshd-setup` does it.
Answer lines(const ApiCall& call, const CaOperation& run) {
  if (call.app() == nullptr) return no_such_application();
  const auto found = run();
  if (!found) return failed(found.error());
  const std::string file = std::string("/etc/ssh/") + kKeysFile;
  return json_answer(200, {{"hostname", call.argument},
                           {"in_agent", call.agent() != nullptr},
                           {"lines", texts(*found)},
                           {"keys_file", file},
                           {"sshd_config", "TrustedUserCAKeys " + file}});
}

Answer applications(ApiCall& call) {
  json::array all;
  for (const ApplicationConfig& one : call.site.config.applications) all.push_back(application_object(one));
  return json_answer(200, {{"applications", std::move(all)}});
}

Answer show_ca(ApiCall& call) {
  return lines(call, [&call] { return call.operations.ca(call.argument, call.agent()); });
}

Answer generate_ca(ApiCall& call) {
  return lines(
      call, [&call] { return call.operations.generate_ca(call.argument, call.agent(), call.text("type")); });
}

Answer rotate_ca(ApiCall& call) {
  return lines(call,
               [&call] { return call.operations.rotate_ca(call.argument, call.agent(), call.text("type")); });
}

Answer cancel_ca(ApiCall& call) {
  return lines(call, [&call] { return call.operations.cancel_ca(call.argument, call.agent()); });
}

Answer retire_ca(ApiCall& call) {
  return lines(call, [&call] { return call.operations.retire_ca(call.argument, call.agent()); });
}

Answer revoke_certificates(ApiCall& call) {
  std::vector<std::uint64_t> serials;
  if (const json::value* list = call.body.if_contains("serials"); list != nullptr && list->is_array())
    for (const json::value& one : list->get_array())
      if (one.is_int64() && one.get_int64() > 0)
        serials.push_back(static_cast<std::uint64_t>(one.get_int64()));
  const auto revoked =
      call.operations.revoke_certificates(call.argument, std::move(serials), call.text("identity"));
  if (!revoked) return failed(revoked.error());
  return json_answer(200, {{"serials", json::array(revoked->begin(), revoked->end())}});
}

Answer krl(ApiCall& call) {
  if (call.app() == nullptr) return no_such_application();
  const auto list = call.operations.revocation_list(call.argument, call.agent());
  if (!list) return failed(list.error());
  return json_answer(200, {{"revoked_keys", base64(*list)}});
}

Answer known_hosts(ApiCall& call) {
  if (call.app() == nullptr) return no_such_application();
  const auto line = SshCa(call.site.store.keys(), call.site.store.serials()).known_hosts_line(call.argument);
  return line ? json_answer(200, {{"known_hosts", *line}}) : failed(line.error());
}

Answer certify_host(ApiCall& call) {
  if (call.app() == nullptr) return no_such_application();
  const std::string asked = call.text("duration");
  const std::string duration = asked.empty() ? duration_text(kDefaultHostCertificate) : asked;
  const auto issued =
      call.operations.sign_host(call.argument, call.list("hostnames"), call.text("public_key"), duration);
  if (!issued) return failed(issued.error());
  return json_answer(201, {{"certificate", issued->line}, {"expires", rfc3339(issued->expires)}});
}

Answer test_policies(ApiCall& call) {
  const ApplicationConfig* found = call.app();
  if (found == nullptr) return no_such_application();
  Subject subject;
  subject.email = call.text("email");
  subject.groups.names = call.list("groups");
  if (call.flag("groups_unknown")) subject.groups = {{}, GroupsUnknown::too_many};
  subject.login_method = call.text("login_method");
  subject.service_token = call.text("service_token");
  subject.ip = parse_ip(call.text("ip"));
  if (!call.text("ip").empty() && !subject.ip) return json_refusal(400, "'ip' must be an address");
  const Trial trial = try_application(*found, std::move(subject));
  return json_answer(200, {{"allowed", trial.verdict.passes()}, {"reason", trial.reason}});
}

Answer host_keys(ApiCall& call) {
  const auto rows = call.site.store.host_keys().list();
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

Answer forget_host_keys(ApiCall& call) {
  const auto forgotten = call.operations.forget_host_keys(call.argument);
  return forgotten ? api_done() : failed(forgotten.error());
}

}  // namespace

const std::vector<ApiRoute>& application_routes() {
  static const std::vector<ApiRoute> all{
      {"GET", "applications", true, &applications},
      {"GET", "applications/*/ca", true, &show_ca},
      {"POST", "applications/*/ca/generate", true, &generate_ca},
      {"POST", "applications/*/ca/rotate", true, &rotate_ca},
      {"POST", "applications/*/ca/cancel", true, &cancel_ca},
      {"POST", "applications/*/ca/retire", true, &retire_ca},
      {"POST", "applications/*/certificates/revoke", true, &revoke_certificates},
      {"GET", "applications/*/krl", true, &krl},
      {"GET", "applications/*/known-hosts", true, &known_hosts},
      {"POST", "applications/*/host-certificates", true, &certify_host},
      {"POST", "applications/*/policy-test", true, &test_policies},
      {"GET", "host-keys", true, &host_keys},
      {"DELETE", "applications/*/host-keys", true, &forget_host_keys},
  };
  return all;
}

}  // namespace cfpipe::edge
