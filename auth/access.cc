#include "auth/access.h"

namespace cfpipe::auth {

void ServiceToken::add_to(transport::Headers& headers) const {
  if (!given()) return;
  headers.emplace_back("Cf-Access-Client-Id", id);
  headers.emplace_back("Cf-Access-Client-Secret", std::string(secret.reveal()));
}

transport::HttpClient& Access::http(const transport::Url& url) const {
  return url.host == app.host && url.port == app.port ? app_http : other_http;
}

}  // namespace cfpipe::auth
