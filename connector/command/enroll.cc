// `enroll`: makes a key, and has the edge take it down for a token.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/this_coro.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cstdio>
#include <utility>

#include "auth/connector/enrolment.h"
#include "auth/connector/protocol.h"
#include "base/access_headers.h"
#include "base/base64.h"
#include "base/json.h"
#include "base/platform/files.h"
#include "connector/command/commands.h"
#include "connector/command/event_loop.h"
#include "connector/config/messages.h"
#include "connector/link/attach.h"
#include "transport/dial/http_client.h"
#include "transport/http/status.h"

namespace cfpipe::connector {
namespace net = boost::asio;
namespace {

/// Longest name of this machine that the edge is told, in bytes.
constexpr std::size_t kMaxHostNameBytes = 253;
/// Longest reason of the edge's in a message, in bytes.
constexpr std::size_t kMaxReasonBytes = 200;

/// The first line of standard input.
Result<Secret> read_token() {
  if (::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1)
    std::fputs("Token, as 'cfpipe-edge connector create NAME' has printed it: ", stderr);
  std::array<char, auth::kMaxEnrolmentTokenBytes + 2> line{};
  const bool any = std::fgets(line.data(), static_cast<int>(line.size()), stdin) != nullptr;
  Secret out{std::string(any ? line.data() : "")};
  line.fill('\0');
  if (!any)
    return Failure(Stage::input, Cause::bad_option,
                   "there is no token on standard input; paste the one that `cfpipe-edge connector create "
                   "NAME` has printed");
  return out;
}

/// For the edge's list of connectors: visible ASCII.
std::string host_name() {
  std::array<char, kMaxHostNameBytes + 1> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "unknown";
  std::string out(name.data());
  for (char& c : out)
    if (c <= ' ' || c > '~') c = '-';
  return out.empty() ? "unknown" : out;
}

Failure refusal(const transport::HttpAnswer& answer, const std::string& edge) {
  const std::string reason = printable(answer.header(kReasonHeader), kMaxReasonBytes);
  const auto unavailable = transport::unavailable(answer.status);
  const bool no_token = answer.status == 403 || answer.status == 401;
  Failure out(Stage::login, unavailable.value_or(no_token ? Cause::token_rejected : Cause::unexpected_status),
              edge + (reason.empty() ? "" : ": " + reason));
  out.http_status = answer.status;
  return out;
}

/// What the edge has made of it.
net::awaitable<Result<Enrolment>> registered(const auth::EnrolmentToken& token,
                                             std::shared_ptr<const auth::ConnectorKey> key,
                                             transport::DialOptions dial) {
  Enrolment out;
  out.edge = token.edge;
  out.key = std::move(key);
  const std::string public_key = out.key->public_key();
  const std::string message = auth::enrolment_message(out.edge_name(), token.secret.reveal(), public_key);
  const boost::json::object body{{"token", token.secret.reveal()},
                                 {"key", base64url(public_key)},
                                 {"signature", base64url(out.key->sign(message))},
                                 {"host", host_name()},
                                 {"version", CFPIPE_VERSION}};
  transport::HttpRequest request("POST", edge_url(out.edge, auth::kEnrolPath));
  request.headers.emplace_back("Content-Type", "application/json");
  request.body = boost::json::serialize(body);
  transport::HttpClient client(co_await net::this_coro::executor, std::move(dial));
  const auto answer = co_await client.send(request);
  if (!answer) co_return answer.error();
  if (answer->status != 200) co_return refusal(*answer, out.edge_name());
  const auto object = parse_json_object(answer->body);
  if (object) {
    out.id = text_of(*object, "id");
    out.name = text_of(*object, "name");
  }
  if (!auth::is_connector_id(out.id) || !auth::is_connector_name(out.name))
    co_return Failure(Stage::login, Cause::metadata_invalid, out.edge_name());
  co_return out;
}

Result<auth::EnrolmentToken> token_of(const Options& options) {
  if (options.token) return auth::EnrolmentToken::parse(*options.token);
  const auto read = read_token();
  if (!read) return read.error();
  return auth::EnrolmentToken::parse(read->reveal());
}

Result<void> room_for_enrolment(const Options& options) {
  if (auto prepared = prepare_state_dir(options.state_dir); !prepared) return prepared;
  const auto there = has_enrolment(options.state_dir);
  if (!there) return there.error();
  if (!*there || options.replace) return {};
  return Failure(Stage::state, Cause::state_write_failed,
                 "there is an enrolment in " + options.state_dir + " already; --replace replaces it");
}

}  // namespace

int enroll(const Options& options) {
  if (const auto became = become_state_owner(options); !became) return complain(became.error());
  if (const auto room = room_for_enrolment(options); !room) return complain(room.error());
  const auto config = effective_config(options);
  if (!config) return complain(config.error());
  const auto dial = dial_options(*config, options);
  if (!dial) return complain(dial.error());
  const auto token = token_of(options);
  if (!token) return complain(token.error());
  const auto key = std::make_shared<const auth::ConnectorKey>(auth::ConnectorKey::generate());
  return run_to_end([&]() -> net::awaitable<int> {
    auto made = co_await registered(*token, key, *dial);
    if (!made) co_return complain(made.error());
    if (const auto saved = save_enrolment(options.state_dir, *made); !saved)
      co_return complain(saved.error());
    std::printf("enrolled at %s as %s\n", made->edge_name().c_str(), made->name.c_str());
    std::fprintf(
        stderr,
        "cfpipe-connector: next: `systemctl enable --now cfpipe-connector`, or `cfpipe-connector run`\n");
    co_return kOk;
  });
}

}  // namespace cfpipe::connector
