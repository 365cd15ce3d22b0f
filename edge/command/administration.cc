// The command line of what administrators do: certificate authorities, service tokens,
// connectors, host keys, sign-ins.
#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <utility>

#include "edge/command/command_options.h"

namespace cfpipe::edge {

CLI::Option* add_config_option(CLI::App& command, std::string& path) {
  return command.add_option("--config", path,
                            "Configuration file (YAML) [$CFPIPE_EDGE_CONFIG, /etc/cfpipe/edge.yaml]");
}

void add_state_options(CLI::App& command, StateOption& option) {
  auto* dir = command.add_option("--state", option.dir, "State directory of the edge");
  dir->excludes(add_config_option(command, option.config_path));
}

void add_json(CLI::App& command, bool& json) {
  command.add_flag("--json", json, "One JSON object a line");
}

namespace {

/// Has `command` ask before it does what cannot be taken back: `what` ends a sentence that begins with
/// "this".
void run_confirmed(CLI::App& command, Options& options, int& status, std::function<std::string()> what,
                   std::function<int()> run) {
  command.add_flag("--yes", options.yes, "Do it without asking first");
  command.callback([&options, &status, what = std::move(what), run = std::move(run)] {
    status = confirmed(what(), options.yes) ? run() : kNotConfirmed;
  });
}

/// A command below `ca` that is about one application.
CLI::App* add_ca_command(CLI::App& ca, const char* name, const char* says, Options& options) {
  CLI::App* command = ca.add_subcommand(name, says);
  command->add_option("--app", options.app, "Name of the application")->required();
  add_state_options(*command, options.state);
  return command;
}

/// One that takes nothing else.
void add_ca_of(CLI::App& ca, const char* name, const char* says, Options& options, int& status,
               int (*run)(const StateOption&, const std::string&)) {
  add_ca_command(ca, name, says, options)->callback([&options, &status, run] {
    status = run(options.state, options.app);
  });
}

/// One that makes such a key.
void add_ca_maker(CLI::App& ca, const char* name, const char* says, const char* preset, Options& options,
                  int& status, int (*run)(const StateOption&, const std::string&, const std::string&)) {
  CLI::App* command = ca.add_subcommand(name, says);
  command->add_option("--app", options.app, "Name of the application")->required();
  command
      ->add_option("--type", options.key_type,
                   std::string("Kind of key: ed25519, ecdsa (P-256) or rsa (3072 bits); ") + preset)
      ->check(CLI::IsMember({"ed25519", "ecdsa", "rsa"}));
  add_state_options(*command, options.state);
  command->callback([&options, &status, run] { status = run(options.state, options.app, options.key_type); });
}

void add_revocation(CLI::App& ca, Options& options, int& status) {
  CLI::App* revoke = ca.add_subcommand("revoke", "Put certificates on the list of revoked ones");
  RevokeOptions& wanted = options.revocation;
  revoke->add_option("--app", wanted.app, "Name of the application")->required();
  auto* serials = revoke->add_option("--serial", wanted.serials, "Serial of a certificate, once for each")
                      ->allow_extra_args(false);
  serials->check(CLI::Range(std::int64_t{1}, std::numeric_limits<std::int64_t>::max()).description(""));
  revoke->add_option("--identity", wanted.identity,
                     "An email or a service token: all certificates of it that may still be good");
  add_state_options(*revoke, options.state);
  run_confirmed(
      *revoke, options, status,
      [&] { return "revokes certificates of " + options.revocation.app + " for good"; },
      [&] { return ca_revoke(options.state, options.revocation); });
  CLI::App* krl = ca.add_subcommand("krl", "Print the list of revoked certificates for sshd's RevokedKeys");
  krl->add_option("--app", options.app, "Name of the application")->required();
  krl->add_option("--output", options.output, "File to write it to, as a whole, instead");
  add_state_options(*krl, options.state);
  krl->callback([&] { status = ca_krl(options.state, options.app, options.output); });
}

void add_ca(CLI::App& root, Options& options, int& status) {
  CLI::App* ca = root.add_subcommand("ca", "SSH certificate authorities of the applications");
  ca->require_subcommand(1);
  add_ca_maker(*ca, "generate", "Make the CA of an application", "ed25519 by default", options, status,
               ca_generate);
  add_ca_of(*ca, "show", "Print the lines for sshd's TrustedUserCAKeys", options, status, ca_show);
  add_ca_maker(*ca, "rotate", "Make the next CA, for servers to trust beside the present one",
               "that of the present one by default", options, status, ca_rotate);
  run_confirmed(
      *add_ca_command(*ca, "cancel", "Forget the next CA; the present one goes on signing", options), options,
      status, [&] { return "forgets the next CA: another rotation makes another key"; },
      [&] { return ca_cancel(options.state, options.app); });
  run_confirmed(
      *add_ca_command(*ca, "retire", "Let the next CA sign, and forget the present one", options), options,
      status,
      [&] { return "forgets the CA that signs: servers that do not trust the next one let no user in"; },
      [&] { return ca_retire(options.state, options.app); });
  add_ca_of(*ca, "known-hosts", "Print the line by which ssh believes the hosts that were certified", options,
            status, ca_known_hosts);
  CLI::App* list = ca->add_subcommand("list", "List the applications that have one");
  add_state_options(*list, options.state);
  list->callback([&] { status = ca_list(options.state); });
  add_revocation(*ca, options, status);
  CLI::App* host = ca->add_subcommand("sign-host", "Certify the key of a host, so that ssh knows it at once");
  HostCertificateOptions& key = options.host_key;
  host->add_option("--app", key.app, "Name of the application")->required();
  host->add_option("--key", key.key_file,
                   "The host's public key, e.g. ssh_host_ed25519_key.pub, - for standard input")
      ->required();
  host->add_option("--hostname", key.names, "A name of the host, once for each; the application's by default")
      ->allow_extra_args(false);
  host->add_option("--duration", key.duration, "How long it is good for")->capture_default_str();
  add_state_options(*host, options.state);
  host->callback([&] { status = ca_sign_host(options.state, options.host_key); });
}

void add_service_token(CLI::App& root, Options& options, int& status) {
  CLI::App* token = root.add_subcommand("service-token",
                                        "Credentials of programs, for policies with decision service_auth");
  token->require_subcommand(1);
  CLI::App* create = token->add_subcommand("create", "Make one, and print its id and secret this once");
  create->add_option("NAME", options.name, "What policies call it")->required();
  create->add_option("--duration", options.duration, "How long it is good for")->capture_default_str();
  add_state_options(*create, options.state);
  create->callback([&] { status = service_token_create(options.state, options.name, options.duration); });
  CLI::App* list = token->add_subcommand("list", "List them, without secrets");
  add_state_options(*list, options.state);
  add_json(*list, options.json);
  list->callback([&] { status = service_token_list(options.state, options.json); });
  CLI::App* revoke = token->add_subcommand("revoke", "Refuse it from now on, and end its open tunnels");
  revoke->add_option("NAME", options.name, "What policies call it")->required();
  add_state_options(*revoke, options.state);
  run_confirmed(
      *revoke, options, status, [&] { return "refuses service token " + options.name + " for good"; },
      [&] { return service_token_revoke(options.state, options.name); });
}

void add_connector(CLI::App& root, Options& options, int& status) {
  CLI::App* connector =
      root.add_subcommand("connector", "Servers that dial out to the edge, for applications behind them");
  connector->require_subcommand(1);
  CLI::App* create =
      connector->add_subcommand("create", "Print a token by which one enrols, once and within ten minutes");
  create->add_option("NAME", options.name, "What applications call it; several of one name share the load")
      ->required();
  create->add_option("--auth-domain", options.auth_domain,
                     "Where connectors reach the edge, if that is not in a configuration");
  add_state_options(*create, options.state);
  create->callback([&] { status = connector_create(options.state, options.name, options.auth_domain); });
  CLI::App* list = connector->add_subcommand("list", "List them, and where they are attached");
  add_state_options(*list, options.state);
  add_json(*list, options.json);
  list->callback([&] { status = connector_list(options.state, options.json); });
  CLI::App* revoke = connector->add_subcommand("revoke", "Refuse one, and end what is open through it");
  revoke->add_option("NAME", options.name, "Its id, or a name: all that have that")->required();
  add_state_options(*revoke, options.state);
  run_confirmed(
      *revoke, options, status, [&] { return "refuses connector " + options.name + " for good"; },
      [&] { return connector_revoke(options.state, options.name); });
}

void add_host_key(CLI::App& root, Options& options, int& status) {
  CLI::App* key =
      root.add_subcommand("host-key", "Host keys of origins, as terminals in the browser saw them first");
  key->require_subcommand(1);
  CLI::App* list = key->add_subcommand("list", "List them, with fingerprints");
  add_state_options(*list, options.state);
  add_json(*list, options.json);
  list->callback([&] { status = host_key_list(options.state, options.json); });
  CLI::App* forget = key->add_subcommand("forget", "Believe the key that the server shows next");
  forget->add_option("--app", options.app, "Name of the application")->required();
  add_state_options(*forget, options.state);
  forget->callback([&] { status = host_key_forget(options.state, options.app); });
}

void add_sessions(CLI::App& root, Options& options, int& status) {
  CLI::App* session = root.add_subcommand("session", "Sign-ins of people");
  session->require_subcommand(1);
  CLI::App* list = session->add_subcommand("list", "List those that are good, newest first");
  list->add_option("--email", options.name, "Those of this person alone");
  add_json(*list, options.json);
  add_state_options(*list, options.state);
  list->callback([&] { status = session_list(options.state, options.name, options.json); });
  CLI::App* revoke =
      session->add_subcommand("revoke", "Refuse the tokens of one, and end what they have opened");
  revoke->add_option("SESSION", options.session, "Its name, as 'session list' and the audit have it")
      ->required();
  add_state_options(*revoke, options.state);
  run_confirmed(
      *revoke, options, status,
      [&] { return "ends session " + options.session + " and all that it has opened"; },
      [&] { return revoke_session(options.state, options.session); });
}

void add_tunnels(CLI::App& root, Options& options, int& status) {
  CLI::App* tunnel = root.add_subcommand("tunnel", "Tunnels and terminals that are open");
  tunnel->require_subcommand(1);
  CLI::App* list = tunnel->add_subcommand("list", "List them, oldest first");
  list->add_option("--identity", options.tunnels.identity, "Those of that email or service token alone");
  list->add_option("--application", options.tunnels.application, "Those to the application of that name");
  add_json(*list, options.tunnels.json);
  add_state_options(*list, options.state);
  list->callback([&] { status = tunnel_list(options.state, options.tunnels); });
  CLI::App* end = tunnel->add_subcommand("end", "Have the edge end one, and wait until it has");
  end->add_option("ID", options.tunnel, "Its number, as 'tunnel list' and the audit have it")->required();
  add_state_options(*end, options.state);
  run_confirmed(
      *end, options, status,
      [&] { return "ends tunnel " + std::to_string(options.tunnel) + " with what runs in it"; },
      [&] { return tunnel_end(options.state, options.tunnel); });
}

void add_revoke(CLI::App& root, Options& options, int& status) {
  CLI::App* revoke =
      root.add_subcommand("revoke", "Refuse a person's tokens issued before now, and end their open tunnels");
  auto* email = revoke->add_option("--email", options.name, "Who it is: all that they have");
  revoke->add_option("--session", options.session, "One sign-in alone, as the audit names it")
      ->excludes(email);
  add_state_options(*revoke, options.state);
  run_confirmed(
      *revoke, options, status,
      [&] {
        return "ends " +
               (options.session.empty() ? "every session of " + options.name : "session " + options.session) +
               " and all that is open";
      },
      [&] {
        return options.session.empty() ? revoke_person(options.state, options.name)
                                       : revoke_session(options.state, options.session);
      });
}

}  // namespace

void add_administration(CLI::App& root, Options& options, int& status) {
  add_service_token(root, options, status);
  add_connector(root, options, status);
  add_ca(root, options, status);
  add_host_key(root, options, status);
  add_sessions(root, options, status);
  add_tunnels(root, options, status);
  add_revoke(root, options, status);
}

}  // namespace cfpipe::edge
