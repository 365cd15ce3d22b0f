#include "auth/login/application_list.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <chrono>
#include <utility>

#include "auth/discovery/context.h"
#include "base/host.h"
#include "base/json.h"
#include "transport/http/status.h"

namespace cfpipe::auth {
namespace {

namespace json = boost::json;
namespace net = boost::asio;
using List = std::vector<ListedApplication>;

constexpr std::string_view kListPath = "/cdn-cgi/access/applications";
/// Deadline of the edge's answer.
constexpr std::chrono::milliseconds kListDeadline{15'000};

Failure not_a_list(const std::string& why) {
  return {Stage::http, Cause::unexpected_status, "the list of applications: " + why};
}

bool in_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool in_path(char c) {
  return in_word(c) || c == '/' || c == '.' || c == '~' || c == '*';
}

/// The name in its canonical form; nothing if it is none of an application.
std::optional<std::string> parse_name(std::string_view text) {
  if (text.size() > kMaxListedNameBytes) return std::nullopt;
  const auto slash = std::min(text.find('/'), text.size());
  const auto host = Host::parse(text.substr(0, slash), Wildcards::allowed);
  const auto path = text.substr(slash);
  if (!host || host->address() || !std::all_of(path.begin(), path.end(), in_path)) return std::nullopt;
  return host->text() + std::string(path);
}

bool flag_of(const json::object& object, std::string_view name) {
  const json::value* found = object.if_contains({name.data(), name.size()});
  return found != nullptr && found->is_bool() && found->get_bool();
}

std::optional<ListedApplication> parse_entry(const json::value& entry) {
  if (!entry.is_object()) return std::nullopt;
  const json::object& object = entry.get_object();
  auto name = parse_name(text_of(object, "hostname"));
  if (!name) return std::nullopt;
  ListedApplication out;
  out.hostname = std::move(*name);
  out.protocol = text_of(object, "protocol");
  if (out.protocol.empty() || out.protocol.size() > kMaxListedProtocolBytes ||
      !std::all_of(out.protocol.begin(), out.protocol.end(), in_word))
    return std::nullopt;
  out.terminal = flag_of(object, "terminal");
  out.certificates = flag_of(object, "short_lived_certificates");
  // Of the address only the port: which one of this machine's is listened at is not the edge's to say.
  if (const auto local = Authority::parse(text_of(object, "local")); local)
    out.local_port = local->port_or(0);
  return out;
}

}  // namespace

Result<List> parse_application_list(std::string_view body) {
  const auto object = parse_json_object(body);
  const json::value* found = object ? object->if_contains("applications") : nullptr;
  if (found == nullptr || !found->is_array()) return not_a_list("it is none");
  const json::array& entries = found->get_array();
  if (entries.size() > kMaxListedApplications)
    return Failure(Stage::http, Cause::http_too_large,
                   "a list of " + std::to_string(entries.size()) + " applications");
  List out;
  for (const json::value& entry : entries) {
    auto one = parse_entry(entry);
    if (!one) return not_a_list("entry " + std::to_string(out.size() + 1) + " is no application");
    out.push_back(std::move(*one));
  }
  return out;
}

net::awaitable<Result<std::optional<List>>> list_applications(transport::HttpClient& http,
                                                              const std::string& auth_domain,
                                                              const Secret& org_token) {
  auto url = transport::parse_url("https://" + auth_domain + std::string(kListPath));
  if (!url) co_return url.error();
  transport::HttpRequest request("GET", *url);
  request.deadline = kListDeadline;
  // Not a cookie: the edge takes none here, since browsers send theirs of their own accord.
  request.headers.emplace_back("Cf-Access-Token", std::string(org_token.reveal()));
  auto answer = co_await http.send(request);
  if (!answer) co_return answer.error();
  const auto failed = [&](Stage stage, Cause cause) {
    return with_answer(Failure(stage, cause, auth_domain), *answer, *url);
  };
  if (answer->status == 404) co_return std::optional<List>();
  if (answer->status == 401) co_return failed(Stage::token, Cause::token_rejected);
  if (answer->status / 100 == 3) co_return failed(Stage::http, Cause::redirect_refused);
  if (answer->status != 200)
    co_return failed(Stage::http, transport::unavailable(answer->status).value_or(Cause::unexpected_status));
  auto list = parse_application_list(answer->body);
  if (!list) co_return with_answer(list.error(), *answer, *url);
  co_return std::optional<List>(std::move(*list));
}

}  // namespace cfpipe::auth
