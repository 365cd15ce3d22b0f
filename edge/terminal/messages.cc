#include "edge/terminal/messages.h"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "edge/terminal/frames.h"

namespace cfpipe::edge::terminal {
namespace json = boost::json;
namespace {

std::optional<json::object> object_of(std::string_view text) {
  return text.size() <= kMaxJsonBytes ? parse_json_object(text) : std::nullopt;
}

std::optional<std::int64_t> number(const json::object& object, std::string_view name) {
  const json::value* found = object.if_contains(name);
  if (found == nullptr || !found->is_int64() || found->get_int64() < 0) return std::nullopt;
  return found->get_int64();
}

std::optional<Size> size_of(const json::object& object) {
  const auto columns = number(object, "cols");
  const auto rows = number(object, "rows");
  if (!columns || !rows || *columns < 1 || *rows < 1 || *columns > kMaxColumns || *rows > kMaxRows)
    return std::nullopt;
  return Size{static_cast<int>(*columns), static_cast<int>(*rows)};
}

std::optional<Secret> secret_of(const json::object& object, std::string_view name) {
  if (!object.contains(name)) return std::nullopt;
  return Secret(text_of(object, name));
}

}  // namespace

std::optional<Start> read_start(std::string_view text) {
  const auto object = object_of(text);
  const auto size = object ? size_of(*object) : std::nullopt;
  if (!size) return std::nullopt;
  Start out;
  out.size = *size;
  out.user = text_of(*object, "user");
  // It becomes part of messages, and of what is sent to a server.
  if (out.user.size() > kMaxUserBytes || printable(out.user) != out.user) return std::nullopt;
  out.position = static_cast<std::uint64_t>(number(*object, "position").value_or(0));
  return out;
}

std::optional<Size> read_size(std::string_view text) {
  const auto object = object_of(text);
  return object ? size_of(*object) : std::nullopt;
}

std::optional<std::uint64_t> read_position(std::string_view text) {
  const auto object = object_of(text);
  const auto found = object ? number(*object, "position") : std::nullopt;
  if (!found) return std::nullopt;
  return static_cast<std::uint64_t>(*found);
}

std::optional<LogIn> read_log_in(std::string_view text) {
  const auto object = object_of(text);
  if (!object) return std::nullopt;
  LogIn out;
  out.password = secret_of(*object, "password");
  out.private_key = secret_of(*object, "private_key");
  out.passphrase = Secret(text_of(*object, "passphrase"));
  if (const json::value* answers = object->if_contains("answers"); answers != nullptr && answers->is_array())
    for (const json::value& answer : answers->get_array())
      out.answers.emplace_back(answer.is_string() ? std::string(answer.get_string()) : std::string());
  return out;
}

std::string connecting_event(std::string_view application, std::string_view user) {
  return json::serialize(json::object{{"event", "connecting"}, {"application", application}, {"user", user}});
}

std::string credentials_event(const std::vector<std::string>& methods, std::string_view error) {
  return json::serialize(json::object{{"event", "ask"},
                                      {"kind", "credentials"},
                                      {"methods", json::array(methods.begin(), methods.end())},
                                      {"error", error}});
}

std::string prompts_event(const InfoRequest& info_request) {
  json::array prompts;
  for (const Prompt& prompt : info_request.prompts)
    prompts.push_back(json::object{{"text", prompt.text}, {"echo", prompt.echo}});
  return json::serialize(json::object{{"event", "ask"},
                                      {"kind", "prompts"},
                                      {"name", info_request.name},
                                      {"instruction", info_request.instruction},
                                      {"prompts", std::move(prompts)}});
}

std::string opened_event(const Opened& opened) {
  return json::serialize(json::object{{"event", "open"},
                                      {"session", opened.session},
                                      {"user", opened.user},
                                      {"position", opened.position},
                                      {"end", opened.end},
                                      {"ends", opened.ends},
                                      {"host_key", opened.host_key},
                                      {"first_use", opened.first_use}});
}

std::string leaving_event(std::int64_t ends) {
  return json::serialize(json::object{{"event", "leaving"}, {"ends", ends}});
}

std::string ended_event(const Ending& ending) {
  return json::serialize(json::object{{"event", "ended"},
                                      {"code", ending.code},
                                      {"text", ending.text},
                                      {"hint", ending.hint},
                                      {"status", ending.status},
                                      {"details", ending.details}});
}

std::string files_open_event() {
  return json::serialize(json::object{{"event", "files"}, {"open", true}});
}

std::string files_closed_event(std::string_view code, std::string_view text, std::string_view hint) {
  return json::serialize(
      json::object{{"event", "files"}, {"open", false}, {"code", code}, {"text", text}, {"hint", hint}});
}

std::string position_message(std::uint64_t position) {
  return json::serialize(json::object{{"position", position}});
}

}  // namespace cfpipe::edge::terminal
