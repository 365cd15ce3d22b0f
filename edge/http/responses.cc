#include "edge/http/responses.h"

#include <boost/json/serialize.hpp>
#include <ctime>
#include <set>

#include "base/log.h"
#include "base/text.h"
#include "edge/http/terminal_bundle.h"
#include "edge/http/web_files.h"

namespace cfpipe::edge {
namespace {

Answer answer(int status, std::string_view type, std::string body) {
  Answer out;
  out.status = status;
  out.body = std::move(body);
  if (!type.empty()) out.headers.emplace_back("Content-Type", type);
  out.headers.emplace_back("Cache-Control", "no-store");
  out.headers.emplace_back("X-Content-Type-Options", "nosniff");
  out.headers.emplace_back("X-Frame-Options", "DENY");
  // Not no-referrer: with that, browsers send "Origin: null" with our own form.
  out.headers.emplace_back("Referrer-Policy", "same-origin");
  return out;
}

// Sent from where it lies, however many clients take it at once.
Answer file_answer(std::string_view type, std::string_view content) {
  Answer out = answer(200, type, {});
  out.file = content;
  return out;
}

std::string_view file_of(std::string_view name) {
  const auto found = web_files().find(name);
  return found == web_files().end() ? std::string_view() : found->second;
}

using Values = std::vector<std::pair<std::string_view, std::string>>;

/// `{{name}}` becomes the escaped value, `{{{name}}}` the value as it is; unknown names become nothing.
std::string filled(std::string_view source, const Values& values) {
  std::string out;
  while (true) {
    const std::size_t open = source.find("{{");
    out += source.substr(0, open);
    if (open == std::string_view::npos) return out;
    source.remove_prefix(open);
    const bool raw = source.starts_with("{{{");
    const std::string_view end = raw ? "}}}" : "}}";
    const std::size_t close = source.find(end);
    if (close == std::string_view::npos) return out;
    const std::string_view name = source.substr(raw ? 3 : 2, close - (raw ? 3 : 2));
    for (const auto& [key, value] : values)
      if (key == name) out += raw ? value : html_escape(value);
    source.remove_prefix(close + end.size());
  }
}

}  // namespace

Answer plain(int status, std::string text) {
  Answer answer;
  answer.status = status;
  answer.headers.emplace_back("Content-Type", "text/plain; charset=utf-8");
  answer.body = std::move(text) + "\n";
  return answer;
}

Answer text_answer(int status, std::string_view line) {
  return answer(status, "text/plain; charset=utf-8", std::string(line) + "\n");
}

Answer json_answer(int status, const boost::json::object& content) {
  return answer(status, "application/json", boost::json::serialize(content));
}

Answer json_refusal(int status, std::string_view message) {
  return json_answer(status, {{"status", status}, {"message", message}});
}

Answer redirect_answer(std::string url) {
  Answer out = answer(302, {}, {});
  out.headers.emplace_back("Location", std::move(url));
  return out;
}

Answer method_not_allowed(std::string_view allow) {
  Answer out = text_answer(405, "method not allowed");
  out.headers.emplace_back("Allow", allow);
  return out;
}

std::string filled_page(std::string_view file, const Values& values) {
  return filled(file_of(file), values);
}

Answer page_answer(int status, const Page& page) {
  const Values outer{{"title", std::string(page.title)},
                     {"head", page.closes_itself ? "<script src=\"/cdn-cgi/access/close.js\"></script>" : ""},
                     {"body", filled_page(page.file, page.values)}};
  Answer out = answer(status, "text/html; charset=utf-8", filled_page("layout.html", outer));
  std::string policy =
      "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
      "form-action 'self'";
  if (!page.form_target.empty()) policy += " " + page.form_target;
  if (page.closes_itself) policy += "; script-src 'self'";
  out.headers.emplace_back("Content-Security-Policy", policy);
  return out;
}

Answer document_answer(int status, const Document& document) {
  Answer out = answer(status, "text/html; charset=utf-8", filled_page(document.file, document.values));
  out.headers.emplace_back("Content-Security-Policy", document.policy);
  return out;
}

std::string link_html(const Link& link) {
  if (link.url.empty()) return {};
  return "<p><a class=\"button\" href=\"" + html_escape(link.url) + "\">" + html_escape(link.text) +
         "</a></p>";
}

Answer message_page(int status, std::string_view title, std::string_view text, std::string_view hint,
                    const Link& link) {
  Page page;
  page.file = "message.html";
  page.title = title;
  page.values = {{"text", std::string(text)}, {"hint", std::string(hint)}, {"link", link_html(link)}};
  return page_answer(status, page);
}

Answer nothing_here(const Link& link) {
  return message_page(404, "Not found", "There is no page at this address.", {}, link);
}

Answer nothing_here(std::string text) {
  return nothing_here(Link{std::move(text), "/"});
}

Answer state_trouble(const Failure& failure) {
  spdlog::error("state: {}", failure.detail);
  return message_page(503, "Not available", "This edge cannot reach its state.", "Try again in a moment.");
}

namespace {

// Its address changes with its content, so a browser need not ask for it twice.
Answer terminal_answer(const Request& request, const TerminalFile& file, std::string_view type) {
  const std::string_view taken = request.header("Accept-Encoding");
  const bool gzip = taken.find("gzip") != std::string_view::npos && !file.gzip.empty();
  Answer out = file_answer(type, gzip ? file.gzip : file.plain);
  if (gzip) out.headers.emplace_back("Content-Encoding", "gzip");
  out.headers.emplace_back("Vary", "Accept-Encoding");
  if (request.query_value("v") != file.version) return out;
  for (auto& [name, value] : out.headers)
    if (name == "Cache-Control") value = "private, max-age=31536000, immutable";
  return out;
}

}  // namespace

Answer asset_answer(const Request& request, std::string_view name) {
  constexpr std::string_view kCss = "text/css; charset=utf-8";
  constexpr std::string_view kScript = "text/javascript; charset=utf-8";
  if (name == "icon.svg") return file_answer("image/svg+xml", file_of(name));
  const std::string_view type = name.ends_with(".css") ? kCss : kScript;
  static const std::set<std::string_view> kFiles{"style.css",
                                                 "close.js",
                                                 "dashboard.css",
                                                 "dashboard.js",
                                                 "dashboard_address.js",
                                                 "dashboard_applications.js",
                                                 "dashboard_audit.js",
                                                 "dashboard_columns.js",
                                                 "dashboard_connectors.js",
                                                 "dashboard_export.js",
                                                 "dashboard_follow.js",
                                                 "dashboard_list.js",
                                                 "dashboard_own.js",
                                                 "dashboard_parts.js",
                                                 "dashboard_rows.js",
                                                 "dashboard_views.js"};
  if (kFiles.contains(name)) return file_answer(type, file_of(name));
  if (const auto file = terminal_file(name)) return terminal_answer(request, *file, type);
  return text_answer(404, "not found");
}

std::string date_now() {
  return http_date(std::time(nullptr));
}

void set_cookie(Answer& answer, std::string_view name, std::string_view value, std::int64_t expires,
                std::string_view path) {
  std::string cookie(name);
  cookie.append("=").append(value).append("; Path=").append(path);
  cookie.append("; Expires=").append(http_date(expires)).append("; HttpOnly; Secure; SameSite=Lax");
  answer.headers.emplace_back("Set-Cookie", std::move(cookie));
}

void clear_cookie(Answer& answer, std::string_view name, std::string_view path) {
  set_cookie(answer, name, {}, 0, path);
}

}  // namespace cfpipe::edge
