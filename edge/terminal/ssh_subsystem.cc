#include "edge/terminal/ssh_subsystem.h"

#include <libssh/callbacks.h>

#include <algorithm>
#include <array>
#include <cstdint>

namespace cfpipe::edge::terminal {
namespace {

/// One write, in bytes: what is typed meanwhile waits for no more than this.
constexpr std::size_t kMaxWrite = 32 * 1024;
/// What one call of close() discards, in reads of this many bytes.
constexpr int kDiscards = 16;
constexpr std::size_t kDiscardBytes = 16 * 1024;

Step step_of(int result) {
  if (result == SSH_AGAIN) return Step::again;
  return result == SSH_OK ? Step::done : Step::failed;
}

}  // namespace

// What the server has said about the channel. libssh keeps the addresses.
struct SshSubsystem::Heard {
  Arrivals& arrivals;
  std::size_t unread = 0;
  bool closed = false;
  ssh_channel_callbacks_struct callbacks{};
};

SshSubsystem::SshSubsystem(ssh_session session, Arrivals& arrivals, const char* name)
    : session_(session),
      name_(name),
      heard_(std::make_unique<Heard>(Heard{arrivals})),
      channel_(ssh_channel_new(session)) {
  heard_->callbacks.userdata = heard_.get();
  heard_->callbacks.channel_data_function = [](ssh_session, ssh_channel, void*, std::uint32_t unread, int,
                                               void* heard) {
    static_cast<Heard*>(heard)->unread = unread;
    static_cast<Heard*>(heard)->arrivals.note(unread);
    return 0;  // all of it stays to be read
  };
  heard_->callbacks.channel_close_function = [](ssh_session, ssh_channel, void* heard) {
    static_cast<Heard*>(heard)->closed = true;
    static_cast<Heard*>(heard)->arrivals.any = true;
  };
  ssh_callbacks_init(&heard_->callbacks);
  if (channel_) ssh_set_channel_callbacks(channel_.get(), &heard_->callbacks);
}

// libssh keeps a channel that the server has not closed.
SshSubsystem::~SshSubsystem() {
  if (channel_) ssh_remove_channel_callbacks(channel_.get(), &heard_->callbacks);
}

Step SshSubsystem::open() {
  if (stage_ == Stage::channel) {
    const Step step = channel_ ? step_of(ssh_channel_open_session(channel_.get())) : Step::failed;
    if (step == Step::again) return step;
    stage_ = step == Step::done ? Stage::subsystem : Stage::failed;
  }
  if (stage_ == Stage::subsystem) {
    const Step step = step_of(ssh_channel_request_subsystem(channel_.get(), name_));
    if (step == Step::again) return step;
    stage_ = step == Step::done ? Stage::settled : Stage::refused;
  }
  if (stage_ == Stage::settled) return Step::done;
  return stage_ == Stage::refused ? Step::refused : Step::failed;
}

Step SshSubsystem::read(std::span<char> into, std::size_t& got) {
  got = 0;
  const auto room = static_cast<std::uint32_t>(into.size());
  const int result = ssh_channel_read_nonblocking(channel_.get(), into.data(), room, 0);
  if (result > 0) {
    got = static_cast<std::size_t>(result);
    heard_->unread -= std::min(heard_->unread, got);
    return Step::done;
  }
  const bool on = result == 0 && ssh_channel_is_eof(channel_.get()) == 0 && !heard_->closed &&
                  ssh_is_connected(session_) != 0;
  return on ? Step::done : Step::failed;
}

std::size_t SshSubsystem::write(std::string_view from) {
  // libssh would keep what the socket does not take, without a bound.
  if ((ssh_get_poll_flags(session_) & SSH_WRITE_PENDING) != 0) return 0;
  const auto fits = std::min({from.size(), kMaxWrite, std::size_t{ssh_channel_window_size(channel_.get())}});
  if (fits == 0) return 0;
  const int result = ssh_channel_write(channel_.get(), from.data(), static_cast<std::uint32_t>(fits));
  return result > 0 ? static_cast<std::size_t>(result) : 0;
}

std::size_t SshSubsystem::unread() const {
  return heard_->unread;
}

Step SshSubsystem::close() {
  // A channel that is freed while the server has not answered could not be told from none afterwards.
  const Step opened = open();
  if (opened == Step::again) return Step::again;
  if (opened == Step::failed || ssh_is_connected(session_) == 0) return Step::done;
  if (!close_sent_) ssh_channel_close(channel_.get());
  close_sent_ = true;
  std::array<char, kDiscardBytes> room;
  int left = kDiscards;
  while (left > 0 && ssh_channel_read_nonblocking(channel_.get(), room.data(), room.size(), 0) > 0) --left;
  return heard_->closed ? Step::done : Step::again;
}

}  // namespace cfpipe::edge::terminal
