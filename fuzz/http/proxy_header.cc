// The PROXY protocol's header as a proxy sends it: what comes of it does not depend on cuts, no byte behind
// it is taken, and what is written is read back.
#include "edge/http/proxy_header.h"

#include "fuzz.h"

namespace {

using cfpipe::edge::ConnectionEnds;
using cfpipe::edge::ProxyHeaderReader;
using cfpipe::fuzz::require;

struct Read {
  std::size_t used = 0;
  bool over = false;
  std::string fault;
  std::optional<ConnectionEnds> ends;
  bool operator==(const Read&) const = default;
};

Read read(const std::vector<std::string_view>& pieces) {
  ProxyHeaderReader reader;
  Read out;
  for (const auto piece : pieces) {
    const auto taken = reader.take(piece);
    require(taken <= piece.size(), "no byte is taken that did not come");
    require(taken == piece.size() || reader.over(), "a header that is not over takes all");
    out.used += taken;
  }
  out.over = reader.over();
  if (reader.fault() != nullptr) {
    out.fault = reader.fault();
    out.used = 0;  // the connection ends
  } else if (reader.over()) {
    out.ends = reader.ends();
  }
  require(reader.take("\r\n") == 0 || !out.over, "nothing is taken behind a header");
  return out;
}

}  // namespace

// The first byte is how to cut.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cfpipe::fuzz::Input input(data, size);
  const auto plan = input.byte();
  const auto whole = read({input.rest()});
  require(whole == read(cfpipe::fuzz::cut(input.rest(), plan)), "cuts change nothing");
  require(whole.used <= cfpipe::edge::kMaxProxyHeaderBytes, "a header has a bound");
  if (!whole.ends) return 0;
  const std::string written = proxy_header(*whole.ends);
  const auto again = read({written});
  require(again.over && again.fault.empty() && again.used == written.size(), "what is written is read");
  if (again.ends) require(proxy_header(*again.ends) == written, "what is read is written as it was");
  return 0;
}
