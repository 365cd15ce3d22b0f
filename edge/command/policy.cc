#include <algorithm>
#include <cstdio>

#include "base/text.h"
#include "edge/command/commands.h"
#include "edge/config/policy_trial.h"
#include "edge/policy/app_name.h"

namespace cfpipe::edge {
namespace {

Result<Subject> subject_of(const PolicyTestOptions& options) {
  const auto fault = [](const char* text) { return Failure(Stage::input, Cause::bad_option, text); };
  Subject subject;
  subject.email = options.email;
  subject.groups.names = options.groups;
  if (options.groups_unknown) subject.groups.unknown = GroupsUnknown::missing;
  if (options.groups_unknown && !options.groups.empty())
    return fault("--group and --groups-unknown exclude each other");
  subject.login_method = options.login_method;
  subject.service_token = options.service_token;
  if (!options.email.empty() && !valid_email(options.email)) return fault("--email must be an email address");
  if (!options.service_token.empty() && !valid_service_name(options.service_token))
    return fault("--service-token must be the name of a service token");
  subject.ip = parse_ip(options.ip);
  if (!options.ip.empty() && !subject.ip) return fault("--ip must be an address");
  return subject;
}

std::string name_of(const Subject& subject) {
  if (!subject.email.empty()) return subject.email;
  if (!subject.service_token.empty()) return "service token " + subject.service_token;
  return "a user who has not signed in";
}

void print_verdict(const Trial& trial, const Subject& subject, const std::string& app) {
  const std::string who = name_of(subject);
  const bool passes = trial.verdict.passes();
  if (!passes && !subject.known()) {
    std::printf("deny: %s may not reach %s: %s; they are asked to sign in\n", who.c_str(), app.c_str(),
                trial.reason.c_str());
    return;
  }
  std::printf("%s: %s may %sreach %s: %s\n", passes ? "allow" : "deny", who.c_str(), passes ? "" : "not ",
              app.c_str(), trial.reason.c_str());
}

/// One line for each policy, in the order of their evaluation.
void print_steps(const std::vector<Policy>& policies, const Subject& subject) {
  bool decided = false;
  for (const Policy* policy : in_order(policies)) {
    const Verdict one = try_policy(*policy, subject);
    const std::string unknown =
        one.unknown ? "; the groups are unknown (" + std::string(phrase_of(*one.unknown)) + ")"
                    : std::string();
    std::string says = "does not match: none of its include rules is met" + unknown;
    if (decided) {
      says = "not looked at";
    } else if (one.kind != Verdict::Kind::no_match) {
      says = "decides: " + rule_text(*one.rule) + unknown;
      decided = true;
    } else if (one.policy != nullptr) {
      says = "does not match: ";
      says += one.part == Verdict::Part::exclude ? "excludes " : "requires ";
      says += rule_text(*one.rule) + unknown;
    }
    std::printf("  %s (%s) %s\n", policy->name.c_str(), std::string(name_of(policy->decision)).c_str(),
                says.c_str());
  }
}

}  // namespace

int policy_test(const PolicyTestOptions& options) {
  const auto subject = subject_of(options);
  if (!subject) return complain(subject.error());
  const std::string config_path = config_path_of(options.config_path);
  const auto config = checked_config_as_owner(config_path);
  if (!config) return kBadConfig;
  const auto name = AppName::parse(options.app);
  const std::string host = name ? name->text() : options.app;
  const auto app = std::find_if(config->applications.begin(), config->applications.end(),
                                [&](const ApplicationConfig& one) { return one.hostname == host; });
  if (app == config->applications.end()) {
    complain("there is no application " + printable(host, 80) + " in " + config_path);
    return kUsage;
  }
  const Trial trial = try_application(*app, *subject);
  print_verdict(trial, *subject, host);
  print_steps(app->policies, trial.seen);
  return trial.verdict.passes() ? kOk : kDenied;
}

}  // namespace cfpipe::edge
