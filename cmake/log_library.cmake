# cfpipe::log: spdlog and fmt, from Debian's headers and compiled once.
add_library(cfpipe_log STATIC ${CMAKE_CURRENT_LIST_DIR}/log_library.cc)
add_library(cfpipe::log ALIAS cfpipe_log)
# Our loggers are all there are: spdlog's own would look at the terminal at every start.
target_compile_definitions(cfpipe_log PUBLIC SPDLOG_COMPILED_LIB SPDLOG_FMT_EXTERNAL SPDLOG_DISABLE_DEFAULT_LOGGER)
target_link_libraries(cfpipe_log PRIVATE cfpipe_options)
cfpipe_small(cfpipe_log)
