# For builds that only have to be quick (scripts/mutate): what most files include is parsed once for each target.
# -DCMAKE_PROJECT_cfpipe_INCLUDE=cmake/precompiled.cmake
set(precompiled_common
  <algorithm> <chrono> <filesystem> <fstream> <functional> <map> <memory> <optional> <set> <sstream> <string> <thread>
  <unordered_map> <vector>
  <boost/asio/any_io_executor.hpp> <boost/asio/as_tuple.hpp> <boost/asio/awaitable.hpp> <boost/asio/co_spawn.hpp>
  <boost/asio/detached.hpp> <boost/asio/io_context.hpp> <boost/asio/ip/tcp.hpp> <boost/asio/local/stream_protocol.hpp>
  <boost/asio/posix/stream_descriptor.hpp> <boost/asio/post.hpp> <boost/asio/steady_timer.hpp>
  <boost/asio/use_awaitable.hpp> <boost/asio/write.hpp>)
set(precompiled_transport
  <boost/beast/core/flat_buffer.hpp> <boost/beast/http/empty_body.hpp> <boost/beast/http/parser.hpp>
  <boost/json/array.hpp> <boost/json/object.hpp> <boost/json/parse.hpp> <boost/json/serialize.hpp>
  <openssl/err.h> <openssl/evp.h> <openssl/pem.h> <openssl/ssl.h> <openssl/x509v3.h>)

function(precompile_headers)
  get_property(rooms GLOBAL PROPERTY CFPIPE_ROOMS)
  list(TRANSFORM rooms PREPEND cfpipe_)
  foreach(target ${rooms} unit_base unit_tunnel unit_transport unit_auth unit_edge unit_cli)
    if(NOT TARGET ${target})
      continue()
    endif()
    set(headers ${precompiled_common})
    if(NOT target MATCHES "_tunnel$")
      list(APPEND headers ${precompiled_transport})
    endif()
    if(target MATCHES "^unit_")
      list(APPEND headers <gtest/gtest.h> <gmock/gmock.h>)
    endif()
    target_precompile_headers(${target} PRIVATE ${headers})
  endforeach()
  # They define the libraries that others only declare, or need headers that exclude those above.
  set_source_files_properties(base/asio_impl.cc TARGET_DIRECTORY cfpipe_base PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
  set_source_files_properties(transport/http/beast_impl.cc TARGET_DIRECTORY cfpipe_transport_http
    PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
  set_source_files_properties(tests/transport/tcp_segments.cc TARGET_DIRECTORY unit_transport
    PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
endfunction()
cmake_language(DEFER CALL precompile_headers)
