#include "cli/verified_token.h"

#include "auth/discovery.h"
#include "auth/login.h"
#include "auth/token_cache.h"

namespace cfpipe::cli {

namespace net = boost::asio;
using transport::Cause;
using transport::Failure;
using transport::Stage;

net::awaitable<Result<bool>> edge_takes(const Session& session, const auth::Secret& token) {
  const auto& access = session.access();
  transport::HttpRequest request("HEAD", access.app);
  request.headers.emplace_back("Cf-Access-Token", std::string(token.reveal()));
  auto answer = co_await access.app_http.send(request);
  if (!answer) co_return answer.error();
  const auto location = transport::resolve_url(access.app, answer->header("Location"));
  const bool to_login = answer->status >= 300 && answer->status < 400 && location &&
                        location->path().starts_with("/cdn-cgi/access/login");
  co_return !to_login;
}

net::awaitable<Result<auth::Secret>> verified_token(const Session& session) {
  auto app = co_await auth::discover(session.access());
  if (!app) co_return app.error();
  for (bool again = true;; again = false) {
    auto token = co_await auth::obtain_app_token(session.access(), *app);
    if (!token) co_return token.error();
    auto good = co_await edge_takes(session, *token);
    if (!good) co_return good.error();
    if (*good) co_return std::move(*token);
    if (!again) co_return Failure(Stage::login, Cause::token_rejected);
    auto dropped = auth::drop_app_token(session.state(), *app, *token);
    if (!dropped) co_return dropped.error();
  }
}

}  // namespace cfpipe::cli
