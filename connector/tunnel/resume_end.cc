#include "connector/tunnel/resume_end.h"

#include <boost/asio/steady_timer.hpp>
#include <utility>
#include <variant>
#include <vector>

#include "base/log.h"
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
  std::shared_ptr<const void> counted;
};

/// A tunnel that its client may come back to. Its stream has it, by the callback of on_detached().
struct ResumeEnd::Session {
  Session(const net::any_io_executor& executor, tunnel::ResumableStream& of, tunnel::ResumeKeys keys,
          std::string client_key, const tunnel::SessionId& id, std::string name)
      : stream(of),
        admission(std::move(keys), std::move(client_key), id),
        timer(executor),
        text(std::move(name)) {}
  tunnel::ResumableStream& stream;
  tunnel::ResumeAdmission admission;
  net::steady_timer timer;
  std::string text;
  bool waits = false;  ///< for its client
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
  learn_after_ = {};
  learn_soon();
}

void ResumeEnd::serve(net::ip::tcp::socket socket) {
  if (!version_) {
    learn_soon();
    return tunnels_->serve(std::move(socket), origin_);
  }
  boost::system::error_code gone;
  const auto peer = socket.remote_endpoint(gone);
  auto text = "connection from " + Host(peer.address()).text() + " to " + origin_.text();
  auto counted = tunnels_->count_fronted(text);
  auto stream = counted ? stream_of(executor_, std::move(socket)) : nullptr;
  if (!stream) return;
  auto meeting = meet({{executor_, std::move(stream)}, std::move(text), std::move(counted)});
  spawn(executor_, std::move(meeting));
}

// Line and version in one piece: some clients take no version that comes alone, behind a line.
net::awaitable<void> ResumeEnd::meet(Client client) {
  const auto self = shared_from_this();
  const std::string first = announcement_ + version_.value_or("");
  const auto until = Clock::now() + kFirstByteLimit;
  const bool said = co_await client.preamble.say(first, until);
  if (!said) co_return;
  const auto answered = co_await client.preamble.peek(until);
  if (!answered) co_return;
  if (*answered != tunnel::kInBandMark) {
    co_await pass(std::move(client));
  } else {
    client.preamble.skip(1);
    co_await answer(std::move(client));
  }
}

/// A connection to the origin, behind the version that the client has been told. Null: there is none.
net::awaitable<std::unique_ptr<tunnel::Stream>> ResumeEnd::reach(const Client& client) {
  const auto told = version_;
  auto origin = co_await tunnels_->dial(origin_, client.text);
  if (!origin) co_return nullptr;
  tunnel::Preamble preamble(executor_, std::move(origin));
  const auto version = co_await preamble.line(tunnel::kMaxBanner, Clock::now() + kVersionLimit);
  if (version && version == told) co_return std::move(preamble).stream();
  spdlog::warn("{}: not opened: the server has another version than before", client.text);
  version_.reset();
  learn_after_ = {};
  learn_soon();
  co_return nullptr;
}

net::awaitable<void> ResumeEnd::pass(Client client) {
  auto origin = co_await reach(client);
  if (origin)
    tunnels_->join(std::move(origin), std::move(client.preamble).stream(), std::move(client.text),
                   std::move(client.counted));
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
  if (other->admission.epoch() > 0 || other->stream.was_acknowledged()) return false;
  other->stream.give_up(tunnel::End::cut, "its client has begun anew");
  return true;
}

net::awaitable<void> ResumeEnd::open(Client client, std::string key) {
  const auto id = tunnel::in_band_session(key, keys_.public_key());
  const auto number = ++openings_;
  opening_[id] = number;
  auto origin = co_await reach(client);
  if (opening_[id] != number) co_return;  // its client has begun anew meanwhile
  opening_.erase(id);
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
      std::make_shared<Session>(executor_, *stream, keys_.again(), std::move(key), id, client.text);
  sessions_[id] = session;
  stream->on_detached([self = shared_from_this(), session] { self->lost(session); });
  stream->attach(std::move(client.preamble).stream(), 0);
  // Is held as long as the tunnel is.
  auto counted = std::shared_ptr<const void>(
      client.counted.get(), [self = shared_from_this(), counted = client.counted, id,
                             weak = std::weak_ptr(session)](const void*) { self->forget(id, weak); });
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
  session->waits = true;
  session->timer.expires_after(grace_);
  session->timer.async_wait([weak = std::weak_ptr(session),
                             grace = grace_](const boost::system::error_code& cancelled) {
    const auto waiting = weak.lock();
    if (cancelled || !waiting) return;
    waiting->stream.give_up(tunnel::End::cut, "the client has not come back within " + duration_text(grace));
  });
  spdlog::info("{}: waits for its client", session->text);
}

net::awaitable<void> ResumeEnd::come_back(Client client, tunnel::ResumeAttach attach) {
  const auto found = sessions_.find(attach.session);
  const auto session = found == sessions_.end() ? nullptr : found->second.lock();
  const auto attached = session ? session->admission.admit(attach, session->stream) : std::nullopt;
  const std::string said = (attached ? text_of(*attached) : std::string(tunnel::kInBandGone)) + "\n";
  if (attached) lost(session);  // until it is carried on
  const auto until = Clock::now() + tunnel::kInBandLimit;
  const bool told = co_await client.preamble.say(said, until);
  if (!attached) co_await client.preamble.end(until);
  // Another one may have come meanwhile, or the end.
  if (!attached || !told || !sessions_.contains(attach.session)) co_return;
  if (session->admission.epoch() != attach.epoch) co_return;
  session->waits = false;
  session->timer.cancel();
  ++resumed_;
  spdlog::info("{}: goes on", session->text);
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
  spawn(executor_, std::move(learning), [self = shared_from_this()] { self->learning_ = false; });
}

net::awaitable<void> ResumeEnd::learn() {
  const auto self = shared_from_this();
  const Authority asked = origin_;
  const std::string text = "looking for the version of " + asked.text();
  auto origin = co_await tunnels_->dial(asked, text);
  if (!origin) co_return;
  tunnel::Preamble preamble(executor_, std::move(origin));
  auto line = co_await preamble.line(tunnel::kMaxBanner, Clock::now() + kVersionLimit);
  if (!line || !line->starts_with("SSH-") || asked.text() != origin_.text()) co_return;
  if (announcement_.size() + line->size() > tunnel::kMaxBanner) co_return;
  version_ = std::move(*line);
  spdlog::info("{} is an SSH server: tunnels may outlive their connection", asked.text());
}

void ResumeEnd::leave() {
  leaving_ = true;
  std::vector<std::shared_ptr<Session>> all;
  for (const auto& [id, session] : sessions_)
    if (auto open = session.lock(); open && open->waits) all.push_back(std::move(open));
  for (const auto& session : all) session->stream.give_up(tunnel::End::cut, "the connector ends");
}

}  // namespace cfpipe::connector
