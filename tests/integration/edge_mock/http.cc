#include <array>

#include "server.h"

namespace edge_mock {
namespace {

constexpr std::size_t kMaxHeaderValue = 16 * 1024;
constexpr std::array kMethods{"GET", "POST", "OPTIONS", "PUT", "PATCH", "DELETE", "CONNECT", "HEAD"};

/// The headers that anything here, or a test reading the log, is interested in.
constexpr std::array kHeaders{"cf-access-token",
                              "cf-access-client-id",
                              "cf-access-client-secret",
                              "cf-access-metadata-request",
                              "cf-access-jump-destination",
                              "x-note"};

std::string known_header(lws* wsi, lws_token_indexes token) {
  int length = lws_hdr_total_length(wsi, token);
  if (length <= 0 || static_cast<std::size_t>(length) > kMaxHeaderValue) return {};
  std::string value(static_cast<std::size_t>(length) + 1, '\0');
  int copied = lws_hdr_copy(wsi, value.data(), length + 1, token);
  value.resize(copied < 0 ? 0 : static_cast<std::size_t>(copied));
  return value;
}

std::string custom_header(lws* wsi, const std::string& name) {
  std::string key = name + ":";
  int length = lws_hdr_custom_length(wsi, key.c_str(), static_cast<int>(key.size()));
  if (length <= 0 || static_cast<std::size_t>(length) > kMaxHeaderValue) return {};
  std::string value(static_cast<std::size_t>(length) + 1, '\0');
  int copied = lws_hdr_custom_copy(wsi, value.data(), length + 1, key.c_str(), static_cast<int>(key.size()));
  value.resize(copied < 0 ? 0 : static_cast<std::size_t>(copied));
  return value;
}

/// lws hands the parameters out one by one, decoded.
Pairs read_query(lws* wsi) {
  Pairs query;
  std::string item(kMaxHeaderValue, '\0');
  for (int n = 0;
       lws_hdr_copy_fragment(wsi, item.data(), static_cast<int>(item.size()), WSI_TOKEN_HTTP_URI_ARGS, n) > 0;
       ++n) {
    std::string_view text(item.c_str());
    std::size_t equals = text.find('=');
    query.emplace_back(text.substr(0, equals),
                       equals == std::string_view::npos ? "" : text.substr(equals + 1));
  }
  return query;
}

const char* phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 302:
      return "Found";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 429:
      return "Too Many Requests";
    case 500:
      return "Internal Server Error";
    case 502:
      return "Bad Gateway";
    default:
      return "Status";
  }
}

}  // namespace

Request read_request(lws* wsi) {
  Request request;
  char* uri = nullptr;
  int length = 0;
  int method = lws_http_get_uri_and_method(wsi, &uri, &length);
  if (method >= 0 && static_cast<std::size_t>(method) < kMethods.size())
    request.method = kMethods[static_cast<std::size_t>(method)];
  if (uri) request.path.assign(uri, static_cast<std::size_t>(length));
  std::string host = lower(known_header(wsi, WSI_TOKEN_HOST));
  request.host = host.substr(0, host.find(':'));
  request.query = read_query(wsi);
  for (const char* name : kHeaders) {
    std::string value = custom_header(wsi, name);
    if (!value.empty()) request.headers.emplace_back(name, value);
  }
  request.headers.emplace_back("user-agent", known_header(wsi, WSI_TOKEN_HTTP_USER_AGENT));
  request.cookies = parse_cookies(known_header(wsi, WSI_TOKEN_HTTP_COOKIE));
  return request;
}

std::int64_t body_length(lws* wsi) {
  std::string text = known_header(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH);
  return text.empty() ? -1 : std::atoll(text.c_str());
}

std::string serialize(const Answer& answer, const Request& request, const std::string& ray, bool close) {
  std::string out = "HTTP/1.1 " + std::to_string(answer.status) + " " + phrase(answer.status) + "\r\n";
  out += "Date: " + http_date(unix_now()) + "\r\n";
  out += "Server: edge_mock\r\nCf-Ray: " + ray + "\r\n";
  out += "Content-Type: " + answer.type + "\r\n";
  out += "Content-Length: " + std::to_string(answer.body.size()) + "\r\n";
  out += "Cache-Control: no-store\r\n";
  if (close) out += "Connection: close\r\n";
  for (const auto& [name, value] : answer.headers) out += name + ": " + value + "\r\n";
  out += "\r\n";
  if (request.method != "HEAD") out += answer.body;
  return out;
}

}  // namespace edge_mock
