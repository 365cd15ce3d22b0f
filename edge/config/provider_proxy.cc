#include "edge/config/provider_proxy.h"

#include "edge/config/secret_file.h"

namespace cfpipe::edge {
namespace {

using transport::ProxySettings;

constexpr const char* kNoProxy = "none";

/// `user:password`, as they are.
Result<void> add_login(const std::string& file, transport::Proxy& proxy) {
  auto login = read_secret_file(file);
  if (!login)
    return Failure(Stage::config, Cause::file_unusable,
                   "proxy_login_file " + file + ": " + login.error().detail);
  const std::string_view text = login->reveal();
  const std::size_t colon = text.find(':');
  const std::size_t user = colon == std::string_view::npos ? 0 : colon;
  const std::size_t password = text.size() - std::min(user + 1, text.size());
  if (user == 0 || user > transport::kMaxProxyLoginBytes || password > transport::kMaxProxyLoginBytes)
    return Failure(
        Stage::config, Cause::file_unusable,
        "proxy_login_file " + file + ": its first line must be user:password, each of 255 bytes at most");
  proxy.user = text.substr(0, user);
  proxy.password = Secret(std::string(text.substr(user + 1)));
  return {};
}

}  // namespace

std::string proxy_setting_fault(const std::string& proxy) {
  if (proxy == kNoProxy) return {};
  const auto parsed = transport::parse_proxy(proxy, "'proxy'");
  if (!parsed) return parsed.error().detail;
  return parsed->has_login()
             ? "'proxy' must not hold a login: put user:password into a file, 'proxy_login_file'"
             : "";
}

Result<std::shared_ptr<const ProxySettings>> provider_proxy(const OidcConfig& config,
                                                            const transport::EnvironmentLookup& environment) {
  using Out = std::shared_ptr<const ProxySettings>;
  if (config.proxy.empty()) return transport::proxy_of_environment(environment);
  if (config.proxy == kNoProxy) return Out();
  auto proxy = transport::parse_proxy(config.proxy, "'proxy'");
  if (!proxy) return Failure(Stage::config, Cause::proxy_unusable, proxy.error().detail);
  if (!config.proxy_login_file.empty())
    if (auto added = add_login(config.proxy_login_file, *proxy); !added) return added.error();
  auto settings = std::make_shared<ProxySettings>();
  settings->proxy = std::move(*proxy);
  settings->this_machine_too = true;
  return Out(std::move(settings));
}

}  // namespace cfpipe::edge
