#pragma once

#include <string_view>

#include "base/host.h"

namespace cfpipe::transport {

/// A host that the test knows to be one.
inline Host host_of(std::string_view text) {
  return Host::parse(text).value();
}

}  // namespace cfpipe::transport
