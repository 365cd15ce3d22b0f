#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "edge/config/provider_url.h"
#include "edge/monitoring/metrics.h"
#include "transport/dial/http_client.h"
#include "transport/dial/proxy_settings.h"

namespace cfpipe::edge {

/// Timeout of one request to an identity provider, from the connection to the end of the answer, and with
/// each step up to the connection. A person waits for it.
inline constexpr std::chrono::milliseconds kProviderDeadline{10'000};
inline constexpr std::chrono::milliseconds kProviderStepDeadline{5'000};
/// Lookups of the names of an identity provider's endpoints at once.
inline constexpr std::size_t kMaxProviderLookups = 16;
/// Largest answer that is taken of a provider, in bytes; a key set may be auth::kMaxJwksBytes.
inline constexpr std::size_t kMaxProviderAnswerBytes = 256 * 1024;

struct ProviderRequest {
  ProviderRequest(std::string m, ProviderUrl u) : method(std::move(m)), url(std::move(u)) {}
  std::string method;
  ProviderUrl url;
  transport::Headers headers;
  std::string body;
  std::size_t max_answer_bytes = kMaxProviderAnswerBytes;
};

/// Requests to an identity provider. Follows no redirect. Of one loop; may be destroyed while a request
/// waits, which then never ends.
class ProviderHttp {
 public:
  /// `ca_file`: whom to trust; empty: the system's authorities. `proxy`: through which https goes; null:
  /// none. A provider that is reached by http is on this machine, and never behind one.
  ProviderHttp(boost::asio::any_io_executor executor, const std::string& ca_file,
               std::shared_ptr<const transport::ProxySettings> proxy);

  /// Any status is an answer. Failures: Stage::login, Cause::unreachable, with the reason in words. `request`
  /// outlives the await.
  boost::asio::awaitable<Result<transport::HttpAnswer>> send(const ProviderRequest& request);
  /// What the requests so far have met; nothing before the first has ended.
  const std::optional<ProviderHealth>& health() const { return health_; }

 private:
  boost::asio::awaitable<Result<transport::HttpAnswer>> exchange(const ProviderRequest& request);

  std::shared_ptr<transport::HttpClient> https_;
  std::optional<ProviderHealth> health_;
};

}  // namespace cfpipe::edge
