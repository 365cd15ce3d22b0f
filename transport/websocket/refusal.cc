#include "transport/websocket/refusal.h"

#include "transport/http/status.h"

namespace cfpipe::transport {
namespace {

constexpr std::string_view kLoginPath = "/cdn-cgi/access/login";
/// Of a request's id that is shown, in bytes.
constexpr std::size_t kMaxRay = 64;

Cause cause_of(int status) {
  switch (status) {
    case 200:
      return Cause::not_a_websocket;
    case 401:
    case 403:
      return Cause::denied;
    case 502:
    case 503:
    case 504:
    case 530:
      return Cause::origin_down;
    default:
      return unavailable(status).value_or(Cause::unexpected_status);
  }
}

}  // namespace

// The Location decides between "log in again" and "this is no SSH application".
Failure upgrade_refused(const Url& url, int status, std::string_view location, std::string_view ray,
                        std::string_view reason) {
  Failure failure(Stage::upgrade, cause_of(status), reason.empty() ? url.authority() : printable(reason));
  failure.http_status = status;
  failure.ray = printable(ray, kMaxRay);
  if (status / 100 != 3) return failure;
  failure.cause = Cause::upgrade_redirected;
  if (const auto to = resolve_url(url, location)) {
    failure.location_host = to->authority();
    if (to->path().starts_with(kLoginPath)) failure.cause = Cause::token_rejected;
  }
  return failure;
}

Failure upgrade_misanswered(const Url& url, int status, std::string_view ray, const char* fault) {
  Failure failure(Stage::upgrade, Cause::bad_accept, url.authority() + ": " + fault);
  failure.http_status = status;
  failure.ray = printable(ray, kMaxRay);
  return failure;
}

}  // namespace cfpipe::transport
