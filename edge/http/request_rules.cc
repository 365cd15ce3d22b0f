#include "edge/http/request_rules.h"

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/verb.hpp>
#include <utility>
#include <vector>

namespace cfpipe::edge {
namespace http = boost::beast::http;
namespace {

using boost::beast::iequals;
using transport::H2Stream;

constexpr std::string_view kScheme = "https://";

std::string_view view(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// The members of a list (RFC 9110 5.6.1) that may stand in several fields.
std::vector<std::string_view> members(const RequestHead& head, http::field name) {
  std::vector<std::string_view> out;
  const auto [begin, end] = head.equal_range(name);
  for (auto field = begin; field != end; ++field) {
    std::string_view rest = view(field->value());
    while (!rest.empty()) {
      auto one = rest.substr(0, rest.find(','));
      rest.remove_prefix(std::min(one.size() + 1, rest.size()));
      one.remove_prefix(std::min(one.find_first_not_of(" \t"), one.size()));
      one = one.substr(0, one.find_last_not_of(" \t") + 1);
      if (!one.empty()) out.push_back(one);
    }
  }
  return out;
}

bool is_chunked(std::string_view coding) {
  return iequals(coding, "chunked");
}

// How long the content is has to be beyond doubt: a proxy in front that reads it otherwise would pass on what
// it takes for content and the edge for a request (RFC 9112 6.1, 6.3, 11.2).
std::optional<RequestFault> framing_fault(const RequestHead& head, const Framing& framing) {
  if (head.count(http::field::transfer_encoding) == 0) return std::nullopt;
  if (head.version() < 11) return RequestFault{400, "Transfer-Encoding over HTTP/1.0"};
  if (head.count(http::field::content_length) > 0)
    return RequestFault{400, "both Transfer-Encoding and Content-Length"};
  const auto codings = members(head, http::field::transfer_encoding);
  if (codings.empty() || !is_chunked(codings.back()))
    return RequestFault{400, "Transfer-Encoding does not end in chunked"};
  if (std::count_if(codings.begin(), codings.end(), is_chunked) > 1)
    return RequestFault{400, "chunked twice in Transfer-Encoding"};
  if (codings.size() > 1) return RequestFault{501, "no transfer coding but chunked is supported"};
  // The parser has its own idea of the list, and it is the one that reads the content.
  if (!framing.chunked) return RequestFault{400, "Transfer-Encoding is malformed"};
  return std::nullopt;
}

std::optional<RequestFault> host_fault(const RequestHead& head) {
  const auto count = head.count(http::field::host);
  if (count == 0 && head.version() < 11) return std::nullopt;
  if (count != 1) return RequestFault{400, count == 0 ? "no Host" : "more than one Host"};
  if (!request_authority(view(head[http::field::host])))
    return RequestFault{400, "Host is not a host with or without a port"};
  return std::nullopt;
}

bool is_absolute(std::string_view target) {
  return target.size() > kScheme.size() && iequals(target.substr(0, kScheme.size()), kScheme);
}

// The authority of a target in absolute form.
std::string_view authority_of(std::string_view target) {
  const auto rest = target.substr(kScheme.size());
  return rest.substr(0, rest.find_first_of("/?#"));
}

std::optional<RequestFault> target_fault(const RequestHead& head) {
  const auto target = view(head.target());
  if (head.method() == http::verb::connect) return RequestFault{501, "CONNECT leads nowhere here"};
  if (target.find('#') != std::string_view::npos)
    return RequestFault{400, "the request target has a fragment"};
  if (target.starts_with('/')) return std::nullopt;
  if (!is_absolute(target)) return RequestFault{400, "the request target must be a path or an https URL"};
  if (!request_authority(authority_of(target)))
    return RequestFault{400, "the request target's authority is not a host with or without a port"};
  return std::nullopt;
}

bool is_continue(std::string_view expectation) {
  return iequals(expectation, "100-continue");
}

std::optional<RequestFault> expectation_fault(const RequestHead& head) {
  if (head.version() < 11) return std::nullopt;  // RFC 9110 10.1.1: ignored
  const auto all = members(head, http::field::expect);
  if (std::all_of(all.begin(), all.end(), is_continue)) return std::nullopt;
  return RequestFault{417, "no expectation but 100-continue is met"};
}

// An absurd number of digits is too many as well.
bool announces_too_much(std::string_view length) {
  constexpr std::size_t kMostDigits = 9;
  if (length.empty() || !std::all_of(length.begin(), length.end(), is_digit)) return false;
  length.remove_prefix(std::min(length.find_first_not_of('0'), length.size()));
  std::size_t bytes = 0;
  for (const char c : length.substr(0, kMostDigits)) bytes = 10 * bytes + static_cast<std::size_t>(c - '0');
  return length.size() > kMostDigits || bytes > kMaxRequestBodyBytes;
}

constexpr RequestFault kTooLarge{413, "the content is too large"};

}  // namespace

std::optional<Authority> request_authority(std::string_view text) {
  if (text.ends_with(':')) text.remove_suffix(1);
  auto parsed = Authority::parse(text);
  if (!parsed) return std::nullopt;
  return std::move(*parsed);
}

std::optional<RequestFault> fault_of(const RequestHead& head, const Framing& framing) {
  if (const auto fault = framing_fault(head, framing)) return fault;
  for (const auto rule : {host_fault, target_fault, expectation_fault}) {
    if (const auto fault = rule(head)) return fault;
  }
  if (framing.content_length.value_or(0) > kMaxRequestBodyBytes) return kTooLarge;
  return std::nullopt;
}

std::optional<RequestFault> fault_of(const H2Stream& stream) {
  if (stream.oversized()) return RequestFault{431, "the header is too large"};
  const auto authority = stream.field(":authority");
  const auto host = stream.field("host");
  if (!authority.empty() && !host.empty() && !iequals(authority, host))
    return RequestFault{400, "Host is not the authority"};
  if (!request_authority(authority.empty() ? host : authority))
    return RequestFault{400, "the authority is not a host with or without a port"};
  if (stream.field(":method") == "CONNECT" && stream.field(":protocol") != "websocket")
    return RequestFault{501, "CONNECT is supported for the protocol websocket only"};
  if (!stream.field(":path").starts_with('/')) return RequestFault{400, "the request target must be a path"};
  if (const auto expected = stream.field("expect"); !expected.empty() && !is_continue(expected))
    return RequestFault{417, "no expectation but 100-continue is met"};
  if (announces_too_much(stream.field("content-length"))) return kTooLarge;
  return std::nullopt;
}

RequestTarget target_of(const RequestHead& head) {
  const auto target = view(head.target());
  if (!is_absolute(target)) return {std::string(view(head[http::field::host])), std::string(target)};
  const auto authority = authority_of(target);
  auto rest = target.substr(kScheme.size() + authority.size());
  std::string path(rest.starts_with('/') ? "" : "/");
  path += rest;
  return {std::string(authority), std::move(path)};
}

bool expects_continue(const RequestHead& head) {
  return head.version() >= 11 && !members(head, http::field::expect).empty();
}

}  // namespace cfpipe::edge
