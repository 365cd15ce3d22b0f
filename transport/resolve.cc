#include "transport/resolve.h"

#include <utility>

namespace cfpipe::transport {
namespace net = boost::asio;
namespace {

bool is_localhost(std::string_view host) {
  return host == "localhost" || host.ends_with(".localhost");
}

}  // namespace

net::awaitable<Result<Endpoints>> resolve(std::string host, std::uint16_t port,
                                          std::chrono::milliseconds limit, LookupShare share) {
  if (is_localhost(host)) {
    co_return Endpoints{{net::ip::address_v4::loopback(), port}, {net::ip::address_v6::loopback(), port}};
  }
  boost::system::error_code not_literal;
  if (const auto literal = net::ip::make_address(host, not_literal); !not_literal) {
    co_return Endpoints{{literal, port}};
  }
  Lookups& lookups = share.pool ? *share.pool : Lookups::of_process();
  auto found = co_await lookups.find(std::move(host), std::move(share.owner), limit);
  if (found)
    for (auto& endpoint : *found) endpoint.port(port);
  co_return found;
}

}  // namespace cfpipe::transport
