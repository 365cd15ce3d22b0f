#include "edge/terminal/session.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <ctime>
#include <utility>
#include <variant>

#include "base/text.h"

namespace cfpipe::edge::terminal {
namespace net = boost::asio;
namespace {

/// One read of the origin, and one frame of output, in bytes.
constexpr std::size_t kOutputChunkBytes = 32 * 1024;
/// How often a session looks for more to do before it is the others' turn.
constexpr int kMaxRounds = 256;
/// Input that the origin has taken is confirmed in steps of this many bytes, or when none is left.
constexpr std::uint64_t kConfirmStep = 16 * 1024;

}  // namespace

Session::Session(net::any_io_executor executor, TerminalControl& site, TunnelGrant grant,
                 SharedRequest request, ConnectionEnds ends)
    : executor_(std::move(executor)),
      site_(site),
      grant_(std::move(grant)),
      request_(std::move(request)),
      ends_(std::move(ends)),
      id_(random_id()),
      event_(std::make_shared<Event>(executor_)),
      files_(grant_.terminal->files, grant_.app_hostname, counters_,
             [this](const FilesUse& use) { site_.files_closed(grant_, request_, use); }),
      until_(Clock::time_point::max()) {
  // The wall clock may be set; what has been granted is a time from now on.
  if (grant_.terminal->until > 0)
    until_ = Clock::now() + std::chrono::seconds(grant_.terminal->until - std::time(nullptr));
}

Session::~Session() = default;

bool Session::belongs_to(const TunnelGrant& grant) const {
  return grant.app_hostname == grant_.app_hostname && grant.identity == grant_.identity;
}

void Session::drain(std::int64_t ends) {
  draining_ = true;
  if (open_) tell(FrameType::event, leaving_event(ends));
  event_->set();
}

void Session::stop() {
  end({"stopped", "The edge is being stopped.", "Connect again in a moment."});
}

void Session::end(Ending ending) {
  if (!ending_) ending_ = std::move(ending);
  event_->set();
}

net::awaitable<void> Session::run(std::unique_ptr<Window> window, Start start) {
  const auto self = shared_from_this();
  window_ = std::move(window);
  shown_ = moved_ = Clock::now();
  user_ = start.user;
  size_ = start.size;
  co_await work();
  if (!ending_) end({"internal", "The edge has made a mistake.", "Connect again."});
  open_ = false;
  if (tunnel_) {
    tunnel_->handle->forget();
    tunnel_->reason = ending_->text;
    tunnel_->up_bytes = counters_->get(0);
    tunnel_->down_bytes = counters_->get(1);
  }
  files_.end();
  shell_.ssh.reset();
  co_await say_farewell();
}

net::awaitable<void> Session::work() {
  auto socket = co_await open_tunnel();
  if (!socket) co_return;
  LoginPage page{
      [this](const std::string& event) { tell(FrameType::event, event); },
      [this](SshClient* server, Clock::time_point deadline) { return pause(server, deadline); },
      [this] { return std::exchange(given_, std::nullopt); },
      [this] { return size_; },
  };
  SshLogin login(site_, grant_, request_, user_, std::move(page));
  auto outcome = co_await login.run(std::move(*socket));
  if (auto* ending = std::get_if<Ending>(&outcome)) end(std::move(*ending));
  auto* shell = std::get_if<Shell>(&outcome);
  if (shell == nullptr) co_return;
  shell_ = std::move(*shell);
  open_ = true;
  tell(FrameType::event,
       opened_event({id_, user_, 0, 0, grant_.terminal->until, shell_.host_key, shell_.first_use}));
  co_await pump();
}

net::awaitable<std::optional<OriginSocket>> Session::open_tunnel() {
  tell(FrameType::event, connecting_event(grant_.app_hostname, user_));
  auto dialled = co_await dial_for_login(grant_, ends_);
  if (auto* ending = std::get_if<Ending>(&dialled)) {
    end(std::move(*ending));
    co_return std::nullopt;
  }
  tunnel_ = co_await site_.opened(grant_, request_);
  tunnel_->handle->count(counters_);
  tunnel_->handle->on_dismissed([this](const std::string& why) {
    end({"revoked", "This session was ended: " + why + ".", ""});
  });
  co_return std::get<OriginSocket>(std::move(dialled));
}

void Session::show(std::unique_ptr<Window> window, const Start& start) {
  if (window_) {
    window_->send(FrameType::event,
                  ended_event({"elsewhere", "Another window shows this terminal now.", ""}));
    window_->flush();
  }
  files_.leave();
  window_ = std::move(window);
  received_ = confirmed_ = 0;
  sent_ = output_.resume(start.position);
  output_.drawn(start.position);
  tell(FrameType::event, opened_event({id_, user_, sent_, output_.end(), grant_.terminal->until,
                                       shell_.host_key, shell_.first_use}));
  size_ = start.size;
  shell_.ssh->resize(size_);
  event_->set();
}

net::awaitable<void> Session::pump() {
  while (!ending_) {
    take_in();
    pass_on();
    confirm();
    show_output();
    look_at_time();
    if (ending_) break;
    if (over_) {
      co_await say_how_it_ended();
      break;
    }
    // Files end with the shell, and libssh takes in no more for them then.
    shell_.ssh->arm(event_, output_.room() > 0 || (files_.reads() && !shell_.ssh->exited()));
    if (window_) window_->arm(event_);
    co_await event_->wait(next_look());
  }
}

// The server says how the shell ended when it likes, behind the end of the output.
net::awaitable<void> Session::say_how_it_ended() {
  const auto deadline = Clock::now() + kOutcomeTimeout;
  std::optional<int> status;
  std::string signal;
  Step step = shell_.ssh->outcome(status, signal);
  while (step == Step::again && Clock::now() < deadline && !ending_) {
    shell_.ssh->arm(event_, true);
    co_await event_->wait(deadline);
    step = shell_.ssh->outcome(status, signal);
  }
  if (!signal.empty()) {
    end({"signal",
         "The shell on " + grant_.app_hostname + " was ended by SIG" + signal + ".",
         "",
         0,
         {{"signal", signal}}});
  } else if (status) {
    end({"exit",
         "The shell on " + grant_.app_hostname + " has ended with status " + std::to_string(*status) + ".",
         "", *status});
  } else {
    end({"lost", "The connection to " + grant_.app_hostname + " broke off.", "Connect again."});
  }
}

net::awaitable<void> Session::say_farewell() {
  const auto deadline = Clock::now() + kFarewellTimeout;
  while (window_ && sent_ < output_.end() && Clock::now() < deadline) {
    take_in();
    show_output();
    if (!window_ || sent_ == output_.end()) break;
    window_->arm(event_);
    co_await event_->wait(deadline);
  }
  tell(FrameType::event, ended_event(*ending_));
  while (window_ && window_->waiting() > 0 && !window_->gone() && Clock::now() < deadline) {
    window_->arm(event_);
    co_await event_->wait(deadline);
    window_->flush();
  }
  window_.reset();
}

// Until something has happened, while there is no shell yet. False: it is over.
net::awaitable<bool> Session::pause(SshClient* server, Clock::time_point deadline) {
  if (server != nullptr) server->arm(event_, true);
  if (window_) window_->arm(event_);
  co_await event_->wait(std::min(deadline, until_));
  take_in();
  if (window_) window_->flush();
  look_at_time();
  if (!window_) end({"disconnected", "The browser went away.", ""});
  co_return !ending_;
}

void Session::take_in() {
  while (window_ && !ending_) {
    auto frame = window_->next();
    if (!frame) break;
    take(*frame);
  }
  if (!window_ || !window_->gone()) return;
  files_.leave();
  window_.reset();
  shown_ = Clock::now();
}

void Session::take(Frame& frame) {
  switch (frame.type) {
    case FrameType::input:
      input_ += frame.payload;
      input_held_.set(input_.capacity());
      received_ += frame.payload.size();
      if (input_.size() <= kMaxInput) return;
      break;
    case FrameType::resize:
      if (const auto size = read_size(frame.payload)) {
        size_ = *size;
        if (open_) shell_.ssh->resize(size_);
        return;
      }
      break;
    case FrameType::acknowledge:
      if (const auto position = read_position(frame.payload)) return output_.drawn(*position);
      break;
    case FrameType::log_in:
      given_ = read_log_in(frame.payload);
      OPENSSL_cleanse(frame.payload.data(), frame.payload.size());
      if (given_) return;
      break;
    case FrameType::quit:
      return end({"disconnected", "You have ended this terminal.", ""});
    default:
      if (files_.take(frame, open_ ? shell_.ssh.get() : nullptr, *window_)) return;
      break;
  }
  end({"internal", "This page and the edge do not understand each other.", "Reload the page."});
}

// Taking in what the server says is what makes room for more, writing may take some in as well, and what is
// taken in may be for the other channel: nothing would ring for any of it, so all of it is looked at until
// nothing moves. What is typed goes before files.
void Session::pass_on() {
  for (int round = 0; round < kMaxRounds; ++round) {
    shell_.ssh->flush(files_.reads());
    put_out();
    bool files = files_.put_out(window_.get());
    const bool typed = put_in();
    if (!typed) files = files_.put_in(window_.get()) || files;
    if (files) moved_ = Clock::now();
    if (shell_.ssh->overfull()) {
      return end({"lost", "The SSH server of " + grant_.app_hostname + " sends more than it may.",
                  "Tell the server's administrator."});
    }
    if (!typed && !files && !shell_.ssh->arrived()) return;
  }
  net::post(executor_, [event = event_] { event->set(); });  // the other sessions first
}

// False: the server takes no more now, or there is no more.
bool Session::put_in() {
  const std::size_t taken = input_.empty() ? 0 : shell_.ssh->write(input_);
  if (taken == 0) return false;
  moved_ = Clock::now();
  counters_->add(0, taken);
  OPENSSL_cleanse(input_.data(), taken);
  input_.erase(0, taken);
  return true;
}

void Session::confirm() {
  const std::uint64_t taken = received_ - std::min<std::uint64_t>(received_, input_.size());
  if (taken == confirmed_ || (taken - confirmed_ < kConfirmStep && !input_.empty())) return;
  confirmed_ = taken;
  tell(FrameType::taken, position_message(taken));
}

void Session::put_out() {
  std::array<char, kOutputChunkBytes> room;
  while (!over_) {
    const std::size_t fits = std::min(output_.room(), room.size());
    if (fits == 0) return;
    std::size_t got = 0;
    if (shell_.ssh->read({room.data(), fits}, got) == Step::failed) over_ = true;
    if (got == 0) return;
    moved_ = Clock::now();
    counters_->add(1, got);
    output_.add({room.data(), got});
  }
}

void Session::show_output() {
  if (!window_) return;
  while (sent_ < output_.end() && window_->waiting() < kMaxWaiting) {
    const auto chunk = output_.from(sent_, kOutputChunkBytes);
    window_->send(FrameType::output, chunk);
    sent_ += chunk.size();
    window_->flush();
  }
  window_->flush();
}

void Session::look_at_time() {
  const auto now = Clock::now();
  if (now >= until_) {
    end({"expired", "The time of this session is up.", "Sign in again to go on."});
  } else if (grant_.idle_limit.count() > 0 && now - moved_ >= grant_.idle_limit) {
    end({"idle", "Nothing has happened for " + duration_text(grant_.idle_limit) + ".",
         "Connect again to go on."});
  } else if (!window_ && (draining_ || now - shown_ >= kReturnTimeout)) {
    end({"disconnected", "The browser went away.", ""});
  }
}

Session::Clock::time_point Session::next_look() const {
  auto out = std::min(until_, files_.deadline());
  if (grant_.idle_limit.count() > 0) out = std::min(out, moved_ + grant_.idle_limit);
  if (!window_) out = std::min(out, shown_ + kReturnTimeout);
  return out;
}

void Session::tell(FrameType type, std::string_view payload) {
  if (!window_) return;
  window_->send(type, payload);
  window_->flush();
}

}  // namespace cfpipe::edge::terminal
