// HTTP/2 of a client, as the edge hears it: streams come in order and within their bounds, whatever the cuts.
#include "h2_end.h"

namespace {

using cfpipe::transport::H2Role;

constexpr std::string_view kMagic = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::string_view kSettings("\0\0\0\4\0\0\0\0\0", 9);

}  // namespace

// The first byte is how to cut; the second whether what follows begins the connection, or comes behind a
// proper beginning, as bytes or as frames.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cfpipe::fuzz::Input input(data, size);
  const auto plan = input.byte();
  const auto kind = input.byte() % 3;
  const auto bytes = cfpipe::fuzz::h2_bytes(input, kind == 2);
  const auto start = [kind](cfpipe::fuzz::H2End& end) {
    end.session.send();
    if (kind != 0) end.receive({kMagic, kSettings});
  };
  const auto whole = cfpipe::fuzz::h2_play(H2Role::server, start, bytes, plan, true);
  const auto pieces = cfpipe::fuzz::h2_play(H2Role::server, start, bytes, plan, false);
  cfpipe::fuzz::require(!whole || !pieces || whole == pieces, "cuts change nothing");
  return 0;
}
