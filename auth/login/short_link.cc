#include "auth/login/short_link.h"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <utility>
#include <variant>

#include "auth/discovery/cloudflare.h"
#include "base/json.h"

namespace cfpipe::auth {
namespace {

namespace net = boost::asio;
using namespace net::experimental::awaitable_operators;
using transport::HttpAnswer;
using transport::HttpRequest;
using transport::Url;

constexpr std::string_view kRequestPath = "/cdn-cgi/access/cli-link";
constexpr std::string_view kLinkPath = "/l/";
constexpr std::string_view kCodeCharacters = "abcdefghijklmnopqrstuvwxyz0123456789-";

Failure no_link(std::string why) {
  return {Stage::login, Cause::login_failed, std::move(why)};
}

HttpRequest link_request(const Access& access, Url auth, std::string_view page) {
  auth.target = kRequestPath;
  HttpRequest request("POST", std::move(auth));
  request.headers.emplace_back("Content-Type", "application/json");
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(access.login_timeout).count();
  request.body = boost::json::serialize(boost::json::object{{"url", page}, {"seconds", seconds}});
  request.deadline = kLinkDeadline;
  return request;
}

net::awaitable<Result<std::string>> asked(const Access& access, std::string_view auth_domain,
                                          std::string_view page) {
  auto auth = transport::parse_url(auth_domain);
  if (!auth) co_return no_link("the auth domain is not a host name");
  const HttpRequest request = link_request(access, std::move(*auth), page);
  // The request's own deadline leaves out the way there.
  net::steady_timer timer(co_await net::this_coro::executor, kLinkDeadline);
  auto answering = access.http(request.url).send(request);
  auto expiring = timer.async_wait(net::use_awaitable);
  auto either = std::move(answering) || std::move(expiring);
  const auto first = co_await std::move(either);
  const auto* answer = std::get_if<0>(&first);
  if (answer == nullptr) co_return no_link("no answer in time");
  if (!*answer) co_return answer->error();
  co_return read_short_link(**answer, auth_domain);
}

}  // namespace

bool is_short_link(std::string_view text, std::string_view auth_domain) {
  const auto url = transport::parse_url(text);
  const auto auth = transport::parse_url(auth_domain);
  if (!url || !auth || url->str() != text || url->authority() != auth->authority()) return false;
  if (!url->target.starts_with(kLinkPath)) return false;
  const std::string_view code = std::string_view(url->target).substr(kLinkPath.size());
  return !code.empty() && code.size() <= kMaxLinkCodeBytes &&
         code.find_first_not_of(kCodeCharacters) == std::string_view::npos;
}

Result<std::string> read_short_link(const HttpAnswer& answer, std::string_view auth_domain) {
  if (answer.status != 200) return no_link("status " + std::to_string(answer.status));
  if (answer.body.size() > kMaxLinkAnswerBytes) return no_link("the answer is too large");
  const auto body = parse_json_object(answer.body);
  if (!body) return no_link("the answer is not a JSON object");
  std::string link = text_of(*body, "link");
  if (!is_short_link(link, auth_domain)) return no_link("the answer has no link of the auth domain");
  return link;
}

net::awaitable<std::string> ask_short_link(const Access& access, std::string_view auth_domain,
                                           std::string_view page) {
  if (is_cloudflares(auth_domain)) co_return std::string();
  auto link = co_await asked(access, auth_domain, page);
  if (link) co_return std::move(*link);
  const Failure& why = link.error();
  access.observer.note("the login has no short link: " + why.detail);
  co_return std::string();
}

}  // namespace cfpipe::auth
