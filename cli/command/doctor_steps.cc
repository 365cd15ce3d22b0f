#include "cli/command/doctor_steps.h"

#include <fmt/format.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <optional>

#include "auth/certificate/key_files.h"
#include "auth/certificate/signing.h"
#include "auth/certificate/user_certificate.h"
#include "auth/certificate/user_key.h"
#include "auth/login/login.h"
#include "auth/login/org_exchange.h"
#include "auth/login/token_cache.h"
#include "base/clock.h"
#include "cli/session/identity.h"
#include "cli/session/verified_token.h"
#include "transport/websocket/client.h"

namespace cfpipe::cli {
namespace {

namespace net = boost::asio;
using tunnel::IoStatus;
using Clock = std::chrono::steady_clock;

/// Timeout for a server's first line.
constexpr std::chrono::milliseconds kBannerDeadline{10'000};
/// Bytes of it that are read, the lines that may come before it included.
constexpr std::size_t kMaxBannerBytes = 8 * 1024;
/// What is shown of it.
constexpr std::size_t kShownBanner = 100;
/// Where a certificate was, in words.
constexpr std::string_view kOnDisk = "in the state directory";

/// The cached token, or one for the cached org token, kept as a connect would keep it.
net::awaitable<Result<Secret>> present_token(const auth::Access& access, const auth::Application& app) {
  auto cached = auth::cached_app_token(access.state, app, unix_now());
  if (!cached) co_return cached.error();
  if (*cached) co_return std::move(**cached);
  const Failure missing(Stage::token, Cause::token_missing, app.app_hostname);
  auto org_token = auth::cached_org_token(access.state, app, unix_now());
  if (!org_token) co_return org_token.error();
  if (!*org_token) co_return missing;
  auto token = co_await auth::exchange_org_token(access, app, **org_token);
  if (!token) co_return token.error();
  if (!*token) co_return missing;
  if (auto kept = auth::keep_app_token(access.state, app, **token, unix_now()); !kept) co_return kept.error();
  co_return std::move(**token);
}

/// Until there is something to read. False: not before the deadline.
net::awaitable<bool> readable(tunnel::Stream& stream, Clock::time_point deadline) {
  const auto timer = std::make_shared<net::steady_timer>(co_await net::this_coro::executor, deadline);
  stream.on_readable([timer] { timer->cancel(); });
  const auto [woken] = co_await timer->async_wait(net::as_tuple(net::use_awaitable));
  co_return woken == net::error::operation_aborted;
}

/// The first whole line that is a server's version; lines of other text may come before it (RFC 4253 4.2).
std::optional<std::string> version_line(std::string_view text) {
  for (;;) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    const auto line = text.substr(0, end);
    if (line.starts_with("SSH-")) return printable(line.substr(0, line.find('\r')), kShownBanner);
    text.remove_prefix(end + 1);
  }
}

net::awaitable<Result<std::string>> read_version(tunnel::Stream& stream, const std::string& where) {
  const auto deadline = Clock::now() + kBannerDeadline;
  std::string text;
  const auto given_up = [&] {
    if (text.empty()) return Failure(Stage::tunnel, Cause::origin_silent, where);
    const bool shut_out =
        text.starts_with("Not allowed at this time") || text.starts_with("Exceeded MaxStartups");
    const Cause cause = shut_out ? Cause::ssh_shuts_out : Cause::not_ssh;
    return Failure(Stage::tunnel, cause, printable(text, kShownBanner));
  };
  for (;;) {
    const auto status = stream.fill();
    if (status == IoStatus::eof || status == IoStatus::failed) {
      if (!text.empty()) co_return given_up();
      const auto detail = stream.end_detail();
      Failure lost(Stage::tunnel, Cause::lost,
                   detail.empty() ? where + ": it ended before the server had said a word" : detail);
      lost.close_code = stream.peer_close_code();
      co_return lost;
    }
    if (status == IoStatus::ok) {
      for (const auto& slice : stream.ready())
        text.append(reinterpret_cast<const char*>(slice.data()), slice.size());
      while (!stream.ready().empty()) stream.consume(stream.ready().front().size());
      if (auto line = version_line(text)) co_return std::move(*line);
      if (text.size() > kMaxBannerBytes) co_return given_up();
      continue;
    }
    if (!co_await readable(stream, deadline)) co_return given_up();
  }
}

std::string words_of_key(const auth::SshKey& key) {
  return fmt::format("an {} key", key_type_word(key.type()));
}

net::awaitable<Result<FoundCertificate>> signed_now(const Session& session, const Secret& token,
                                                    std::string blob, std::string key) {
  auto certificate = co_await auth::sign_key(session.access(), token, std::move(blob));
  if (!certificate) co_return certificate.error();
  co_return FoundCertificate{std::move(certificate->fields), std::move(key), "signed just now"};
}

/// Over the key that --key names in the block.
net::awaitable<Result<FoundCertificate>> certificate_of_user_key(const Session& session,
                                                                 const Options& options,
                                                                 const Secret& token) {
  const auto executor = co_await net::this_coro::executor;
  auto key = co_await auth::find_user_key(executor, options.key, auth::user_agent_socket());
  if (!key) co_return key.error();
  const std::string words = "your own key";
  if (!options.key_in_memory) {
    const auth::UserCertificate files(session.state(), options.url.host.text(), key_path(options.url));
    auto loaded = files.load(key->blob, unix_now());
    if (!loaded) co_return loaded.error();
    if (*loaded) co_return FoundCertificate{std::move((*loaded)->fields), words, kOnDisk};
  }
  co_return co_await signed_now(session, token, key->blob, words);
}

}  // namespace

std::string duration_text(std::int64_t seconds) {
  struct Unit {
    std::int64_t seconds;
    const char* name;
  };
  static constexpr std::array<Unit, 3> kUnits{{{86'400, "days"}, {3'600, "hours"}, {60, "minutes"}}};
  for (const auto& unit : kUnits) {
    if (seconds >= 2 * unit.seconds) return fmt::format("{} {}", seconds / unit.seconds, unit.name);
  }
  return fmt::format("{} seconds", seconds);
}

std::string principals_text(const auth::CertFields& certificate) {
  std::string text;
  for (const auto& principal : certificate.principals)
    text += (text.empty() ? "" : ", ") + printable(principal);
  return text.empty() ? "no user name" : text;
}

net::awaitable<Result<Secret>> token_without_login(const Session& session, const auth::Application& app) {
  const auto& access = session.access();
  // With a service token this is no login, and its token was made just now.
  if (access.service_token.given()) co_return co_await auth::obtain_app_token(access, app);
  auto token = co_await present_token(access, app);
  if (!token) co_return token.error();
  const auto taken = co_await edge_takes(session, *token);
  if (!taken) co_return taken.error();
  if (!*taken) co_return Failure(Stage::token, Cause::token_rejected, app.app_hostname);
  co_return std::move(*token);
}

net::awaitable<Result<FoundCertificate>> certificate_for(const Session& session, const Options& options,
                                                         const auth::Application& app, const Secret& token) {
  if (!options.key.empty()) co_return co_await certificate_of_user_key(session, options, token);
  if (options.key_in_memory) {
    const auto key = auth::SshKey::generate(memory_key_type(options, &app));
    co_return co_await signed_now(session, token, key.public_blob(), words_of_key(key));
  }
  const auth::KeyFiles files(session.state(), options.url.host.text(), key_path(options.url));
  auto pair = files.load(unix_now(), options.key_type);
  if (!pair) co_return pair.error();
  if (*pair)
    co_return FoundCertificate{std::move((*pair)->certificate.fields), words_of_key((*pair)->key), kOnDisk};
  const auto key = auth::key_to_certify(files, options.key_type);
  if (!key) co_return key.error();
  co_return co_await signed_now(session, token, key->public_blob(), words_of_key(*key));
}

net::awaitable<Result<std::string>> read_banner(Session& session, const Options& options,
                                                const Secret* token) {
  transport::WebSocketRequest request(options.url);
  request.headers = options.headers;
  request.deadline = options.deadlines.upgrade;
  const auto& service_token = session.access().service_token;
  service_token.add_to(request.headers);
  if (token != nullptr && !service_token.given())
    request.headers.emplace_back("Cf-Access-Token", std::string(token->reveal()));
  auto stream = co_await transport::open_websocket(session.app_http(), request);
  if (!stream) co_return stream.error();
  auto line = co_await read_version(**stream, options.url.authority());
  (*stream)->finish();
  co_return line;
}

}  // namespace cfpipe::cli
