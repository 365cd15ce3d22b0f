#include "edge/http/client_source.h"

#include "base/host.h"
#include "base/log.h"
#include "edge/http/forwarded.h"
#include "edge/http/responses.h"

namespace cfpipe::edge {
namespace net = boost::asio;
namespace {

constexpr const char* kByTls = "this host is reached by https alone";
constexpr const char* kNoClient = "the proxy does not say who the client is";

/// Nothing that a client has sent in the clear is acted on.
Answer to_https(const Request& request) {
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (!reads || request.authority.empty()) return plain(403, kByTls);
  Answer answer = plain(308, kByTls);
  answer.headers.emplace_back("Location", "https://" + request.authority + request.path +
                                              (request.query.empty() ? "" : "?" + request.query));
  return answer;
}

}  // namespace

std::optional<Answer> name_client(Request& request, const ClientSource& source, OccasionalLine& faults) {
  const Host peer(source.ends.client.address());
  request.peer = peer.text();
  if (!source.proxies) {
    if (source.encrypted || peer.is_this_machine()) return std::nullopt;
    return plain(403, "plain HTTP is for proxies that trusted_proxies names");
  }
  const auto refused = [&](const std::string& fault) {
    if (const auto count = faults.count())
      spdlog::warn(
          "requests of trusted proxies refused because of their headers: {}, the last one from {} ({})",
          *count, peer.address()->is_unspecified() ? "the Unix-domain socket" : request.peer, fault);
    return plain(400, fault);
  };
  ForwardedClient client{*peer.address(), true};
  if (!source.proxies->proxy_protocol) {
    auto said = forwarded_client(request.headers, *source.proxies, *peer.address());
    if (const auto* fault = std::get_if<std::string>(&said)) return refused(*fault);
    client = std::get<ForwardedClient>(said);
  }
  // A rule that keeps an address out must not be passed by a client that has none.
  if (client.address.is_unspecified()) return refused(kNoClient);
  if (source.proxies->proxy_protocol) return std::nullopt;
  request.peer = Host(client.address).text();
  if (!client.encrypted) return to_https(request);
  // RFC 8470 5.1: it may be a replay, which the proxy alone could tell.
  if (request.header("Early-Data") == "1") return plain(425, "this may be a replay: send it again");
  return std::nullopt;
}

ConnectionEnds ends_for(const Request& request, const ClientSource& source) {
  if (request.peer == Host(source.ends.client.address()).text()) return source.ends;
  boost::system::error_code error;
  const auto client = net::ip::make_address(request.peer, error);
  return {{client, 0}, source.ends.edge};
}

}  // namespace cfpipe::edge
