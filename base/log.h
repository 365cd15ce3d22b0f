#pragma once

// spdlog, for every file that logs. cfpipe::log has fmt's formatting, compiled once; without the declaration
// below each includer compiles that of fmt 9 anew, which takes three seconds.

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#if FMT_VERSION < 100000  // newer ones declare it themselves
extern template void fmt::detail::vformat_to<char>(buffer<char>&, string_view,
                                                   basic_format_args<buffer_context<char>>, locale_ref);
#endif
