#include "cli/session/in_band.h"

#include <functional>
#include <utility>

#include "base/log.h"
#include "tunnel/forwarding_stream.h"
#include "tunnel/preamble.h"

namespace cfpipe::cli {
namespace net = boost::asio;
using Clock = std::chrono::steady_clock;
using StreamPtr = std::unique_ptr<tunnel::Stream>;
namespace {

/// Looks at the first bytes that come.
class WatchedStream final : public tunnel::ForwardingStream {
 public:
  WatchedStream(StreamPtr tunnel, std::function<void()> seen)
      : ForwardingStream(std::move(tunnel)), seen_(std::move(seen)) {}

  tunnel::IoStatus fill() override {
    const auto status = inner().fill();
    if (!seen_ || status != tunnel::IoStatus::ok) return status;
    const tunnel::Slice first = inner().ready().front();
    if (tunnel::looks_announced({reinterpret_cast<const char*>(first.data()), first.size()})) seen_();
    seen_ = nullptr;
    return status;
  }

 private:
  std::function<void()> seen_;
};

}  // namespace

InBandResume::InBandResume(net::any_io_executor executor, const auth::StateDir& state,
                           const std::string& application)
    : executor_(std::move(executor)), state_(state), file_(application + "-resume") {}

bool InBandResume::is_known() const {
  return state_.age(file_).has_value();
}

void InBandResume::remember() {
  const auto kept = state_.write(file_, "", 0600, Durability::none);
  if (!kept) spdlog::debug("not remembered that sessions can be resumed there: {}", kept.error().detail);
}

void InBandResume::forget() {
  const auto removed = state_.remove(file_);
  if (!removed) spdlog::debug("not forgotten that sessions can be resumed there: {}", removed.error().detail);
}

StreamPtr InBandResume::watched(StreamPtr tunnel) {
  return std::make_unique<WatchedStream>(std::move(tunnel), [this] { remember(); });
}

net::awaitable<Result<InBandResume::Begun>> InBandResume::begin(StreamPtr stream,
                                                                const std::string& client_key) {
  tunnel::Preamble preamble(executor_, std::move(stream));
  const auto until = Clock::now() + kAnnouncementLimit;
  Begun out;
  const auto line = co_await preamble.line(tunnel::kMaxBanner, until);
  const auto announced = line ? tunnel::parse_announcement(*line) : std::nullopt;
  std::optional<std::string> version;
  if (announced) version = co_await preamble.line(tunnel::kMaxBanner, until);
  const std::string hello = tunnel::in_band(tunnel::ResumeOpen{client_key});
  bool said = false;
  if (version) said = co_await preamble.say(hello, until);
  // Part of it may have been sent, behind which no ssh can begin.
  if (version && !said)
    co_return Failure(Stage::upgrade, Cause::closed_early, "it takes nothing of what is sent");
  if (said) {
    out.first = *version;
    out.opened.emplace();
    out.opened->edge_key = announced->key;
    out.opened->session = tunnel::in_band_session(client_key, announced->key);
    out.opened->grace = static_cast<std::uint32_t>(tunnel::kInBandGrace.count());
    out.agent = announced->agent;
  } else {
    // A connection that breaks so early tells nothing.
    const bool without = line ? !announced : Clock::now() >= until;
    if (without) forget();
    if (line) preamble.unread(*line);
  }
  out.carrier = std::move(preamble).stream();
  co_return out;
}

net::awaitable<Result<Carrier>> InBandResume::attach(Resumption::Dial dial, std::string value,
                                                     Tunnel tunnel) const {
  const std::string no_header;
  auto dialled = co_await dial(no_header);
  if (!dialled) co_return dialled.error();
  const Failure silent(Stage::upgrade, Cause::closed_early,
                       "nothing announces itself in front of the server");
  tunnel::Preamble preamble(executor_, std::move(dialled->stream));
  const auto until = Clock::now() + tunnel::kInBandLimit;
  const auto line = co_await preamble.line(tunnel::kMaxBanner, until);
  const auto announced = line ? tunnel::parse_announcement(*line) : std::nullopt;
  if (!line) co_return silent;
  // Each of several that serve a name has its own tunnels; the next attempt may reach the right one. A server
  // that is alone has none.
  if (!announced || announced->agent != tunnel.agent)
    co_return Failure(Stage::upgrade, Cause::resume_elsewhere, {});
  const bool anew = !tunnel.stream->was_heard();
  const std::string hello =
      anew ? tunnel::in_band(tunnel::ResumeOpen{tunnel.client_key}) : tunnel::kInBandMark + value + "\n";
  const auto version = co_await preamble.line(tunnel::kMaxBanner, until);
  if (anew && version && *version != tunnel.version)
    co_return Failure(Stage::upgrade, Cause::resume_refused, "the server has another version than before");
  bool said = false;
  if (version) said = co_await preamble.say(hello, until);
  if (said && anew) co_return Carrier{std::move(preamble).stream(), {}, true};
  std::optional<std::string> answer;
  if (said) answer = co_await preamble.line(tunnel::kMaxResumeValue + 1, until);
  if (!answer) co_return silent;
  answer->pop_back();
  if (*answer == tunnel::kInBandGone)
    co_return Failure(Stage::upgrade, Cause::resume_refused, "the connector has no such session any more");
  co_return Carrier{std::move(preamble).stream(), std::move(*answer)};
}

}  // namespace cfpipe::cli
