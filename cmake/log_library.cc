// spdlog and fmt, compiled once. Used as headers alone they cost every file that logs a dozen seconds; as
// Debian's shared libraries they would cost every start of the client time in the loader.
#include <fmt/format-inl.h>
#include <spdlog/common-inl.h>
#include <spdlog/details/backtracer-inl.h>
#include <spdlog/details/log_msg-inl.h>
#include <spdlog/details/log_msg_buffer-inl.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/details/os-inl.h>
#include <spdlog/details/periodic_worker-inl.h>
#include <spdlog/details/registry-inl.h>
#include <spdlog/logger-inl.h>
#include <spdlog/pattern_formatter-inl.h>
#include <spdlog/sinks/base_sink-inl.h>
#include <spdlog/sinks/sink-inl.h>
#include <spdlog/sinks/stdout_sinks-inl.h>
#include <spdlog/spdlog-inl.h>

// What their headers say is instantiated elsewhere, as far as it is used.
template char fmt::detail::decimal_point_impl(locale_ref);
template fmt::detail::thousands_sep_result<char> fmt::detail::thousands_sep_impl<char>(locale_ref);
#if FMT_VERSION >= 100000
template void fmt::detail::vformat_to<char>(buffer<char>&, string_view, vformat_args<>::type, locale_ref);
#else  // see base/log.h
template void fmt::detail::vformat_to<char>(buffer<char>&, string_view,
                                            basic_format_args<buffer_context<char> >, locale_ref);
#endif
template class spdlog::sinks::base_sink<spdlog::details::null_mutex>;
template class spdlog::sinks::stdout_sink_base<spdlog::details::console_mutex>;
template class spdlog::sinks::stderr_sink<spdlog::details::console_mutex>;
template std::shared_ptr<spdlog::logger> spdlog::stderr_logger_mt<spdlog::synchronous_factory>(
    const std::string&);
