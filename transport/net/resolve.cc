#include "transport/net/resolve.h"

#include <utility>

namespace cfpipe::transport {
namespace net = boost::asio;

net::awaitable<Result<Endpoints>> resolve(Host host, std::uint16_t port, std::chrono::milliseconds limit,
                                          LookupShare share) {
  if (host.address()) co_return Endpoints{{*host.address(), port}};
  if (host.is_localhost_name()) {
    co_return Endpoints{{net::ip::address_v4::loopback(), port}, {net::ip::address_v6::loopback(), port}};
  }
  if (host.text().ends_with(".invalid")) co_return Failure(Stage::dns, Cause::name_not_found, host.text());
  Lookups& lookups = share.pool ? *share.pool : Lookups::of_process();
  auto found = co_await lookups.find(host.text(), std::move(share.owner), limit);
  if (found)
    for (auto& endpoint : *found) endpoint.port(port);
  co_return found;
}

}  // namespace cfpipe::transport
