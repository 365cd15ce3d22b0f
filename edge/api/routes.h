#pragma once

#include <vector>

#include "edge/api/call.h"

namespace cfpipe::edge {

// The API's paths by what they are about; docs/API.md describes each.

const std::vector<ApiRoute>& own_routes();
const std::vector<ApiRoute>& application_routes();
const std::vector<ApiRoute>& service_token_routes();
const std::vector<ApiRoute>& connector_routes();
const std::vector<ApiRoute>& people_routes();

}  // namespace cfpipe::edge
