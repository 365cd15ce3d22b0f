#include "edge/terminal/ssh_login.h"

#include <algorithm>
#include <utility>

#include "auth/ssh/key.h"
#include "base/access_headers.h"
#include "base/secret.h"
#include "edge/terminal/grant.h"

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

// libssh has no other way to say it than its text.
std::optional<Ending> algorithms_ending(const std::string& error, const std::string& host) {
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

net::awaitable<std::variant<OriginSocket, Ending>> dial_for_login(const TunnelGrant& grant,
                                                                  const ConnectionEnds& ends) {
  auto dialled = co_await grant.origin->dial(grant, ends);
  if (auto* socket = std::get_if<OriginSocket>(&dialled)) co_return std::move(*socket);
  std::string reason = "it cannot be reached";
  for (const auto& [name, value] : std::get<Answer>(dialled).headers)
    if (name == kReasonHeader) reason = value;
  Ending down{"origin_down", capitalised(reason) + ".",
              "Try again; if it stays like this, tell the server's administrator."};
  co_return down;
}

SshLogin::SshLogin(TerminalControl& site, const TunnelGrant& grant, SharedRequest request, std::string user,
                   LoginPage page, LoginTimeouts timeouts)
    : site_(site),
      grant_(grant),
      request_(std::move(request)),
      user_(std::move(user)),
      page_(std::move(page)),
      timeouts_(timeouts) {}

SshLogin::~SshLogin() = default;

net::awaitable<LoginOutcome> SshLogin::run(OriginSocket socket) {
  bool good = co_await exchange_keys(std::move(socket));
  if (good) good = co_await check_host_key();
  if (good) good = co_await log_in();
  if (good) good = co_await open_shell();
  if (!good) co_return std::move(*outcome_);
  Shell shell{std::move(ssh_), std::move(host_key_), first_use_};
  co_return shell;
}

/// The first outcome counts: what a step says of a login that has ended already is a consequence. False.
bool SshLogin::end(LoginOutcome outcome) {
  if (!outcome_) outcome_ = std::move(outcome);
  return false;
}

bool SshLogin::broken_off() {
  return end(Ending{"lost",
                    "The SSH server of " + host() + " broke off the connection.",
                    "Try again.",
                    0,
                    {{"said", ssh_->error()}}});
}

/// Repeats a step until it is not `again`. failed: outcome_ may say why.
template <class Op>
net::awaitable<Step> SshLogin::settle(Op& op) {
  const auto deadline = Event::Clock::now() + timeouts_.server;
  Step step = op();
  while (step == Step::again) {
    const bool on = co_await page_.wait(ssh_.get(), deadline);
    if (!on) {
      end(std::monostate());
      co_return Step::failed;
    }
    step = op();
    if (step != Step::again || Event::Clock::now() < deadline) continue;
    end(Ending{"lost", "The SSH server of " + host() + " does not answer.", "Try again."});
    co_return Step::failed;
  }
  co_return step;
}

net::awaitable<bool> SshLogin::exchange_keys(OriginSocket socket) {
  auto key = co_await site_.known_host_key(grant_);
  if (!key) co_return end(Ending{"internal", "The edge cannot reach its state.", "Try again in a moment."});
  recorded_ = std::move(*key);
  std::vector<std::string> algorithms;
  for (const std::string& pinned : grant_.terminal->host_keys) algorithms.push_back(algorithms_of(pinned));
  if (algorithms.empty() && !recorded_.empty()) algorithms.push_back(algorithms_of(recorded_));
  ssh_ = std::make_unique<SshClient>(std::move(socket), user_, joined(algorithms));
  const auto connect = [this] { return ssh_->connect(); };
  const Step step = co_await settle(connect);
  if (step == Step::done) co_return true;
  if (auto ending = algorithms_ending(ssh_->error(), host())) co_return end(std::move(*ending));
  co_return broken_off();
}

net::awaitable<bool> SshLogin::check_host_key() {
  const std::string shown = ssh_->host_key();
  host_key_ = fingerprint_of(shown);
  const auto& pinned = grant_.terminal->host_keys;
  if (has(pinned, shown) || (pinned.empty() && recorded_ == shown)) co_return true;
  if (!pinned.empty() || !recorded_.empty()) {
    std::string before;
    for (const std::string& one : pinned) before += (before.empty() ? "" : ", ") + fingerprint_of(one);
    if (pinned.empty()) before = fingerprint_of(recorded_);
    co_return end(Ending{
        "host_key_changed",
        "The SSH server of " + host() + " shows another key than it should: an attacker may be in between.",
        "Do not enter anything there. The edge's administrator can tell it of a new key: cfpipe-edge "
        "host-key.",
        0,
        {{"recorded", before}, {"shown", host_key_}}});
  }
  const auto kept = co_await site_.trust_host_key(grant_, request_, shown);
  if (!kept) {
    co_return end(Ending{"internal", "The edge cannot keep the server's key now.", "Try again in a moment."});
  }
  first_use_ = true;
  co_return true;
}

net::awaitable<bool> SshLogin::log_in() {
  if (grant_.terminal->certified) co_return co_await log_in_by_certificate();
  const auto op = [this] { return ssh_->log_in_without(); };
  const Step step = co_await settle(op);
  if (step == Step::done) co_return true;
  if (step == Step::failed) co_return broken_off();
  co_return co_await log_in_by_asking({});
}

// The key exists only during this call.
net::awaitable<bool> SshLogin::log_in_by_certificate() {
  const auto key = auth::SshKey::generate(grant_.terminal->key);
  const auto papers = co_await site_.certify(grant_, request_, key.authorized_key());
  if (!papers) {
    co_return end(
        Ending{"login_failed", capitalised(papers.error().detail) + ".", "Tell the edge's administrator."});
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
  co_return end(Ending{"principal_refused",
                       host() + " does not let you in as " + user_ + ".",
                       for_this ? "Your certificate is for that user: its sshd may not trust the CA of " +
                                      host() + ", or there is no such user."
                                : "Your certificate is for " + users +
                                      "; connect as that user, unless the server maps others.",
                       0,
                       {{"users", users}}});
}

net::awaitable<std::optional<LogIn>> SshLogin::ask(std::string event) {
  (void)page_.take_credentials();  // what came before the question is no answer to it
  page_.tell(event);
  const auto deadline = Event::Clock::now() + timeouts_.person;
  for (;;) {
    // No page reads the server's output before the answer.
    const bool on = co_await page_.wait(nullptr, deadline);
    if (!on) {
      end(std::monostate());
      co_return std::nullopt;
    }
    if (auto given = page_.take_credentials()) co_return given;
    if (Event::Clock::now() < deadline) continue;
    end(Ending{"login_failed", "The login took too long.", "Connect again."});
    co_return std::nullopt;
  }
}

net::awaitable<bool> SshLogin::log_in_by_asking(std::string error) {
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    const auto methods = ssh_->methods();
    std::vector<std::string> offered;
    if (has(methods, "password") || has(methods, "keyboard-interactive")) offered.emplace_back("password");
    if (has(methods, "publickey")) offered.emplace_back("publickey");
    if (offered.empty()) {
      co_return end(Ending{
          "login_failed", "The SSH server of " + host() + " takes no way to log in that this page has.", ""});
    }
    auto given = co_await ask(credentials_event(offered, error));
    if (!given) co_return false;
    error = "The server does not take that.";
    const Step step = co_await try_with(*given, error);
    if (step == Step::done) co_return true;
    if (outcome_) co_return false;
    if (step == Step::failed) {
      co_return end(Ending{"login_failed", host() + " does not let you in as " + user_ + ".",
                           "Connect again to try once more."});
    }
    if (step == Step::partly) error.clear();
  }
  co_return end(Ending{"login_failed", host() + " does not let you in as " + user_ + ".",
                       "Connect again to try once more."});
}

net::awaitable<Step> SshLogin::try_with(LogIn& given, std::string& error) {
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
net::awaitable<Step> SshLogin::answer_questions(LogIn* given) {
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

net::awaitable<bool> SshLogin::open_shell() {
  const auto op = [this] { return ssh_->open_shell(page_.size()); };
  const Step step = co_await settle(op);
  if (step == Step::done) co_return true;
  co_return end(
      Ending{"login_failed", host() + " gives no shell to " + user_ + ".", "", 0, {{"said", ssh_->error()}}});
}

}  // namespace cfpipe::edge::terminal
