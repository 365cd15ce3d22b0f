// The way of a session to its shell.
#include <algorithm>
#include <utility>

#include "auth/ssh/key.h"
#include "base/access_headers.h"
#include "edge/terminal/session.h"
#include "edge/tunnel/origin.h"

namespace cfpipe::edge::terminal {
namespace net = boost::asio;
namespace {

std::string capitalised(std::string text) {
  if (!text.empty() && text.front() >= 'a' && text.front() <= 'z')
    text.front() = static_cast<char>(text.front() - 'a' + 'A');
  return text;
}

/// The algorithms by which a key of this type signs (RFC 8332 3 for RSA's).
std::string algorithms_of(const std::string& key_line) {
  const std::string type = key_line.substr(0, key_line.find(' '));
  return type == "ssh-rsa" ? "rsa-sha2-512,rsa-sha2-256" : type;
}

std::string fingerprint_of(const std::string& key_line) {
  const auto key = auth::parse_public_key_line(key_line);
  return key ? auth::fingerprint(key->blob) : std::string();
}

std::string joined(const std::vector<std::string>& all) {
  std::string out;
  for (const std::string& one : all) {
    if (("," + out + ",").find("," + one + ",") != std::string::npos) continue;
    out += (out.empty() ? "" : ",") + one;
  }
  return out;
}

// What is between the brackets behind `name` in libssh's words.
std::string in_brackets(const std::string& text, const std::string& name) {
  const auto begin = text.find(name + " [");
  if (begin == std::string::npos) return {};
  const auto from = begin + name.size() + 2;
  const auto to = text.find(']', from);
  return to == std::string::npos ? std::string() : text.substr(from, to - from);
}

// libssh has no other way to say it than its text: "kex error : no match for method WHAT: server [A,B],
// client [C]".
std::optional<Ending> algorithms_ending(const std::string& error, const std::string& host) {
  constexpr std::string_view kNoMatch = "no match for method ";
  const auto at = error.find(kNoMatch);
  if (at == std::string::npos) return std::nullopt;
  const auto from = at + kNoMatch.size();
  const std::string what = error.substr(from, error.find(':', from) - from);
  return Ending{
      "algorithms",
      "The edge and the SSH server of " + host + " have no algorithm in common (" + what + ").",
      "The server's administrator can add one of the edge's to its sshd_config.",
      0,
      {{"what", what}, {"server", in_brackets(error, "server")}, {"client", in_brackets(error, "client")}}};
}

bool has(const std::vector<std::string>& all, std::string_view one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

}  // namespace

// Takes a step again until it says something else. failed: ending_ may say why.
template <class Op>
net::awaitable<Step> Session::settle(Op& op) {
  const auto deadline = Clock::now() + kServerTimeout;
  Step step = op();
  while (step == Step::again) {
    const bool on = co_await pause(deadline, true);
    if (!on) co_return Step::failed;
    step = op();
    if (step != Step::again || Clock::now() < deadline) continue;
    end({"lost", "The SSH server of " + where() + " does not answer.", "Try again."});
    co_return Step::failed;
  }
  co_return step;
}

bool Session::broken_off() {
  const std::string said = ssh_->error();
  end({"lost",
       "The SSH server of " + where() + " broke off the connection.",
       "Try again.",
       0,
       {{"said", said}}});
  return false;
}

net::awaitable<bool> Session::reach() {
  tell(FrameType::event, connecting_event(where(), user_));
  auto dialled = co_await grant_.origin->dial(ends_);
  if (const auto* refusal = std::get_if<Answer>(&dialled)) {
    std::string reason = "it cannot be reached";
    for (const auto& [name, value] : refusal->headers)
      if (name == kReasonHeader) reason = value;
    end({"origin_down", capitalised(reason) + ".",
         "Try again; if it stays like this, tell the server's administrator."});
    co_return false;
  }
  tunnel_ = co_await site_.opened(grant_, request_);
  tunnel_->handle->count(counters_);
  tunnel_->handle->on_dismissed([this](const std::string& why) {
    end({"revoked", "This session was ended: " + why + ".", ""});
  });
  auto key = co_await site_.known_host_key(grant_);
  if (!key) {
    end({"internal", "The edge cannot reach its state.", "Try again in a moment."});
    co_return false;
  }
  std::vector<std::string> algorithms;
  for (const std::string& pinned : grant_.terminal->host_keys) algorithms.push_back(algorithms_of(pinned));
  if (algorithms.empty() && !key->empty()) algorithms.push_back(algorithms_of(*key));
  ssh_ = std::make_unique<SshClient>(std::get<OriginSocket>(std::move(dialled)), user_, joined(algorithms));
  const auto connect = [this] { return ssh_->connect(); };
  const Step step = co_await settle(connect);
  if (step != Step::done) {
    if (auto ending = algorithms_ending(ssh_->error(), where())) end(std::move(*ending));
    co_return broken_off();
  }
  co_return co_await check_host_key(*key);
}

net::awaitable<bool> Session::check_host_key(std::string recorded) {
  const std::string shown = ssh_->host_key();
  host_key_ = fingerprint_of(shown);
  const auto& pinned = grant_.terminal->host_keys;
  if (has(pinned, shown) || (pinned.empty() && recorded == shown)) co_return true;
  if (!pinned.empty() || !recorded.empty()) {
    std::string before;
    for (const std::string& one : pinned) before += (before.empty() ? "" : ", ") + fingerprint_of(one);
    if (pinned.empty()) before = fingerprint_of(recorded);
    end({"host_key_changed",
         "The SSH server of " + where() + " shows another key than it should: an attacker may be in between.",
         "Do not enter anything there. The edge's administrator can tell it of a new key: cfpipe-edge "
         "host-key.",
         0,
         {{"recorded", before}, {"shown", host_key_}}});
    co_return false;
  }
  const auto kept = co_await site_.trust_host_key(grant_, request_, shown);
  if (!kept) {
    end({"internal", "The edge cannot keep the server's key now.", "Try again in a moment."});
    co_return false;
  }
  first_use_ = true;
  co_return true;
}

net::awaitable<bool> Session::log_in() {
  if (grant_.terminal->certified) co_return co_await log_in_by_certificate();
  const auto op = [this] { return ssh_->log_in_without(); };
  const Step step = co_await settle(op);
  if (step == Step::done) co_return true;
  if (step == Step::failed) co_return broken_off();
  co_return co_await log_in_by_asking({});
}

// The key exists only during this call.
net::awaitable<bool> Session::log_in_by_certificate() {
  const auto key = auth::SshKey::generate(grant_.terminal->key);
  const auto papers = co_await site_.certify(grant_, request_, key.authorized_key());
  if (!papers) {
    end({"login_failed", capitalised(papers.error().detail) + ".", "Tell the edge's administrator."});
    co_return false;
  }
  const Secret pem = key.private_file();
  const Secret none;
  const auto op = [&] { return ssh_->log_in_with_key(pem, none, *papers); };
  const Step step = co_await settle(op);
  if (step == Step::done) co_return true;
  if (step == Step::partly) co_return co_await log_in_by_asking({});
  if (step != Step::refused) co_return broken_off();
  std::string users;
  for (const std::string& user : grant_.terminal->users) users += (users.empty() ? "" : ", ") + user;
  const bool for_this = has(grant_.terminal->users, user_);
  end({"principal_refused",
       where() + " does not let you in as " + user_ + ".",
       for_this
           ? "Your certificate is for that user: its sshd may not trust the CA of " + where() +
                 ", or there is no such user."
           : "Your certificate is for " + users + "; connect as that user, unless the server maps others.",
       0,
       {{"users", users}}});
  co_return false;
}

net::awaitable<std::optional<LogIn>> Session::ask(std::string event) {
  given_.reset();
  tell(FrameType::event, event);
  const auto deadline = Clock::now() + kPersonTimeout;
  while (!given_) {
    // No page reads the server's output before the answer.
    const bool on = co_await pause(deadline, false);
    if (!on) co_return std::nullopt;
    if (!given_ && Clock::now() >= deadline) {
      end({"login_failed", "The login took too long.", "Connect again."});
      co_return std::nullopt;
    }
  }
  co_return std::exchange(given_, std::nullopt);
}

net::awaitable<bool> Session::log_in_by_asking(std::string error) {
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    const auto methods = ssh_->methods();
    std::vector<std::string> offered;
    if (has(methods, "password") || has(methods, "keyboard-interactive")) offered.emplace_back("password");
    if (has(methods, "publickey")) offered.emplace_back("publickey");
    if (offered.empty()) {
      end({"login_failed", "The SSH server of " + where() + " takes no way to log in that this page has.",
           ""});
      co_return false;
    }
    auto given = co_await ask(credentials_event(offered, error));
    if (!given) co_return false;
    error = "The server does not take that.";
    const Step step = co_await try_with(*given, error);
    if (step == Step::done) co_return true;
    if (ending_) co_return false;
    if (step == Step::failed) {
      end({"login_failed", where() + " does not let you in as " + user_ + ".",
           "Connect again to try once more."});
      co_return false;
    }
    if (step == Step::partly) error.clear();
  }
  end({"login_failed", where() + " does not let you in as " + user_ + ".",
       "Connect again to try once more."});
  co_return false;
}

net::awaitable<Step> Session::try_with(LogIn& given, std::string& error) {
  if (given.private_key) {
    const auto op = [&] { return ssh_->log_in_with_key(*given.private_key, given.passphrase, {}); };
    const Step step = co_await settle(op);
    if (!ssh_->key_fault().empty()) error = "This is not a key that can be used: " + ssh_->key_fault() + ".";
    co_return step;
  }
  if (!given.password) co_return Step::refused;
  if (!has(ssh_->methods(), "password")) co_return co_await answer_questions(&given);
  const auto op = [&] { return ssh_->log_in_with_password(*given.password); };
  co_return co_await settle(op);
}

// A server that asks for nothing but one secret wants the password that has just been typed.
net::awaitable<Step> Session::answer_questions(LogIn* given) {
  InfoRequest info_request;
  const std::vector<Secret>* answers = nullptr;
  LogIn last;
  for (int round = 0; round < kMaxAttempts; ++round) {
    const auto op = [&] { return ssh_->log_in_with_answers(info_request, std::exchange(answers, nullptr)); };
    const Step step = co_await settle(op);
    if (step != Step::info_request) co_return step;
    last = LogIn();
    if (round == 0 && info_request.prompts.size() == 1 && !info_request.prompts.front().echo) {
      last.answers.push_back(std::move(*given->password));
    } else if (!info_request.prompts.empty()) {
      auto said = co_await ask(prompts_event(info_request));
      if (!said) co_return Step::failed;
      last = std::move(*said);
    }
    answers = &last.answers;
  }
  co_return Step::refused;
}

net::awaitable<bool> Session::open_shell() {
  const auto op = [this] { return ssh_->open_shell(size_); };
  const Step step = co_await settle(op);
  if (step == Step::done) co_return true;
  if (!ending_)
    end({"login_failed", where() + " gives no shell to " + user_ + ".", "", 0, {{"said", ssh_->error()}}});
  co_return false;
}

}  // namespace cfpipe::edge::terminal
