#include "connector/config/config.h"

#include <sys/stat.h>
#include <yaml-cpp/yaml.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "base/host.h"
#include "service/yaml_reader.h"

namespace cfpipe::connector {
namespace {

constexpr const char* kOriginForms =
    "; write 127.0.0.1:22, [::1]:22, 10.0.0.0/24:22, name.internal:22 or *.internal:22";
/// Longest text of an entry that a fault repeats, in bytes.
constexpr std::size_t kShownBytes = 100;

const char* environment(const char* name) {
  return std::getenv(name);
}

class Reader : public service::YamlReader {
 public:
  explicit Reader(LoadedConfig& out)
      : service::YamlReader([&out](int line, std::string text) {
          out.faults.push_back({line, std::move(text)});
        }),
        config_(out.config) {}

  void top(const YAML::Node& root);

 private:
  void origins(const YAML::Node& list);
  void proxy(const YAML::Node& root);
  void listen(const YAML::Node& root);

  Config& config_;
};

void Reader::origins(const YAML::Node& list) {
  if (!list.IsSequence() || list.size() == 0)
    return fault(list, std::string("'origins' must be a list that is not empty") + kOriginForms);
  if (list.size() > kMaxAllowedOrigins)
    return fault(list, "'origins' may have " + std::to_string(kMaxAllowedOrigins) + " entries at most");
  std::vector<AllowedOrigin> entries;
  for (const YAML::Node& item : list) {
    const std::string text = item.IsScalar() ? item.Scalar() : std::string();
    auto entry = AllowedOrigin::parse(text);
    if (entry) {
      entries.push_back(std::move(*entry));
    } else {
      fault(item, "'" + printable(text, kShownBytes) + "' is no origin" + kOriginForms);
    }
  }
  config_.origins = AllowList(std::move(entries));
}

void Reader::proxy(const YAML::Node& root) {
  const std::string given = text(root, "proxy", "the configuration", false);
  if (given.empty()) return;
  auto settings = parse_proxy_setting(given, "'proxy'", environment);
  if (!settings) return fault(root["proxy"], settings.error().detail);
  config_.proxy = std::move(*settings);
  config_.no_proxy = config_.proxy == nullptr;
}

void Reader::listen(const YAML::Node& root) {
  const std::string where = text(root, "listen", "the configuration", false);
  if (where.empty()) return;
  config_.listen = parse_listen_address(where);
  if (!config_.listen || !config_.listen->address().is_loopback()) {
    fault(root["listen"],
          "'listen' must be a loopback address and a port, such as 127.0.0.1:7022, for a daemon of this "
          "machine");
  } else if (!config_.front_origin()) {
    fault(root["listen"], "'listen' leads to the first of 'origins' that is one server, and none is");
  }
}

void Reader::top(const YAML::Node& root) {
  if (root.IsNull()) return;  // an empty file
  if (!mapping(root, "the configuration",
               {"origins", "ca_file", "proxy", "metrics", "listen", "resume", "drain", "per_user_addresses"}))
    return;
  if (root["origins"]) origins(root["origins"]);
  config_.ca_file = text(root, "ca_file", "the configuration", false);
  if (!config_.ca_file.empty() && config_.ca_file.front() != '/')
    fault(root["ca_file"], "'ca_file' must be an absolute path");
  proxy(root);
  if (const std::string where = text(root, "metrics", "the configuration", false); !where.empty()) {
    config_.metrics = parse_listen_address(where);
    if (!config_.metrics)
      fault(root["metrics"], "'metrics' must be an address and a port, such as 127.0.0.1:9465");
  }
  listen(root);
  const bool never_resumed = root["resume"] && root["resume"].IsScalar() && root["resume"].Scalar() == "off";
  config_.resume = never_resumed ? std::chrono::seconds(0)
                                 : duration(root, "resume", kDefaultResume, kMinResume, kMaxResume);
  config_.drain = duration(root, "drain", kDefaultDrain, std::chrono::seconds(0), kMaxDrain);
  config_.per_user_addresses = flag(root, "per_user_addresses", false);
}

}  // namespace

std::optional<Authority> Config::front_origin() const {
  for (const AllowedOrigin& entry : origins.entries())
    if (auto one = entry.single()) return one;
  return std::nullopt;
}

std::optional<boost::asio::ip::tcp::endpoint> parse_listen_address(std::string_view text) {
  const auto named = Authority::parse(text, Wildcards::refused, ZeroPort::allowed);
  if (!named || !named->host.address() || !named->port) return std::nullopt;
  return boost::asio::ip::tcp::endpoint(*named->host.address(), *named->port);
}

Result<std::shared_ptr<const transport::ProxySettings>> parse_proxy_setting(
    std::string_view text, std::string_view source, const transport::EnvironmentLookup& lookup) {
  if (text.empty() || text == "none") return std::shared_ptr<const transport::ProxySettings>();
  auto proxy = transport::parse_proxy(text, source);
  if (!proxy) return proxy.error();
  auto settings = std::make_shared<transport::ProxySettings>();
  settings->proxy = std::move(*proxy);
  settings->no_proxy = transport::no_proxy_of(lookup);
  settings->this_machine_too = true;
  return std::shared_ptr<const transport::ProxySettings>(std::move(settings));
}

LoadedConfig parse_config(std::string_view yaml) {
  LoadedConfig out;
  try {
    Reader(out).top(YAML::Load(std::string(yaml)));
  } catch (const YAML::Exception& error) {
    out.faults.push_back({error.mark.is_null() ? 0 : error.mark.line + 1, printable(error.msg)});
  }
  return out;
}

Result<LoadedConfig> load_config(const std::string& path) {
  const auto failure = [&](const char* what) {
    return Failure(Stage::config, Cause::bad_option, path + ": " + what);
  };
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "re"), &std::fclose);
  if (!file) return failure("cannot be opened; name the configuration with --config FILE");
  struct stat info {};
  if (::fstat(::fileno(file.get()), &info) != 0) return failure("cannot be read");
  if (S_ISREG(info.st_mode) && (info.st_mode & S_IWOTH) != 0)
    return failure("may be written by every user, who could open this network to the edge; chmod o-w");
  std::string text(kMaxConfigBytes + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) return failure("cannot be read");
  if (text.size() > kMaxConfigBytes) return failure("is larger than 1 MiB");
  return parse_config(text);
}

}  // namespace cfpipe::connector
