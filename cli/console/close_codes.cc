#include "cli/console/close_codes.h"

#include <algorithm>
#include <array>

namespace cfpipe::cli {
namespace {

struct CloseCodes {
  std::uint16_t first, last;
  std::string_view what, hint;
};

// The first row that has the code counts. docs/TROUBLESHOOTING.md lists all rows.
// clang-format off
constexpr std::array<CloseCodes, 16> kCloseCodes{{
    {1001, 1001, "the edge is restarting or shutting down", "connect again: a new ssh goes to its successor"},
    {1002, 1002, "the edge rejected a frame as a protocol error", "connect again; if it stays so, something in between may change WebSocket frames"},
    {1003, 1003, "the edge takes no binary messages", "check that the application's service is for SSH or TCP"},
    {1007, 1007, "the edge rejected a message as malformed", "connect again; if it stays so, something in between may change WebSocket messages"},
    {1008, 1008, "the edge closed the tunnel because of a policy", "ask the application's administrator what it allows"},
    {1009, 1009, "a message was too large for the edge", "something in between may limit WebSocket messages to less than 16 KiB: show this line to its operator"},
    {1010, 1010, "the edge requires a WebSocket extension", "show this line to the edge's operator: cfpipe offers no extension"},
    {1011, 1011, "the server's connection broke off, or the edge failed", "check that the server is running, and connect again; if it stays so, tell the edge's operator"},
    {1012, 1012, "the edge's service is restarting", "connect again in a few seconds"},
    {1013, 1013, "the edge is overloaded", "wait a minute, then connect again"},
    {1014, 1014, "the edge got an invalid answer from the server behind it", "check that the server and its connector are running, and connect again"},
    {3000, 3000, "the edge requires another sign-in", "run cfpipe login with the application's URL, and connect again"},
    {3003, 3003, "the edge forbids this tunnel", "ask the application's administrator to allow you"},
    {3008, 3008, "the edge ended the tunnel after a timeout", "connect again; ssh -o ServerAliveInterval=30 keeps an idle session busy"},
    {4000, 4999, "the edge closed the tunnel with a private code", "connect again; if it stays so, ask the edge's operator what the code means"},
    {0, 65535, "the edge closed the tunnel with an unknown code", "connect again; if it stays so, show this line to the edge's operator"},
}};
// clang-format on

}  // namespace

Words words_for_close_code(std::uint16_t code) {
  const auto* row = std::find_if(kCloseCodes.begin(), kCloseCodes.end() - 1, [code](const CloseCodes& codes) {
    return codes.first <= code && code <= codes.last;
  });
  return {row->what, row->hint, kLost};
}

}  // namespace cfpipe::cli
