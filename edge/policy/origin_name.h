#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/host.h"
#include "edge/policy/app_name.h"

namespace cfpipe::edge {

/// A service may have one `*` in the first label of its host name, which stands for what the `*` of the
/// application's host name stands for: `*.ssh.example.com` with `ssh://*.internal.example.com` leads
/// `web.ssh.example.com` to `web.internal.example.com`. A client chooses what comes in by the host that it
/// asks for; what is behind the `*`'s label is the configuration's.

/// Why the service cannot be that of the application; empty: it can, or has no `*`.
std::string origin_pattern_fault(const AppName& name, const Host& service);

/// The name that the service leads to for a request to `host`, which is canonical; the service itself if it
/// has no `*`. Nothing if `host` is none of the application's, or the `*` stands for anything but letters,
/// digits and `-` that together with the service make a name below the service's domain.
std::optional<Host> origin_at(const AppName& name, const Host& service, std::string_view host);

}  // namespace cfpipe::edge
