#include "edge/config/listen_address.h"

#include "base/error.h"
#include "base/host.h"

namespace cfpipe::edge {

Listener Listener::at_path(std::string path, std::string group) {
  Listener out;
  out.path_ = std::move(path);
  out.group_ = std::move(group);
  return out;
}

std::string Listener::text() const {
  if (is_unix()) return std::string(kUnixScheme) + path_;
  return Host(address()).in_url() + ":" + std::to_string(port());
}

std::optional<Listener> parse_listener(std::string_view text, std::optional<std::uint16_t> usual) {
  const auto named = Authority::parse(text, Wildcards::refused, ZeroPort::allowed);
  if (!named || !named->host.address()) return std::nullopt;
  const auto port = named->port ? named->port : usual;
  if (!port) return std::nullopt;
  return Listener(*named->host.address(), *port);
}

std::optional<std::string> parse_socket_path(std::string_view text) {
  if (!text.starts_with(kUnixScheme)) return std::nullopt;
  const std::string path(text.substr(kUnixScheme.size()));
  const bool names_a_file = path.starts_with('/') && !path.starts_with("//") && !path.ends_with('/');
  if (!names_a_file || path.size() > kMaxSocketPathBytes || printable(path) != path) return std::nullopt;
  return path;
}

}  // namespace cfpipe::edge
