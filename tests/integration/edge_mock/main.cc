#include <sodium.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <iostream>

#include "server.h"

namespace edge_mock {
namespace {

constexpr int kUsage = 64;
constexpr int kConfiguration = 78;

struct Options {
  std::string listen = "127.0.0.1:0";
  std::string origin;
  std::string state;
  std::string service_token;
  std::vector<std::string> faults;
  SiteOptions site;
};

std::pair<std::string, std::string> split_port(const std::string& text) {
  std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) throw std::runtime_error("no port in '" + text + "'");
  return {text.substr(0, colon), text.substr(colon + 1)};
}

void describe(CLI::App& app, Options& options) {
  app.add_option("--listen", options.listen, "HOST:PORT; port 0 picks one")->capture_default_str();
  app.add_option("--host", options.site.hosts, "an application: host, *.host or host/path (repeatable)")
      ->required();
  app.add_option("--auth-host", options.site.auth_host, "hostname of the login service")->required();
  app.add_option("--origin", options.origin, "HOST:PORT every tunnel leads to")->required();
  app.add_option("--email", options.site.email, "the one address that may sign in")->required();
  app.add_option("--state", options.state, "directory for keys, CA and log.jsonl")->required();
  app.add_option("--service-token", options.service_token, "ID:SECRET that opens every application");
  app.add_option("--fault", options.faults, "NAME[=VALUE], repeatable; see README.md");
  std::string known = "Faults:";
  for (const std::string& name : Faults::names()) known += " " + name;
  app.footer(known);
}

void report_ready(const ServerOptions& options, int port) {
  std::cout << "ready " << options.address << ':' << port << std::endl;
}

void stop_at_signal(uv_loop_t* loop, uv_signal_t& handle, int number) {
  uv_signal_init(loop, &handle);
  uv_unref(reinterpret_cast<uv_handle_t*>(&handle));
  uv_signal_start(
      &handle, [](uv_signal_t* signal, int) { uv_stop(signal->loop); }, number);
}

void serve(Options options, Faults& faults) {
  mkdir(options.state.c_str(), 0700);
  if (sodium_init() < 0) throw std::runtime_error("libsodium does not start");
  if (!options.service_token.empty()) {
    std::size_t colon = options.service_token.find(':');
    options.site.service_id = options.service_token.substr(0, colon);
    options.site.service_secret =
        options.service_token.substr(std::min(colon, options.service_token.size() - 1) + 1);
  }
  LeafWishes wishes{{}, faults.on("cert-expired")};
  for (const std::string& app : options.site.hosts) wishes.names.push_back(app.substr(0, app.find('/')));
  wishes.names.push_back(options.site.auth_host);
  if (faults.on("cert-wrong-name")) wishes.names.clear();
  TlsFiles tls = prepare_tls(options.state, wishes);

  auto [address, port] = split_port(options.listen);
  auto [origin_host, origin_port] = split_port(options.origin);
  ServerOptions server_options{address, std::stoi(port), origin_host, origin_port};
  uv_loop_t* loop = uv_default_loop();
  uv_signal_t terminate{}, interrupt{};
  stop_at_signal(loop, terminate, SIGTERM);
  stop_at_signal(loop, interrupt, SIGINT);

  Tokens tokens(options.state);
  Signer signer(loop, options.state, faults.on("sign-wrong-key"));
  TransferStore transfers(loop);
  Log log(options.state + "/log.jsonl");
  std::string auth_host = options.site.auth_host;
  Site site(std::move(options.site), faults, tokens, signer, transfers, loop);
  Server server(loop, server_options, faults, log);
  server.start(tls, site);
  std::string suffix = server.port() == 443 ? "" : ":" + std::to_string(server.port());
  site.set_port_suffix(suffix);
  tokens.set_auth_domain(auth_host + suffix);
  tokens.set_claimed_issuer(faults.text("token-issuer"));
  report_ready(server_options, server.port());
  uv_run(loop, UV_RUN_DEFAULT);
}

int run(int argc, char** argv) {
  CLI::App app("A well-behaved Access edge for tests, with faults on request.");
  Options options;
  describe(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  Faults faults;
  for (const std::string& spec : options.faults) {
    std::string complaint = faults.add(spec);
    if (complaint.empty()) continue;
    std::cerr << "edge_mock: " << complaint << '\n';
    return kUsage;
  }
  std::signal(SIGPIPE, SIG_IGN);
  lws_set_log_level(LLL_ERR | LLL_WARN, nullptr);
  try {
    serve(std::move(options), faults);
  } catch (const std::exception& error) {
    std::cerr << "edge_mock: " << error.what() << '\n';
    return kConfiguration;
  }
  return 0;
}

}  // namespace
}  // namespace edge_mock

int main(int argc, char** argv) {
  return edge_mock::run(argc, argv);
}
