#include "site.h"

#include <algorithm>

namespace edge_mock {
namespace {

constexpr std::size_t kHugeHeaderBytes = 256 * 1024;

/// Whether the host part of an application's name covers the host.
bool is_of_host(const std::string& app, const std::string& host) {
  std::string name = app.substr(0, app.find('/'));
  if (name.rfind("*.", 0) != 0) return name == host;
  std::string tail = name.substr(1);
  return host.size() > tail.size() && host.compare(host.size() - tail.size(), tail.size(), tail) == 0;
}

bool concerns(const std::string& scope, const Request& request, bool upgrade) {
  if (scope.empty()) return true;
  if (scope == "upgrade") return upgrade;
  return !upgrade && request.path.rfind(scope, 0) == 0;
}

}  // namespace

Answer plain_answer(int status, std::string text) {
  Answer answer;
  answer.status = status;
  answer.body = std::move(text);
  answer.type = "text/plain; charset=utf-8";
  return answer;
}

Answer json_answer(int status, std::string text) {
  Answer answer = plain_answer(status, std::move(text));
  answer.type = "application/json";
  return answer;
}

Answer redirect(std::string location) {
  Answer answer;
  answer.status = 302;
  answer.headers.emplace_back("Location", std::move(location));
  return answer;
}

std::optional<std::string> path_tail(const std::string& path, std::string_view prefix) {
  if (path.rfind(prefix, 0) != 0) return std::nullopt;
  return path.substr(prefix.size());
}

std::string make_cookie(const std::string& name, const std::string& value, std::int64_t expires) {
  return name + "=" + value + "; Expires=" + http_date(expires) + "; Path=/; Secure; HttpOnly; SameSite=None";
}

bool Site::is_app(const std::string& host) const {
  return std::any_of(options_.hosts.begin(), options_.hosts.end(),
                     [&](const std::string& app) { return is_of_host(app, host); });
}

std::string Site::app_of_aud(const std::string& host, const std::string& aud) const {
  for (const std::string& app : options_.hosts)
    if (is_of_host(app, host) && aud_of(app) == aud) return app;
  return {};
}

std::string Site::app_of(const Request& request) const {
  std::string found;
  const bool own_page = request.path.rfind("/cdn-cgi/", 0) == 0;
  if (own_page) found = app_of_aud(request.host, value_of(request.query, "aud"));
  if (!found.empty()) return found;
  for (const std::string& app : options_.hosts) {
    std::size_t slash = std::min(app.find('/'), app.size());
    std::string path = app.substr(slash);
    bool below = own_page || request.path == path || request.path.rfind(path + "/", 0) == 0;
    if (is_of_host(app, request.host) && below && app.size() > found.size()) found = app;
  }
  return found;
}

std::optional<Answer> Site::http_fault(const Request& request, bool upgrade) const {
  if (faults_.on("not-access") && request.host != options_.auth_host)
    return plain_answer(404, "an ordinary page, and not this one\n");
  Answer answer = plain_answer(200, "huge\n");
  if (faults_.on("http-hang") && concerns(faults_.text("http-hang"), request, upgrade)) {
    answer.hang = true;
    return answer;
  }
  if (faults_.on("hang-up") && concerns(faults_.text("hang-up"), request, upgrade)) {
    answer.hang_up = true;
    return answer;
  }
  if (faults_.on("garbage-answer") && concerns(faults_.text("garbage-answer"), request, upgrade)) {
    answer.raw = "\x16\x03 garbage, not HTTP\r\n\r\n\xff\xfe";
    return answer;
  }
  if (faults_.on("huge-header") && concerns(faults_.text("huge-header"), request, upgrade)) {
    answer.headers.emplace_back("X-Huge", std::string(kHugeHeaderBytes, 'h'));
    return answer;
  }
  return std::nullopt;
}

void Site::handle(const Request& request, const Reply& reply) {
  if (std::optional<Answer> fault = http_fault(request, false)) {
    reply(*fault);
  } else if (request.host == options_.auth_host) {
    auth(request, reply);
  } else if (!app_of(request).empty()) {
    app(request, reply);
  } else {
    reply(plain_answer(404, "no application of that name here\n"));
  }
}

std::optional<Answer> Site::refuse_upgrade(const Request& request) {
  if (std::optional<Answer> fault = http_fault(request, true)) return fault;
  if (app_of(request).empty()) return plain_answer(404, "no application of that name here\n");
  if (faults_.on("upgrade-hang")) {
    Answer answer;
    answer.hang = true;
    return answer;
  }
  if (faults_.on("upgrade-status")) {
    int status = static_cast<int>(faults_.number("upgrade-status"));
    Answer answer = plain_answer(status, "error code: " + std::to_string(status) + "\n");
    if (status >= 300 && status < 400)
      answer.headers.emplace_back("Location", "https://elsewhere.localhost/");
    return answer;
  }
  if (!visitor(request) || faults_.spend("reject-token")) return to_login(request);
  if (faults_.on("bad-accept")) {
    Answer answer;
    answer.raw =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Cf-Ray: 0000000000000000-TST\r\nSec-WebSocket-Accept: bm90IHRoZSByaWdodCBhbnN3ZXI=\r\n\r\n";
    answer.status = 101;
    return answer;
  }
  return std::nullopt;
}

}  // namespace edge_mock
