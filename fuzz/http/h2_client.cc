// HTTP/2 of a server, as the client hears it: answers to an ordinary request and to an extended CONNECT come
// in order and within their bounds, whatever the cuts.
#include "h2_end.h"

namespace {

using cfpipe::transport::H2Role;

/// SETTINGS that allow extended CONNECT (RFC 8441 3).
constexpr std::string_view kSettings("\0\0\6\4\0\0\0\0\0\0\10\0\0\0\1", 15);

void ask(cfpipe::fuzz::H2End& end) {
  end.session.send();
  cfpipe::fuzz::require(end.receive({kSettings}), "a server may say its settings");
  (void)end.session.request(
      {{":method", "GET"}, {":scheme", "https"}, {":authority", "vm.example.com"}, {":path", "/"}}, true);
  (void)end.session.request({{":method", "CONNECT"},
                             {":protocol", "websocket"},
                             {":scheme", "https"},
                             {":authority", "vm.example.com"},
                             {":path", "/"}},
                            false);
  end.session.send();
}

}  // namespace

// The first byte is how to cut; the second whether what follows begins the connection, or comes behind
// requests, as bytes or as frames.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cfpipe::fuzz::Input input(data, size);
  const auto plan = input.byte();
  const auto kind = input.byte() % 3;
  const auto bytes = cfpipe::fuzz::h2_bytes(input, kind == 2);
  const auto start = [kind](cfpipe::fuzz::H2End& end) {
    if (kind != 0) return ask(end);
    end.session.send();
  };
  const auto whole = cfpipe::fuzz::h2_play(H2Role::client, start, bytes, plan, true);
  const auto pieces = cfpipe::fuzz::h2_play(H2Role::client, start, bytes, plan, false);
  cfpipe::fuzz::require(!whole || !pieces || whole == pieces, "cuts change nothing");
  return 0;
}
