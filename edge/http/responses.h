#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "edge/http/request.h"

namespace cfpipe::edge {

/// A line of text for a program, without headers that only browsers look at.
Answer plain(int status, std::string text);

/// All that follow are `no-store`, `nosniff` and unframeable.
Answer text_answer(int status, std::string_view line);
Answer json_answer(int status, const boost::json::object& content);
/// `{"status":N,"message":…}`, what clients of cert_sign expect of a refusal.
Answer json_refusal(int status, std::string_view message);
Answer redirect_answer(std::string url);
Answer method_not_allowed(std::string_view allow);

/// One of edge/web with its values filled in, HTML-escaped where `{{name}}` stands and as it is where
/// `{{{name}}}` does.
std::string filled_page(std::string_view file,
                        const std::vector<std::pair<std::string_view, std::string>>& values);
/// The same, inside the layout.
struct Page {
  std::string_view file;
  std::string_view title;
  std::vector<std::pair<std::string_view, std::string>> values;
  std::string form_target;  ///< origin that a form's answer redirects to, besides this one
  bool closes_itself = false;
};
Answer page_answer(int status, const Page& page);
/// One of edge/web that is a whole document, under a Content-Security-Policy of its own.
struct Document {
  std::string_view file;
  std::vector<std::pair<std::string_view, std::string>> values;
  std::string policy;
};
Answer document_answer(int status, const Document& document);
/// Where a person goes on from a page.
struct Link {
  std::string text;
  std::string url;  ///< https, or a path of the same host; empty: there is no link
};
/// HTML of it, drawn as a button; empty for none.
std::string link_html(const Link& link);
Answer message_page(int status, std::string_view title, std::string_view text, std::string_view hint = {},
                    const Link& link = {});
/// 404, with a link of that text to the host's own page, or with that link.
Answer nothing_here(std::string text);
Answer nothing_here(const Link& link);
/// 503 for a failure of the state, which the log gets.
Answer state_trouble(const Failure& failure);
/// A style or script of edge/web, or what the terminal's page is made of; 404 for anything else.
Answer asset_answer(const Request& request, std::string_view name);

/// What the `Date` of an answer that is sent now says.
std::string date_now();

/// Host-only, HttpOnly, Secure, SameSite=Lax.
void set_cookie(Answer& answer, std::string_view name, std::string_view value, std::int64_t expires,
                std::string_view path = "/");
void clear_cookie(Answer& answer, std::string_view name, std::string_view path = "/");

}  // namespace cfpipe::edge
