#include "transport/tunnel_source.h"

namespace cfpipe::transport {
namespace net = boost::asio;

struct TunnelSource::Impl {
  HttpClient& client;
};

// HTTP/1.1 serves either protocol until the edge side of HTTP/2 is there to be offered it.
TunnelSource::TunnelSource(HttpClient& client, TunnelProtocol) : impl_(new Impl{client}) {}
TunnelSource::~TunnelSource() = default;

net::awaitable<Result<std::unique_ptr<tunnel::Stream>>> TunnelSource::open(const WebSocketRequest& request) {
  co_return co_await open_websocket(impl_->client, request);
}

}  // namespace cfpipe::transport
