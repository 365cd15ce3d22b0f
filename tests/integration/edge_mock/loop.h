#pragma once

#include <uv.h>

#include <cstdint>
#include <functional>

namespace edge_mock {

/// Runs `action` once, `milliseconds` from now, on the loop.
void after(uv_loop_t* loop, std::uint64_t milliseconds, std::function<void()> action);

}  // namespace edge_mock
