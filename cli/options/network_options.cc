#include "cli/options/network_options.h"

#include <charconv>
#include <string>
#include <utility>

#include "transport/dial/proxy_settings.h"

namespace cfpipe::cli {
namespace {

using std::chrono::milliseconds;

/// How long the server behind an ssh tunnel may keep its first line to itself: sshd sends it at once, and has
/// a timeout of 120 s of its own.
constexpr milliseconds kFirstByteOfSsh{30'000};

Result<void> take_deadline(std::string_view text, std::string_view flag, milliseconds& out) {
  const auto parsed = parse_deadline(text, flag);
  if (!parsed) return parsed.error();
  out = *parsed;
  return {};
}

struct DeadlineFlag {
  std::string_view name;
  const std::string& text;
  milliseconds& value;
  bool may_be_off = false;
};

Result<void> take_deadlines(const RawOptions& raw, std::string_view spelled, Options& options) {
  auto& out = options.deadlines;
  // Only where it is ssh that is spoken does the server speak first. What listens is a client's to watch.
  if (spelled == "ssh" && !options.listen) out.first_byte = kFirstByteOfSsh;
  const DeadlineFlag all[] = {{"--dns-timeout", raw.dns_timeout, out.dns},
                              {"--connect-timeout", raw.connect_timeout, out.tcp},
                              {"--proxy-timeout", raw.proxy_timeout, out.proxy},
                              {"--tls-timeout", raw.tls_timeout, out.tls},
                              {"--upgrade-timeout", raw.upgrade_timeout, out.upgrade},
                              {"--first-byte-timeout", raw.first_byte_timeout, out.first_byte, true}};
  for (const auto& flag : all) {
    if (flag.text.empty()) continue;
    if (flag.may_be_off && (flag.text == "off" || flag.text == "0")) {
      flag.value = milliseconds::zero();
    } else if (auto taken = take_deadline(flag.text, flag.name, flag.value); !taken) {
      return taken;
    }
    options.deadline_flags.append(" ").append(flag.name).append(" ").append(flag.text);
  }
  return {};
}

Result<void> take_proxy(const RawOptions& raw, const Environment& environment, Options& options) {
  if (!raw.proxy) {
    const bool dials = options.command != Command::ssh_config && options.command != Command::logout;
    if (dials) options.proxy = transport::proxy_of_environment(environment);
    return {};
  }
  if (raw.proxy->empty() || *raw.proxy == "none") {
    options.proxy_flag = "none";
    return {};
  }
  auto proxy = transport::parse_proxy(*raw.proxy, "--proxy");
  if (!proxy) return proxy.error();
  if (options.command == Command::ssh_config && proxy->has_login())
    return usage("a proxy's password has no place in ssh_config: set HTTPS_PROXY instead");
  if (options.command == Command::ssh_config) options.proxy_flag = *raw.proxy;
  auto settings = std::make_shared<transport::ProxySettings>();
  settings->proxy = std::move(*proxy);
  settings->no_proxy = transport::no_proxy_of(environment);
  settings->this_machine_too = true;
  options.proxy = std::move(settings);
  return {};
}

}  // namespace

Result<milliseconds> parse_deadline(std::string_view text, std::string_view flag) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto unit = text.substr(static_cast<std::size_t>(end - text.data()));
  const std::uint64_t each = unit == "ms"                  ? 1
                             : unit == "s" || unit.empty() ? 1'000
                             : unit == "m"                 ? 60'000
                                                           : 0;
  const milliseconds value(number * each);
  if (error != std::errc() || value < kMinDeadline || value > kMaxDeadline)
    return usage(std::string(flag) + " takes a time from 10ms to 10m, e.g. 500ms, 5s or 2m");
  return value;
}

Result<void> take_network(RawOptions& raw, std::string_view spelled, const Environment& environment,
                          Options& options) {
  if (raw.cert.empty() && !raw.key_file.empty()) return usage("--key-file is of no use without --cert");
  options.cert_file = std::move(raw.cert);
  options.key_file = std::move(raw.key_file);
  if (auto taken = take_deadlines(raw, spelled, options); !taken) return taken;
  auto taken = take_proxy(raw, environment, options);
  if (raw.proxy) const Secret wiped(std::move(*raw.proxy));
  return taken;
}

}  // namespace cfpipe::cli
