#pragma once

#include "edge/api/call.h"

namespace cfpipe::edge {

/// The applications whose gates would admit the caller of `site` now, each with the lines by which programs
/// reach it. The dashboard's API and the programs of people are answered by this one function.
Answer own_applications(const ApiSite& site);

}  // namespace cfpipe::edge
