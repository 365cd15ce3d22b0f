#pragma once

#include <cstddef>

namespace cfpipe {

/// Raises the limit of open files as far as the system lets us. The limit now.
std::size_t raise_descriptor_limit();

}  // namespace cfpipe
