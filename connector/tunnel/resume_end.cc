#include "connector/tunnel/resume_end.h"

#include <boost/asio/steady_timer.hpp>
#include <utility>
#include <variant>
#include <vector>

#include "base/log.h"
#include "base/scope_exit.h"
#include "base/text.h"
#include "connector/tunnel/spawn.h"
#include "tunnel/resume/admission.h"
#include "tunnel/resume/frames.h"

namespace cfpipe::connector {
namespace net = boost::asio;
using Clock = std::chrono::steady_clock;
namespace {

constexpr std::size_t kAgentRandom = 12;  ///< bytes; kAgentCharacters of base64url

}  // namespace

/// One who has connected.
struct ResumeEnd::Client {
  tunnel::Preamble preamble;
  std::string text;  ///< for the log
  std::string told;  ///< the version, which the origin must have
  std::shared_ptr<const void> seat;
};

/// A tunnel that its client may come back to. Its stream has it, by the callback of on_detached(), and no
/// other holds it while time passes: so it is there as long as the stream is.
struct ResumeEnd::Session {
  Session(const net::any_io_executor& executor, tunnel::ResumableStream& of, tunnel::ResumeKeys keys,
          std::string client_key, const tunnel::SessionId& id, Client& client)
      : stream(of),
        admission(std::move(keys), std::move(client_key), id),
        timer(executor),
        text(client.text),
        seat(std::move(client.seat)) {}
  tunnel::ResumableStream& stream;
  tunnel::ResumeAdmission admission;
  net::steady_timer timer;
  std::string text;
  std::shared_ptr<const void> seat;
  std::optional<Clock::time_point> waits;  ///< for its client, since then
};

std::shared_ptr<ResumeEnd> ResumeEnd::make(net::any_io_executor executor,
                                           std::shared_ptr<TunnelServer> tunnels,
                                           std::chrono::seconds grace) {
  auto keys = tunnel::ResumeKeys::make();
  if (!keys) return nullptr;
  return std::shared_ptr<ResumeEnd>(
      new ResumeEnd(std::move(executor), std::move(tunnels), std::move(*keys), grace));
}

ResumeEnd::ResumeEnd(net::any_io_executor executor, std::shared_ptr<TunnelServer> tunnels,
                     tunnel::ResumeKeys keys, std::chrono::seconds grace)
    : executor_(std::move(executor)),
      tunnels_(std::move(tunnels)),
      keys_(std::move(keys)),
      grace_(grace),
      announcement_(tunnel::text_of(tunnel::Announcement{keys_.public_key(), random_id(kAgentRandom)})) {}

void ResumeEnd::use(Authority origin) {
  if (origin.text() == origin_.text()) return;
  origin_ = std::move(origin);
  version_.reset();
  changed_at_.reset();
  doubted_ = false;
  learn_after_ = {};
  learn_soon();
}

// As long as there are tunnels to come back to, an origin that is in trouble is no reason to keep silent: it
// is not asked when their clients do.
void ResumeEnd::serve(net::ip::tcp::socket socket) {
  if (!version_ || doubted_) learn_soon();
  if (!version_ || (doubted_ && sessions_.empty())) return tunnels_->serve(std::move(socket), origin_);
  boost::system::error_code gone;
  const auto peer = socket.remote_endpoint(gone);
  auto text = "connection from " + Host(peer.address()).text() + " to " + origin_.text();
  auto seat = seat_for(text);
  auto stream = seat ? stream_of(executor_, std::move(socket)) : nullptr;
  if (!stream) return;
  auto meeting = meet({{executor_, std::move(stream)}, std::move(text), *version_, std::move(seat)});
  spawn(executor_, std::move(meeting));
}

std::shared_ptr<const void> ResumeEnd::seat_for(std::string_view text) {
  if (tunnels_->front_is_full()) give_way();
  return tunnels_->count_fronted(text);
}

// Of the kind that has the most seats without using them, the one that has been waited for longest.
void ResumeEnd::give_way() {
  std::shared_ptr<Session> longest;
  std::size_t waiting = 0;
  for (const auto& [id, known] : sessions_) {
    auto session = known.lock();
    if (!session || !session->waits) continue;
    ++waiting;
    if (!longest || *session->waits < *longest->waits) longest = std::move(session);
  }
  if (longest && waiting > silent_.size()) {
    sessions_.erase(longest->admission.session());
    longest->seat.reset();
    longest->stream.give_up(tunnel::End::cut, "its client had been away for longest when another one came");
  } else if (!silent_.empty()) {
    silent_.begin()->second.stop();
    silent_.erase(silent_.begin());
    tunnels_->note("a connection that said nothing gave way to another one");
  }
}

// Line and version in one piece: some clients take no version that comes alone, behind a line.
net::awaitable<void> ResumeEnd::meet(Client client) {
  const auto self = shared_from_this();
  const bool has_spoken = co_await spoke(client);
  if (!has_spoken) co_return;
  const auto until = Clock::now();
  const auto first = co_await client.preamble.peek(until);
  if (*first != tunnel::kInBandMark) {
    co_await pass(std::move(client));
  } else {
    client.preamble.skip(1);
    co_await answer(std::move(client));
  }
}

net::awaitable<bool> ResumeEnd::spoke(Client& client) {
  const auto number = ++comings_;
  silent_[number] = {client.preamble.stopper(), std::move(client.seat)};
  const ScopeExit over([this, number] { silent_.erase(number); });
  const std::string first = announcement_ + client.told;
  const auto until = Clock::now() + kFirstByteLimit;
  const bool said = co_await client.preamble.say(first, until);
  if (!said) co_return false;
  const auto answered = co_await client.preamble.peek(until);
  const auto found = silent_.find(number);
  if (!answered || found == silent_.end()) co_return false;
  client.seat = std::move(found->second.seat);
  co_return true;
}

/// A connection to the origin, behind the version that the client has been told. Null: there is none.
net::awaitable<std::unique_ptr<tunnel::Stream>> ResumeEnd::reach(const Client& client) {
  const Authority asked = origin_;
  auto origin = co_await tunnels_->dial(asked, client.text);
  if (!origin) co_return nullptr;
  tunnel::Preamble preamble(executor_, std::move(origin));
  const auto version = co_await preamble.line(tunnel::kMaxBanner, Clock::now() + kVersionLimit);
  if (asked.text() == origin_.text()) judge(version, client.told);
  if (version && version == client.told) co_return std::move(preamble).stream();
  const char* why = version ? "the server has another version than before" : "the server tells no version";
  tunnels_->note(client.text + ": not opened: " + why);
  co_return nullptr;
}

/// What the origin has said first to a client that was told this.
void ResumeEnd::judge(const std::optional<std::string>& line, const std::string& told) {
  doubted_ = !line || !line->starts_with("SSH-");
  if (doubted_) return learn_soon();
  if (*line == told || *line == version_) return;
  const auto now = Clock::now();
  const bool unsteady = changed_at_ && now - *changed_at_ < kVersionSteady;
  changed_at_ = now;
  if (!unsteady && adopt(*line)) return;
  version_.reset();
  learn_after_ = now + kVersionUnsteady;
}

net::awaitable<void> ResumeEnd::pass(Client client) {
  auto origin = co_await reach(client);
  if (origin)
    tunnels_->join(std::move(origin), std::move(client.preamble).stream(), std::move(client.text),
                   std::move(client.seat));
}

net::awaitable<void> ResumeEnd::answer(Client client) {
  const auto line =
      co_await client.preamble.line(tunnel::kMaxResumeValue + 1, Clock::now() + tunnel::kInBandLimit);
  const auto request = line ? tunnel::parse_resume_request({line->data(), line->size() - 1}) : std::nullopt;
  if (!request) {
    spdlog::debug("{}: no valid request for a tunnel that outlives its connection", client.text);
  } else if (const auto* opens = std::get_if<tunnel::ResumeOpen>(&*request)) {
    co_await open(std::move(client), opens->client_key);
  } else {
    co_await come_back(std::move(client), std::get<tunnel::ResumeAttach>(*request));
  }
}

// Where its first connection broke before it had heard of us, a client begins once more.
bool ResumeEnd::take_place_of(const tunnel::SessionId& id) {
  const auto found = sessions_.find(id);
  const auto other = found == sessions_.end() ? nullptr : found->second.lock();
  if (!other) return true;
  if (other->admission.turns() > 0 || other->stream.was_acknowledged()) return false;
  other->stream.give_up(tunnel::End::cut, "its client has begun anew");
  return true;
}

net::awaitable<void> ResumeEnd::open(Client client, std::string key) {
  const auto id = tunnel::in_band_session(key, keys_.public_key());
  const auto number = ++openings_;
  opening_[id] = number;
  const auto is_last = [this, id, number] {
    const auto last = opening_.find(id);
    return last != opening_.end() && last->second == number;
  };
  const ScopeExit over([this, id, is_last] {
    if (is_last()) opening_.erase(id);
  });
  auto origin = co_await reach(client);
  if (!is_last()) co_return;  // its client has begun anew meanwhile
  if (!origin || leaving_ || !take_place_of(id)) {
    const auto said = tunnel::reset_frame({tunnel::ResetCode::broken_off, "the server could not be reached"});
    const auto until = Clock::now() + tunnel::kInBandLimit;
    co_await client.preamble.say(said, until);
    co_await client.preamble.end(until);
    co_return;
  }
  auto stream = std::make_unique<tunnel::ResumableStream>(executor_, true);
  stream->distrust_ends();
  const auto session =
      std::make_shared<Session>(executor_, *stream, keys_.again(), std::move(key), id, client);
  sessions_[id] = session;
  stream->on_detached([self = shared_from_this(), session] { self->lost(session); });
  stream->attach(std::move(client.preamble).stream(), 0);
  // Is held as long as the tunnel is.
  const auto ends = [self = shared_from_this(), id, weak = std::weak_ptr(session)](const void*) {
    self->forget(id, weak);
  };
  auto counted = std::shared_ptr<const void>(static_cast<const void*>(this), ends);
  tunnels_->join(std::move(origin), std::move(stream), std::move(client.text), std::move(counted));
}

void ResumeEnd::forget(const tunnel::SessionId& id, const std::weak_ptr<Session>& session) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  const bool another = found->second.owner_before(session) || session.owner_before(found->second);
  if (!another) sessions_.erase(found);
}

void ResumeEnd::lost(const std::shared_ptr<Session>& session) {
  if (leaving_) return session->stream.give_up(tunnel::End::cut, "its connection was lost");
  session->waits = Clock::now();
  session->timer.expires_after(grace_);
  session->timer.async_wait([weak = std::weak_ptr(session),
                             grace = grace_](const boost::system::error_code& cancelled) {
    const auto waiting = weak.lock();
    if (cancelled || !waiting) return;
    waiting->stream.give_up(tunnel::End::cut, "the client has not come back within " + duration_text(grace));
  });
  tunnels_->note(session->text + ": waits for its client");
}

/// The answer to one that may come back, whose tunnel is without a connection from now on.
std::optional<std::string> ResumeEnd::admitted(const std::weak_ptr<Session>& known,
                                               const tunnel::ResumeAttach& attach) {
  const auto session = known.lock();
  constexpr bool kMayBeReplay = true;  // how it came is for the edge in between to know
  const auto attached =
      session && !leaving_ ? session->admission.admit(attach, kMayBeReplay, session->stream) : std::nullopt;
  if (!attached) return std::nullopt;
  lost(session);  // until it is carried on
  return text_of(*attached);
}

net::awaitable<void> ResumeEnd::come_back(Client client, tunnel::ResumeAttach attach) {
  const auto found = sessions_.find(attach.session);
  const auto known = found == sessions_.end() ? std::weak_ptr<Session>() : found->second;
  const auto attached = admitted(known, attach);
  const auto turns = [&known] {
    const auto session = known.lock();
    return session ? session->admission.turns() : 0;
  };
  const auto turn = turns();
  const std::string said = attached.value_or(std::string(tunnel::kInBandGone)) + "\n";
  const auto until = Clock::now() + tunnel::kInBandLimit;
  const bool told = co_await client.preamble.say(said, until);
  if (!attached) co_await client.preamble.end(until);
  if (!attached || !told) co_return;
  // Another one may have come meanwhile, or the end.
  const auto session = known.lock();
  if (!session || turns() != turn) co_return;
  session->waits.reset();
  session->timer.cancel();
  ++resumed_;
  tunnels_->note(session->text + ": goes on");
  if (!session->stream.attach(std::move(client.preamble).stream(), attach.next))
    session->stream.give_up(tunnel::End::cut, "the client has asked for what it has had");
}

// The origin's own word for its version. One connection in kVersionPause, as long as it has none: sshd
// remembers who connects and says nothing.
void ResumeEnd::learn_soon() {
  if (learning_ || leaving_ || Clock::now() < learn_after_) return;
  learning_ = true;
  learn_after_ = Clock::now() + kVersionPause;
  auto learning = learn();
  spawn(executor_, std::move(learning), [self = shared_from_this()] {
    self->learning_ = false;
    if (self->learn_after_ == Clock::time_point()) self->learn_soon();  // of another origin
  });
}

net::awaitable<void> ResumeEnd::learn() {
  const auto self = shared_from_this();
  const Authority asked = origin_;
  const std::string text = "looking for the version of " + asked.text();
  auto origin = co_await tunnels_->dial(asked, text);
  if (!origin) co_return;
  tunnel::Preamble preamble(executor_, std::move(origin));
  auto line = co_await preamble.line(tunnel::kMaxBanner, Clock::now() + kVersionLimit);
  if (line && asked.text() == origin_.text()) adopt(std::move(*line));
}

/// Whether the line is a version that can be announced.
bool ResumeEnd::adopt(std::string line) {
  if (!line.starts_with("SSH-") || announcement_.size() + line.size() > tunnel::kMaxBanner) return false;
  version_ = std::move(line);
  doubted_ = false;
  tunnels_->note(origin_.text() + " is an SSH server: tunnels may outlive their connection");
  return true;
}

void ResumeEnd::leave() {
  leaving_ = true;
  std::vector<std::shared_ptr<Session>> all;
  for (const auto& [id, session] : sessions_)
    if (auto open = session.lock(); open && open->waits) all.push_back(std::move(open));
  for (const auto& session : all) session->stream.give_up(tunnel::End::cut, "the connector ends");
}

}  // namespace cfpipe::connector
