#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include "cli/options/options.h"

namespace cfpipe::cli {

/// A hostname as users write it: `host[:port][/path]` or a URL, an IPv6 address also without brackets. The
/// schemes http, ssh, tcp, rdp and smb are taken as https, also as `http%3A%2F%2F`. A leading `cfpipe-` is
/// dropped unless `wildcards` are wanted as well, where the text is a pattern.
/// Cause::bad_hostname.
Result<transport::Url> parse_hostname(std::string_view text, bool wildcards = false);

/// One `Name: value` of --header. Neither ever shows in an error but the name. Cause::bad_header.
Result<std::pair<std::string, std::string>> parse_header(std::string_view text);

/// The value of --url: `host:port` (IPv6 in brackets), the same as a URL of a scheme that the public client
/// takes there, or `unix:/path`. Cause::bad_option.
Result<ListenAddress> parse_listen_address(std::string_view text);

/// The value of --ping-interval: whole seconds. Cause::bad_option.
Result<std::chrono::milliseconds> parse_ping_interval(std::string_view text);

/// `host`, `host:port`, or `name:port:host` whose name must be that of the URL: what is connected to never
/// changes whom TLS expects there. Returns `host[:port]`.
Result<Authority> parse_connect_to(std::string_view text, const transport::Url& url);

}  // namespace cfpipe::cli
