// `doctor`: walks the way to the edge, and to each origin that is listed by itself.
#include <fmt/format.h>

#include <boost/asio/this_coro.hpp>
#include <chrono>
#include <cstdio>
#include <functional>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "base/text.h"
#include "connector/command/commands.h"
#include "connector/command/diagnosis.h"
#include "connector/command/event_loop.h"
#include "connector/command/origin_check.h"
#include "connector/link/attach.h"
#include "service/sshd_sources.h"
#include "transport/dial/dialer.h"
#include "transport/http2/connection.h"
#include "transport/net/resolve.h"

namespace cfpipe::connector {
namespace net = boost::asio;
namespace {

using Clock = std::chrono::steady_clock;

/// Addresses of a name that are shown, and origins that are looked at.
constexpr std::size_t kShownAddresses = 4;
constexpr std::size_t kMaxCheckedOrigins = 16;
constexpr std::size_t kInstanceRandom = 12;
constexpr std::int64_t kDay = 86'400;  // seconds

/// What a step that succeeded has seen.
struct Seen {
  std::string detail;
  bool skipped = false;
};
using Step = net::awaitable<Result<Seen>>;

class Doctor {
 public:
  Doctor(Config config, transport::DialOptions dial, Result<Enrolment> enrolment)
      : config_(std::move(config)), dial_(std::move(dial)), enrolment_(std::move(enrolment)) {}

  net::awaitable<Diagnosis> walk();

 private:
  transport::Url url() const { return edge_url(enrolment_->edge, "/"); }
  const transport::Proxy* proxy_in_use() const;
  Step enrolment();
  Step dns();
  Step proxy();
  Step tcp();
  Step tls();
  Step attaching();
  net::awaitable<void> origins(Diagnosis& out);

  Config config_;
  transport::DialOptions dial_;
  Result<Enrolment> enrolment_;
};

void add(Diagnosis& out, std::string stage, Clock::time_point started, const Result<Seen>& seen) {
  Finding finding;
  finding.stage = std::move(stage);
  finding.took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - started);
  if (seen) {
    finding.result = seen->skipped ? Finding::Result::skipped : Finding::Result::ok;
    finding.detail = seen->detail;
  } else {
    finding.result = Finding::Result::failed;
    finding.failure = seen.error();
  }
  out.findings.push_back(std::move(finding));
}

net::awaitable<Diagnosis> Doctor::walk() {
  struct Named {
    const char* name;
    Step (Doctor::*run)();
  };
  static constexpr Named kSteps[] = {{"enrolment", &Doctor::enrolment},
                                     {"dns", &Doctor::dns},
                                     {"proxy", &Doctor::proxy},
                                     {"tcp", &Doctor::tcp},
                                     {"tls", &Doctor::tls},
                                     {"attach", &Doctor::attaching}};
  Diagnosis out;
  out.title = enrolment_ ? enrolment_->name + " of " + enrolment_->edge_name() : "not enrolled";
  bool failed = false;
  for (const Named& step : kSteps) {
    const auto started = Clock::now();
    if (failed) {
      out.findings.push_back({step.name, Finding::Result::skipped, {}, {}, {}});
      continue;
    }
    auto running = (this->*step.run)();
    const auto seen = co_await std::move(running);
    failed = !seen;
    add(out, step.name, started, seen);
  }
  co_await origins(out);
  co_return out;
}

const transport::Proxy* Doctor::proxy_in_use() const {
  const Authority place = dial_.connect_to.value_or(Authority{url().host, url().port});
  if (!dial_.proxy || !dial_.proxy->covers(place.host, place.port_or(url().port))) return nullptr;
  return &dial_.proxy->proxy;
}

Step Doctor::enrolment() {
  if (!enrolment_) co_return enrolment_.error();
  co_return Seen{"connector " + enrolment_->id};
}

Step Doctor::dns() {
  const auto* through = proxy_in_use();
  if (through != nullptr && dial_.proxy->fault) co_return *dial_.proxy->fault;
  const Host host = through != nullptr ? through->host
                    : dial_.connect_to ? dial_.connect_to->host
                                       : url().host;
  const auto found = co_await transport::resolve(host, url().port, dial_.dns_deadline);
  if (!found) co_return found.error();
  std::string text = host.text() + " is";
  for (std::size_t i = 0; i < found->size() && i < kShownAddresses; ++i)
    text += (i == 0 ? " " : ", ") + (*found)[i].address().to_string();
  if (found->size() > kShownAddresses) text += fmt::format(" and {} more", found->size() - kShownAddresses);
  co_return Seen{std::move(text)};
}

Step Doctor::proxy() {
  const auto* through = proxy_in_use();
  if (through == nullptr) co_return Seen{"none", true};
  const auto socket = co_await transport::dial_tcp(url(), dial_);
  if (!socket) co_return socket.error();
  co_return Seen{through->shown() + " lets the connection through"};
}

Step Doctor::tcp() {
  if (proxy_in_use() != nullptr) co_return Seen{"the proxy connects", true};
  const auto socket = co_await transport::dial_tcp(url(), dial_);
  if (!socket) co_return socket.error();
  boost::system::error_code gone;
  const auto peer = socket->remote_endpoint(gone);
  co_return Seen{fmt::format("{} port {}", peer.address().to_string(), peer.port())};
}

Step Doctor::tls() {
  auto channel = co_await transport::dial_tls(url(), dial_);
  if (!channel) co_return channel.error();
  const auto peer = (*channel)->tls().peer();
  co_return Seen{fmt::format("{}, certificate by {}, good for {} days", peer.version, peer.issuer,
                             (peer.valid_until - unix_now()) / kDay)};
}

/// Once more, and for no tunnel: the edge hears at once that this connection ends.
Step Doctor::attaching() {
  const auto known = std::make_shared<const Enrolment>(*enrolment_);
  auto attached = co_await attach(dial_, known, random_id(kInstanceRandom));
  if (!attached) co_return attached.error();
  transport::H2Connection::start(std::move(attached->channel), transport::H2Role::server, {}, attached->early)
      ->close();
  co_return Seen{"the edge takes it"};
}

net::awaitable<void> Doctor::origins(Diagnosis& out) {
  const auto rules =
      std::make_shared<const TunnelRules>(TunnelRules{config_.origins, config_.per_user_addresses});
  std::size_t checked = 0;
  bool any = false;
  for (const AllowedOrigin& entry : config_.origins.entries()) {
    const auto single = entry.single();
    if (!single || checked++ >= kMaxCheckedOrigins) {
      const char* why = single ? "there are many" : "it names more than one";
      out.findings.push_back({entry.text, Finding::Result::skipped, why, {}, {}});
      continue;
    }
    const auto started = Clock::now();
    const auto said = co_await check_origin(rules, *single);
    add(out, entry.text, started, said ? Result<Seen>(Seen{*said}) : Result<Seen>(said.error()));
    any = any || said;
  }
  if (!config_.origins.is_preset() || !any) co_return;
  // sshd listens at one of the two addresses, which is enough.
  for (Finding& finding : out.findings) {
    if (!finding.failure || finding.stage.find(':') == std::string::npos) continue;
    finding = {finding.stage, Finding::Result::skipped, what_text(*finding.failure), {}, {}};
  }
}

}  // namespace

int doctor(const Options& options) {
  // Root sees more of it than the owner of the state.
  const auto rules = service::sshd_loopback_rules();
  if (const auto became = become_state_owner(options); !became) return complain(became.error());
  auto config = effective_config(options);
  if (!config) return complain(config.error());
  auto dial = dial_options(*config, options);
  if (!dial) return complain(dial.error());
  Doctor doctor(std::move(*config), std::move(*dial), load_enrolment(options.state_dir));
  return run_to_end([&]() -> net::awaitable<int> {
    const auto diagnosis = co_await doctor.walk();
    std::string text = diagnosis.text();
    for (const std::string& rule : rules) text += "  note: " + rule + "\n";
    (void)std::fputs(text.c_str(), stdout);
    co_return diagnosis.status();
  });
}

}  // namespace cfpipe::connector
