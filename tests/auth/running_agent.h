#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <ctime>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "auth/agent/server.h"

namespace cfpipe::auth::testing {

namespace net = boost::asio;

using Identity = std::shared_ptr<const KeyAndCertificate>;

/// A certificate over a key for `principal` that is good for so many seconds, signed by `ca`.
inline std::shared_ptr<const Certificate> certificate_over(const std::string& key_blob, const SshKey& ca,
                                                           const std::string& principal,
                                                           std::int64_t seconds = 300) {
  CertFields fields;
  fields.key_id = "ann@example.com";
  fields.principals = {principal};
  fields.extensions = default_extensions();
  fields.valid_before = static_cast<std::uint64_t>(std::time(nullptr) + seconds);
  fields.valid_after = fields.valid_before - 600;
  const auto line = make_user_certificate(key_blob, fields, ca);
  return std::make_shared<const Certificate>(*parse_certificate(*line));
}

/// A key of this kind with such a certificate.
inline Identity make_identity(std::int64_t seconds = 300, KeyType type = KeyType::ed25519,
                              const SshKey& ca = SshKey::generate(KeyType::ed25519),
                              const std::string& principal = "ann") {
  SshKey key = SshKey::generate(type);
  Certificate certificate = *certificate_over(key.public_blob(), ca, principal, seconds);
  return std::make_shared<const KeyAndCertificate>(KeyAndCertificate{std::move(key), std::move(certificate)});
}

/// An agent on an event loop of its own, as each cfpipe process has one.
class RunningAgent {
 public:
  explicit RunningAgent(const std::string& path, const Identity& identity = nullptr,
                        std::chrono::milliseconds wait = kIdentityWait) {
    AgentServerOptions options(path);
    options.identity_wait = wait;
    auto server = AgentServer::open(context_.get_executor(), options);
    if (!server) throw std::runtime_error(server.error().detail);
    server_ = std::move(*server);
    if (identity) server_->offer(identity);
    thread_ = std::thread([this] { context_.run(); });
  }
  ~RunningAgent() {
    on_loop([this] { server_.reset(); });
    work_.reset();
    thread_.join();  // also: nothing may be left on the loop
  }
  RunningAgent(const RunningAgent&) = delete;
  RunningAgent& operator=(const RunningAgent&) = delete;
  void offer(const Identity& identity) {
    on_loop([&] { server_->offer(identity); });
  }
  void offer(const std::shared_ptr<const Certificate>& certificate, const std::string& other_agent) {
    on_loop([&] { server_->offer(certificate, other_agent); });
  }
  void expect() {
    on_loop([&] { server_->expect(); });
  }
  void give_up() {
    on_loop([&] { server_->give_up(); });
  }
  std::size_t clients() {
    std::size_t count = 0;
    on_loop([&] { count = server_->clients(); });
    return count;
  }
  bool was_declined() {
    bool declined = false;
    on_loop([&] { declined = server_->was_declined(); });
    return declined;
  }

 private:
  template <class F>
  void on_loop(F f) {
    std::promise<void> done;
    net::post(context_, [&] {
      f();
      done.set_value();
    });
    done.get_future().wait();
  }
  net::io_context context_{1};
  net::executor_work_guard<net::io_context::executor_type> work_ = net::make_work_guard(context_);
  std::unique_ptr<AgentServer> server_;
  std::thread thread_;
};

/// Waits for another thread; false after ten seconds.
template <class Condition>
bool eventually(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace cfpipe::auth::testing
