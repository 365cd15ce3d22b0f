#include "edge/terminal/files.h"

#include <algorithm>
#include <array>
#include <utility>

#include "edge/terminal/messages.h"

namespace cfpipe::edge::terminal {
namespace {

/// One read of the server, and one frame of its bytes.
constexpr std::size_t kFileChunkBytes = 32 * 1024;
/// What the server has taken is told in steps of this many bytes, or when no more waits.
constexpr std::uint64_t kTellStep = 32 * 1024;
constexpr const char* kSubsystem = "sftp";

}  // namespace

Files::Files(bool allowed, std::string host, std::shared_ptr<tunnel::Counters> counters, Report report,
             std::chrono::seconds timeout)
    : allowed_(allowed),
      host_(std::move(host)),
      counters_(std::move(counters)),
      report_(std::move(report)),
      timeout_(timeout) {}

Files::~Files() = default;

bool Files::take(const Frame& frame, SshClient* ssh, Window& page) {
  switch (frame.type) {
    case FrameType::files_open:
      return open(ssh, page);
    case FrameType::files_input:
      // What a page has sent before it heard of the end is for no channel.
      if (state_ != State::open) return true;
      in_ += frame.payload;
      count();
      return waiting() <= kMaxFilesInput;
    case FrameType::files_acknowledge: {
      const auto position = read_position(frame.payload);
      if (position && state_ == State::open && *position > confirmed_ && *position <= sent_)
        confirmed_ = *position;
      return position.has_value();
    }
    case FrameType::files_close:
      if (again_ || state_ == State::opening || state_ == State::open)
        close(&page, files_closed_event("done", "", ""));
      return true;
    default:
      return false;
  }
}

bool Files::open(SshClient* ssh, Window& page) {
  if (ssh == nullptr || again_ || state_ == State::opening || state_ == State::open) return false;
  const auto refuse = [&](std::string_view code, const std::string& text, std::string_view hint) {
    page.send(FrameType::event, files_closed_event(code, text, hint));
    page.flush();
    return true;
  };
  if (!allowed_)
    return refuse("off", "Files are switched off for " + host_ + ".",
                  "The edge's administrator can allow them: browser_files.");
  if (++opened_ > kMaxFilesChannels)
    return refuse("too_many", "Files have been opened too often in this session.", "Connect again.");
  connection_ = ssh;
  since_ = Event::Clock::now();
  again_ = state_ == State::closing;
  if (!again_) begin();
  return true;
}

void Files::begin() {
  ssh_ = connection_->subsystem(kSubsystem);
  again_ = false;
  state_ = State::opening;
}

// Tells the page, and begins to close what there is.
void Files::close(Window* page, std::string_view event) {
  const bool used = state_ == State::open;
  state_ = State::closing;
  again_ = false;
  if (used) finish();
  if (page == nullptr) return;
  page->send(FrameType::event, event);
  page->flush();
}

void Files::finish() {
  const auto lasted = std::chrono::duration_cast<std::chrono::seconds>(Event::Clock::now() - since_);
  report_({taken_, sent_, lasted});
  in_ = std::string();
  begin_ = 0;
}

void Files::open_further(Window* page) {
  const Step step = ssh_->open();
  if (step == Step::again) {
    if (Event::Clock::now() >= deadline()) close(page, timeout());
  } else if (step == Step::done) {
    state_ = State::open;
    since_ = Event::Clock::now();
    sent_ = confirmed_ = taken_ = told_ = 0;
    if (page == nullptr) return;
    page->send(FrameType::event, files_open_event());
    page->flush();
  } else if (step == Step::refused) {
    close(page, files_closed_event("no_subsystem", "The SSH server of " + host_ + " offers no SFTP.",
                                   "Its administrator can add it: Subsystem sftp, in its sshd_config."));
  } else {
    close(page, files_closed_event("no_channel", "The SSH server of " + host_ + " opens no second channel.",
                                   "Its administrator can allow it: MaxSessions, in its sshd_config."));
  }
}

void Files::close_further(Window* page) {
  if (ssh_->close() == Step::done) {
    ssh_.reset();
    state_ = State::none;
    if (again_) begin();
  } else if (again_ && Event::Clock::now() >= deadline()) {
    again_ = false;
    close(page, timeout());
  }
}

std::string Files::timeout() const {
  return files_closed_event("timeout", "The SSH server of " + host_ + " does not answer.", "Try again.");
}

bool Files::put_out(Window* page) {
  if (state_ == State::closing) close_further(page);
  if (state_ == State::opening) open_further(page);
  const bool moved = state_ == State::open && page != nullptr && relay(*page);
  count();
  return moved;
}

bool Files::relay(Window& page) {
  std::array<char, kFileChunkBytes> chunk;
  bool moved = false;
  while (page.waiting() < kMaxWaiting) {
    const std::size_t fits = std::min(room(), chunk.size());
    if (fits == 0) break;
    std::size_t got = 0;
    const Step step = ssh_->read({chunk.data(), fits}, got);
    if (step == Step::failed) {
      close(&page, files_closed_event("ended", "The SSH server of " + host_ + " has ended the transfer.",
                                      "Try again; if it stays like this, tell the server's administrator."));
      break;
    }
    if (got == 0) break;
    moved = true;
    sent_ += got;
    counters_->add(1, got);
    page.send(FrameType::files_output, {chunk.data(), got});
    page.flush();
  }
  return moved;
}

bool Files::put_in(Window* page) {
  if (state_ != State::open || waiting() == 0) return false;
  const std::size_t taken = ssh_->write(std::string_view(in_).substr(begin_));
  if (taken == 0) return false;
  counters_->add(0, taken);
  begin_ += taken;
  taken_ += taken;
  // Moved once for every half of it that has gone by, not for every write.
  if (begin_ * 2 >= in_.size()) {
    in_.erase(0, begin_);
    begin_ = 0;
  }
  if (page == nullptr || (taken_ - told_ < kTellStep && waiting() > 0)) return true;
  told_ = taken_;
  page->send(FrameType::files_taken, position_message(told_));
  page->flush();
  return true;
}

void Files::count() {
  held_.set(in_.capacity() + (ssh_ ? ssh_->unread() : 0));
}

void Files::leave() {
  again_ = false;
  if (state_ == State::opening || state_ == State::open) close(nullptr, {});
}

void Files::end() {
  if (state_ == State::open) finish();
  ssh_.reset();
  count();
  again_ = false;
  state_ = State::none;
}

bool Files::reads() const {
  return state_ == State::opening || state_ == State::closing ||
         (state_ == State::open && (room() > 0 || waiting() > 0));
}

Event::Clock::time_point Files::deadline() const {
  return again_ || state_ == State::opening ? since_ + timeout_ : Event::Clock::time_point::max();
}

}  // namespace cfpipe::edge::terminal
