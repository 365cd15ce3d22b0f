#include "edge/config/way_in.h"

#include <cstdint>

namespace cfpipe::edge {
namespace {

/// Ports below are for programs with privileges.
constexpr std::uint16_t kFirstUserPort = 1024;
constexpr std::uint16_t kSomePort = 10022;

}  // namespace

WayIn way_in(const ApplicationConfig& app, const std::string& host, const std::string& place,
             const std::string& auth_domain) {
  if (app.ssh) {
    const std::string certificate = app.certificates ? " --short-lived-cert" : "";
    return {"cfpipe access ssh-config --install --hostname " + place + certificate + " --auth-domain " +
                auth_domain,
            "ssh " + host,
            {}};
  }
  const bool has_port = app.origin_path.empty() && app.origin_port >= kFirstUserPort;
  const std::string local = "127.0.0.1:" + std::to_string(has_port ? app.origin_port : kSomePort);
  return {{},
          "cfpipe access tcp --hostname " + place + " --url " + local + " --auth-domain " + auth_domain,
          local};
}

std::string https_authority(std::string_view host, std::uint16_t port) {
  std::string out(host);
  if (port != kHttpsPort) out += ":" + std::to_string(port);
  return out;
}

}  // namespace cfpipe::edge
