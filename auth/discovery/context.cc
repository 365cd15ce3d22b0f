#include "auth/discovery/context.h"

#include "base/clock.h"

namespace cfpipe::auth {

void ServiceToken::add_to(transport::Headers& headers) const {
  if (!given()) return;
  headers.emplace_back("Cf-Access-Client-Id", id);
  headers.emplace_back("Cf-Access-Client-Secret", std::string(secret.reveal()));
}

std::int64_t Access::edge_now() const {
  return unix_now() + clock_offset;
}

transport::HttpClient& Access::http(const transport::Url& url) const {
  return url.host == app.host && url.port == app.port ? app_http : other_http;
}

Failure with_answer(Failure failure, const transport::HttpAnswer& answer, const transport::Url& url) {
  failure.http_status = answer.status;
  failure.ray = printable(answer.header("Cf-Ray"), 64);
  if (const auto location = answer.header("Location"); !location.empty()) {
    if (auto target = transport::resolve_url(url, location)) failure.location_host = target->host.text();
  }
  return failure;
}

}  // namespace cfpipe::auth
