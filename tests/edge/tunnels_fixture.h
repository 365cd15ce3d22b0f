#pragma once

#include "edge/edge_fixture.h"

namespace cfpipe::edge {

/// Tunnels of a site without a network, and what each is told at its end.
class TunnelsTest : public SiteTest {
 protected:
  std::variant<TunnelGrant, Answer> ask(const std::string& token) {
    Request request = browser_->request("GET", "https://vm.localhost:8443/");
    request.headers.clear();
    request.headers.emplace_back("Cf-Access-Token", token);
    return site_->router().upgrade(request);
  }
  bool opens(const std::string& token) { return std::holds_alternative<TunnelGrant>(ask(token)); }

  struct Tunnel {
    std::int64_t id;
    std::shared_ptr<TunnelHandle> end;
    std::string told;
  };
  void open(const std::string& token, Tunnel& tunnel) {
    auto granted = ask(token);
    ASSERT_TRUE(std::holds_alternative<TunnelGrant>(granted));
    open(std::get<TunnelGrant>(granted), tunnel);
  }
  void open(const TunnelGrant& grant, Tunnel& tunnel) {
    tunnel.end = std::make_shared<TunnelHandle>(io_.get_executor());
    tunnel.end->on_dismissed([&tunnel](const std::string& why) { tunnel.told = why; });
    tunnel.id =
        site_->tunnels().opened(grant, browser_->request("GET", "https://vm.localhost:8443/"), tunnel.end);
  }
  void look() {
    site_->tunnels().exchange_with_others();
    io_.restart();
    io_.poll();
  }
};

}  // namespace cfpipe::edge
