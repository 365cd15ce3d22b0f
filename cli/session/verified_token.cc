#include "cli/session/verified_token.h"

#include "auth/discovery/discovery.h"
#include "auth/login/login.h"
#include "auth/login/token_cache.h"
#include "auth/token/sealed_box.h"

namespace cfpipe::cli {

namespace net = boost::asio;

net::awaitable<Result<bool>> edge_takes(const Session& session, const Secret& token) {
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

net::awaitable<Result<bool>> people_sign_in(const auth::Access& access, const auth::Application& app) {
  const auth::TransferReceiver unused;
  const auto page = transport::parse_url(auth::login_page(access.app, app.aud, unused.public_key(), false));
  if (!page) co_return page.error();
  const transport::HttpRequest request("GET", *page);
  const auto answer = co_await access.app_http.send(request);
  if (!answer) co_return answer.error();
  co_return answer->status != 403;
}

net::awaitable<Result<Secret>> verified_token(const Session& session) {
  const auto& access = session.access();
  auto found = co_await auth::find_application(access);
  if (!found) co_return found.error();
  const bool open = found->open && !access.service_token.given();
  const auto app = std::move(found->app);
  if (open) {
    const auto possible = co_await people_sign_in(access, app);
    if (!possible) co_return possible.error();
    if (!*possible) co_return Secret();
  }
  for (bool again = true;; again = false) {
    auto token = co_await auth::obtain_app_token(access, app);
    if (!token) co_return token.error();
    auto good = co_await edge_takes(session, *token);
    if (!good) co_return good.error();
    if (*good) co_return std::move(*token);
    if (!again) co_return Failure(Stage::login, Cause::token_rejected);
    auto dropped = auth::drop_app_token(session.state(), app, *token);
    if (!dropped) co_return dropped.error();
  }
}

}  // namespace cfpipe::cli
