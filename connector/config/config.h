#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "connector/config/allow_list.h"
#include "transport/dial/proxy_settings.h"

namespace cfpipe::connector {

/// Largest configuration file, in bytes.
inline constexpr std::size_t kMaxConfigBytes = 1024 * 1024;
/// How long open tunnels may go on after SIGTERM, unless `drain` says otherwise; and what it may say.
inline constexpr std::chrono::seconds kDefaultDrain{30};
inline constexpr std::chrono::seconds kMaxDrain{24 * 3600};

/// Of `resume`: how long a tunnel of `listen` waits for its client after it has lost its connection to it.
inline constexpr std::chrono::seconds kDefaultResume{30 * 60};
inline constexpr std::chrono::seconds kMinResume{10};
inline constexpr std::chrono::seconds kMaxResume{24 * 3600};

/// What a configuration file, or the command line in its place, says.
struct Config {
  AllowList origins;
  std::string ca_file;                                    ///< empty: the system's authorities
  std::shared_ptr<const transport::ProxySettings> proxy;  ///< null: the environment decides
  bool no_proxy = false;                                  ///< `proxy: none`: whatever the environment says
  std::optional<boost::asio::ip::tcp::endpoint> metrics;  ///< nothing: no socket listens
  std::optional<boost::asio::ip::tcp::endpoint>
      listen{};  ///< in front of front_origin(); nothing: no socket listens
  std::chrono::seconds drain = kDefaultDrain;
  std::chrono::seconds resume = kDefaultResume;  ///< 0: no tunnel of `listen` outlives its connection
  bool per_user_addresses = false;  ///< to loopback origins from an address of each subject's own

  /// Where `listen` leads: the first of `origins` that is one server.
  std::optional<Authority> front_origin() const;
};

struct ConfigFault {
  int line = 0;  ///< from 1; 0: unknown
  std::string text;
};

struct LoadedConfig {
  Config config;
  std::vector<ConfigFault> faults;  ///< any: the configuration is not used
};

LoadedConfig parse_config(std::string_view yaml);
/// Stage::config if the file cannot be read, or may be written by every user.
Result<LoadedConfig> load_config(const std::string& path);

/// `address:port` of a listener; nothing on any other input.
std::optional<boost::asio::ip::tcp::endpoint> parse_listen_address(std::string_view text);
/// What `proxy` and --proxy name; null with `none`. Stage::input.
Result<std::shared_ptr<const transport::ProxySettings>> parse_proxy_setting(
    std::string_view text, std::string_view source, const transport::EnvironmentLookup& environment);

}  // namespace cfpipe::connector
