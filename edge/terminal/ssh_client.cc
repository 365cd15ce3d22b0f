#include "edge/terminal/ssh_client.h"

#include <fcntl.h>
#include <libssh/callbacks.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"

namespace cfpipe::edge::terminal {
namespace {

/// What the shell's programs are told they write to.
constexpr const char* kTerminalType = "xterm-256color";
/// What the shell's programs are told of the page, as far as the server takes variables from a client: it
/// shows colours, and everything in it is UTF-8.
constexpr std::array<std::pair<const char*, const char*>, 2> kEnvironment{
    {{"COLORTERM", "truecolor"}, {"LANG", "C.UTF-8"}}};

/// With the mode that makes backspace take a whole character back (RFC 8160), where libssh can say it.
int request_terminal(ssh_channel channel, Size size) {
#if LIBSSH_VERSION_INT >= SSH_VERSION_INT(0, 11, 0)
  // RFC 4254 8: opcodes with a 32-bit argument each; IUTF8, then the end.
  static constexpr std::array<unsigned char, 6> kModes{42, 0, 0, 0, 1, 0};
  return ssh_channel_request_pty_size_modes(channel, kTerminalType, size.columns, size.rows, kModes.data(),
                                            kModes.size());
#else
  return ssh_channel_request_pty_size(channel, kTerminalType, size.columns, size.rows);
#endif
}

/// Handles what has arrived and looks whether the socket takes more. The exit itself comes by callbacks.
void take_in(ssh_channel channel) {
#if LIBSSH_VERSION_INT >= SSH_VERSION_INT(0, 11, 0)
  ssh_channel_get_exit_state(channel, nullptr, nullptr, nullptr);
#else
  ssh_channel_get_exit_status(channel);
#endif
}

/// An empty file in place of the home directory and known hosts, which the edge has not.
constexpr const char* kNoFile = "/dev/null";

/// Longest text of libssh's that is kept, in bytes.
constexpr std::size_t kMaxSaid = 2000;

/// Keeps what libssh, on this thread, first says of these words in its log. Where the algorithms do not meet,
/// 0.10 goes on to read, and reports a socket's error of which there is none, if the server's key exchange
/// has come in one piece with what is before it: the reason is in the log alone.
class Overhearing {
 public:
  Overhearing(std::string_view words, std::string& said)
      : words_(words), said_(said), level_(ssh_get_log_level()) {
    ssh_set_log_userdata(this);
    ssh_set_log_callback([](int, const char*, const char* line, void* self) {
      if (self != nullptr) static_cast<Overhearing*>(self)->hear(line);
    });
    ssh_set_log_level(SSH_LOG_TRACE);
  }
  ~Overhearing() {
    ssh_set_log_level(level_);
    ssh_set_log_userdata(nullptr);
  }
  Overhearing(const Overhearing&) = delete;
  Overhearing& operator=(const Overhearing&) = delete;

 private:
  void hear(std::string_view line) {
    if (said_.empty() && line.find(words_) != std::string_view::npos) said_ = line.substr(0, kMaxSaid);
  }
  std::string_view words_;
  std::string& said_;
  int level_;
};

/// As libssh wants it: a secret is a string inside, and its text ends with a zero.
const char* text_of(const Secret& secret) {
  return secret.reveal().data();
}

}  // namespace

// What the server has said about how the shell ended. libssh keeps the addresses.
struct SshClient::Exit {
  Arrivals& arrivals;
  std::optional<int> status = std::nullopt;
  std::string signal = {};
  ssh_channel_callbacks_struct callbacks{};
};

SshClient::SshClient(OriginSocket socket, const std::string& user, const std::string& host_keys)
    : socket_(std::move(socket)), session_(ssh_new()) {
  boost::system::error_code ignored;
  socket_.non_blocking(true, ignored);
  // libssh closes its own.
  const int fd = ::fcntl(socket_.native_handle(), F_DUPFD_CLOEXEC, 0);
  const bool no = false;
  const auto set = [this](ssh_options_e option, const void* value) {
    ssh_options_set(session_.get(), option, value);
  };
  usable_ = fd >= 0;
  set(SSH_OPTIONS_FD, &fd);
  set(SSH_OPTIONS_HOST, "origin");  // a name is asked for
  set(SSH_OPTIONS_USER, user.c_str());
  set(SSH_OPTIONS_PROCESS_CONFIG, &no);
  set(SSH_OPTIONS_SSH_DIR, "/nonexistent");
  set(SSH_OPTIONS_KNOWNHOSTS, kNoFile);
  set(SSH_OPTIONS_GLOBAL_KNOWNHOSTS, kNoFile);
  if (!host_keys.empty()) set(SSH_OPTIONS_HOSTKEYS, host_keys.c_str());
  ssh_set_blocking(session_.get(), 0);
}

// ssh_free() closes the descriptor. ssh_disconnect() would forget it instead, since libssh was given it.
SshClient::~SshClient() {
  channel_.reset();  // what the server sends meanwhile still goes to exit_
}

Step SshClient::step_of(int result) {
  switch (result) {
    case SSH_OK:
      return Step::done;
    case SSH_AGAIN:
      return Step::again;
    default:
      return Step::failed;
  }
}

namespace {

Step step_of_login(int result) {
  switch (result) {
    case SSH_AUTH_SUCCESS:
      return Step::done;
    case SSH_AUTH_AGAIN:
      return Step::again;
    case SSH_AUTH_DENIED:
      return Step::refused;
    case SSH_AUTH_PARTIAL:
      return Step::partly;
    case SSH_AUTH_INFO:
      return Step::info_request;
    default:
      return Step::failed;
  }
}

}  // namespace

Step SshClient::connect() {
  // Without a descriptor libssh would look for a host of that name, and wait for it.
  if (!usable_) return Step::failed;
  const Overhearing log(kNoMatch, no_match_);
  return step_of(ssh_connect(session_.get()));
}

std::string SshClient::host_key() const {
  ssh_key raw = nullptr;
  if (ssh_get_server_publickey(session_.get(), &raw) != SSH_OK) return {};
  const SshKeyPtr key(raw);
  char* text = nullptr;
  if (ssh_pki_export_pubkey_base64(key.get(), &text) != SSH_OK) return {};
  const bool curve = ssh_key_type(key.get()) == SSH_KEYTYPE_ECDSA_P256 ||
                     ssh_key_type(key.get()) == SSH_KEYTYPE_ECDSA_P384 ||
                     ssh_key_type(key.get()) == SSH_KEYTYPE_ECDSA_P521;
  const char* type =
      curve ? ssh_pki_key_ecdsa_name(key.get()) : ssh_key_type_to_char(ssh_key_type(key.get()));
  std::string out = std::string(type) + " " + text;
  ssh_string_free_char(text);
  return out;
}

Step SshClient::log_in_without() {
  return step_of_login(ssh_userauth_none(session_.get(), nullptr));
}

bool SshClient::load_key(const Secret& pem, const Secret& passphrase, std::string_view certificate) {
  ssh_key raw = nullptr;
  const char* const phrase = passphrase.empty() ? nullptr : text_of(passphrase);
  // A function that asks is wanted even so: without one, libssh would ask at the edge's own terminal.
  const ssh_auth_callback no_answer = [](const char*, char*, std::size_t, int, int, void*) { return -1; };
  if (ssh_pki_import_privkey_base64(text_of(pem), phrase, no_answer, nullptr, &raw) != SSH_OK) {
    key_fault_ = passphrase.empty() ? "this is no private key, or one with a passphrase"
                                    : "this is no private key, or its passphrase is another";
    return false;
  }
  key_.reset(raw);
  if (certificate.empty()) return true;
  const auto space = certificate.find(' ');
  const std::string type(certificate.substr(0, space));
  const std::string blob(certificate.substr(space + 1, certificate.find(' ', space + 1) - space - 1));
  ssh_key made = nullptr;
  if (ssh_pki_import_cert_base64(blob.c_str(), ssh_key_type_from_name(type.c_str()), &made) != SSH_OK)
    return false;
  const SshKeyPtr signed_key(made);
  return ssh_pki_copy_cert_to_privkey(signed_key.get(), key_.get()) == SSH_OK;
}

Step SshClient::log_in_with_key(const Secret& pem, const Secret& passphrase, std::string_view certificate) {
  key_fault_.clear();
  if (!key_ && !load_key(pem, passphrase, certificate)) {
    key_.reset();
    return Step::refused;
  }
  const Step step = step_of_login(ssh_userauth_publickey(session_.get(), nullptr, key_.get()));
  if (step != Step::again) key_.reset();
  return step;
}

Step SshClient::log_in_with_password(const Secret& password) {
  return step_of_login(ssh_userauth_password(session_.get(), nullptr, text_of(password)));
}

Step SshClient::log_in_with_answers(InfoRequest& info_request, const std::vector<Secret>* answers) {
  if (answers != nullptr) {
    const int asked = ssh_userauth_kbdint_getnprompts(session_.get());
    for (int i = 0; i < asked; ++i) {
      const auto at = static_cast<std::size_t>(i);
      const char* answer = at < answers->size() ? text_of((*answers)[at]) : "";
      ssh_userauth_kbdint_setanswer(session_.get(), static_cast<unsigned>(i), answer);
    }
  }
  const Step step = step_of_login(ssh_userauth_kbdint(session_.get(), nullptr, nullptr));
  if (step != Step::info_request) return step;
  const auto text = [](const char* said) { return printable(said == nullptr ? "" : said); };
  info_request = {text(ssh_userauth_kbdint_getname(session_.get())),
                  text(ssh_userauth_kbdint_getinstruction(session_.get())),
                  {}};
  const int count = ssh_userauth_kbdint_getnprompts(session_.get());
  for (int i = 0; i < count; ++i) {
    char echo = 0;
    const char* prompt = ssh_userauth_kbdint_getprompt(session_.get(), static_cast<unsigned>(i), &echo);
    info_request.prompts.push_back({text(prompt), echo != 0});
  }
  return step;
}

std::vector<std::string> SshClient::methods() const {
  const int all = ssh_userauth_list(session_.get(), nullptr);
  std::vector<std::string> out;
  const auto offer = [&](unsigned method, const char* name) {
    if ((static_cast<unsigned>(all) & method) != 0) out.emplace_back(name);
  };
  offer(SSH_AUTH_METHOD_PASSWORD, "password");
  offer(SSH_AUTH_METHOD_PUBLICKEY, "publickey");
  offer(SSH_AUTH_METHOD_INTERACTIVE, "keyboard-interactive");
  return out;
}

Step SshClient::open_shell(Size size) {
  if (shell_ == Shell::none) {
    channel_.reset(ssh_channel_new(session_.get()));
    if (!channel_) return Step::failed;
    exit_ = std::make_unique<Exit>(Exit{arrivals_});
    exit_->callbacks.userdata = exit_.get();
    exit_->callbacks.channel_data_function = [](ssh_session, ssh_channel, void*, std::uint32_t unread, int,
                                                void* exit) {
      static_cast<Exit*>(exit)->arrivals.note(unread);
      return 0;  // all of it stays to be read
    };
    exit_->callbacks.channel_exit_status_function = [](ssh_session, ssh_channel, int status, void* exit) {
      static_cast<Exit*>(exit)->status = status;
    };
    exit_->callbacks.channel_exit_signal_function = [](ssh_session, ssh_channel, const char* signal, int,
                                                       const char*, const char*, void* exit) {
      static_cast<Exit*>(exit)->signal = printable(signal == nullptr ? "" : signal, 32);
    };
    ssh_callbacks_init(&exit_->callbacks);
    ssh_set_channel_callbacks(channel_.get(), &exit_->callbacks);
    shell_ = Shell::channel;
  }
  if (shell_ == Shell::channel) {
    if (const Step step = step_of(ssh_channel_open_session(channel_.get())); step != Step::done) return step;
    shell_ = Shell::terminal;
  }
  if (shell_ == Shell::terminal) {
    if (const Step step = step_of(request_terminal(channel_.get(), size)); step != Step::done) return step;
    shell_ = Shell::environment;
  }
  // Most servers take few or none of these from a client, and nothing is lost then.
  for (; shell_ == Shell::environment && environment_ < kEnvironment.size(); ++environment_) {
    const auto& [name, value] = kEnvironment[environment_];
    if (step_of(ssh_channel_request_env(channel_.get(), name, value)) == Step::again) return Step::again;
  }
  if (shell_ == Shell::environment) shell_ = Shell::shell;
  const Step step = step_of(ssh_channel_request_shell(channel_.get()));
  if (step == Step::done) shell_ = Shell::open;
  return step;
}

void SshClient::resize(Size size) {
  ssh_channel_change_pty_size(channel_.get(), size.columns, size.rows);
}

Step SshClient::read(std::span<char> into, std::size_t& got) {
  got = 0;
  const auto room = static_cast<std::uint32_t>(into.size());
  const int result = ssh_channel_read_nonblocking(channel_.get(), into.data(), room, 0);
  if (result > 0) {
    got = static_cast<std::size_t>(result);
    return Step::done;
  }
  if (result == 0 && ssh_channel_is_eof(channel_.get()) == 0 && ssh_channel_is_closed(channel_.get()) == 0 &&
      ssh_is_connected(session_.get()) != 0)
    return Step::done;
  return Step::failed;
}

bool SshClient::pending() const {
  return (ssh_get_poll_flags(session_.get()) & SSH_WRITE_PENDING) != 0;
}

// From every write on, libssh holds the socket for full until it has looked at it again. Of the calls that
// look, this one does so whatever else has come.
void SshClient::flush(bool reading) {
  if (reading || pending()) take_in(channel_.get());
}

std::size_t SshClient::write(std::string_view from) {
  // libssh would keep what the socket does not take, without a bound.
  if (pending()) return 0;
  const std::size_t fits = std::min<std::size_t>(from.size(), ssh_channel_window_size(channel_.get()));
  if (fits == 0) return 0;
  const int result = ssh_channel_write(channel_.get(), from.data(), static_cast<std::uint32_t>(fits));
  return result > 0 ? static_cast<std::size_t>(result) : 0;
}

Step SshClient::outcome(std::optional<int>& status, std::string& signal) {
  // Takes in what has come meanwhile, as reading does not behind the end of the output.
  take_in(channel_.get());
  status = exit_->status;
  signal = exit_->signal;
  if (status || !signal.empty()) return Step::done;
  return ssh_channel_is_closed(channel_.get()) != 0 || ssh_is_connected(session_.get()) == 0 ? Step::failed
                                                                                             : Step::again;
}

std::unique_ptr<SshSubsystem> SshClient::subsystem(const char* name) {
  return std::make_unique<SshSubsystem>(session_.get(), arrivals_, name);
}

bool SshClient::exited() const {
  if (!exit_) return false;
  return exit_->status || !exit_->signal.empty() || ssh_channel_is_closed(channel_.get()) != 0;
}

bool SshClient::arrived() {
  return std::exchange(arrivals_.any, false);
}

void SshClient::arm(const std::shared_ptr<Event>& event, bool reading) {
  // Behind the end of a shell flush() looks at nothing any more, and nothing is left to say.
  armed_.arm(socket_, event, reading, pending() && !exited());
}

std::string SshClient::error() const {
  const char* text = no_match_.empty() ? ssh_get_error(session_.get()) : no_match_.c_str();
  return printable(text == nullptr ? "" : text, kMaxSaid);
}

}  // namespace cfpipe::edge::terminal
