#pragma once

#include <string_view>

#include "base/error.h"

namespace cfpipe {

/// The name that messages of the client begin with: `dns`.
std::string_view stage_name(Stage stage);

}  // namespace cfpipe
