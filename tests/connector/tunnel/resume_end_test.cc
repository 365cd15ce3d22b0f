#include "connector/tunnel/resume_end.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tunnel/resume/admission.h"

namespace cfpipe::connector {
namespace {

namespace net = boost::asio;
using net::ip::tcp;
using namespace std::chrono_literals;

const std::string kVersion = "SSH-2.0-one\r\n";
const std::string kOther = "SSH-2.0-other\r\n";
constexpr std::size_t kLine = 78;  // bytes of the announcement

/// An SSH server that is the test.
struct Server {
  explicit Server(net::io_context& io) : acceptor(io, tcp::endpoint(net::ip::make_address("127.0.0.1"), 0)) {
    accept();
  }
  void accept() {
    acceptor.async_accept([this](const boost::system::error_code& error, tcp::socket socket) {
      if (error) return;
      ++connections;
      if (version.empty() && !holds) {
        boost::system::error_code ignored;
        socket.close(ignored);
      } else {
        open.push_back(std::move(socket));
        if (!holds) greet(open.size() - 1);
      }
      accept();
    });
  }
  void greet(std::size_t which) { net::write(open.at(which), net::buffer(version)); }
  Authority place() const {
    return Authority::parse("127.0.0.1:" + std::to_string(acceptor.local_endpoint().port())).value();
  }

  tcp::acceptor acceptor;
  std::string version = kVersion;  ///< empty: it closes what comes
  bool holds = false;              ///< it says nothing before greet()
  std::size_t connections = 0;
  std::vector<tcp::socket> open;
};

class ResumeEndTest : public ::testing::Test {
 protected:
  ResumeEndTest()
      : server_(io_), second_(io_), way_(io_, tcp::endpoint(net::ip::make_address("127.0.0.1"), 0)) {
    const AllowList list({AllowedOrigin::parse(server_.place().text()).value(),
                          AllowedOrigin::parse(second_.place().text()).value()});
    tunnels_ = std::make_shared<TunnelServer>(io_.get_executor(),
                                              std::make_shared<const TunnelRules>(TunnelRules{list, false}));
    end_ = ResumeEnd::make(io_.get_executor(), tunnels_, 1s);
  }
  ~ResumeEndTest() override {
    end_->leave();
    tunnels_->cut();
    run_until([this] { return tunnels_->open() == 0; });
  }

  bool run_until(const std::function<bool()>& done) {
    const auto late = std::chrono::steady_clock::now() + 20s;
    while (!done() && std::chrono::steady_clock::now() < late) {
      io_.restart();
      io_.run_one_for(10ms);
    }
    return done();
  }
  /// Until nothing is left to do at once.
  void settle() {
    io_.restart();
    while (io_.poll() > 0) io_.restart();
  }
  void run_for(std::chrono::milliseconds time) {
    io_.restart();
    io_.run_for(time);
  }
  /// The origin is announced to clients from then on.
  void learn(Server& server) {
    const auto before = server.connections;
    end_->use(server.place());
    ASSERT_TRUE(run_until([&] { return server.connections > before; }));
    while (announced(come()).empty()) settle();
    settle();
    opened_before_ = tunnels_->counts().opened;
  }
  std::uint64_t opened() const { return tunnels_->counts().opened - opened_before_; }
  tcp::socket come() {
    tcp::socket client(io_);
    client.connect(way_.local_endpoint());
    end_->serve(way_.accept());
    return client;
  }
  /// What comes until there are so many bytes, or the end.
  std::string heard(tcp::socket& client, std::size_t bytes) {
    std::string out(bytes, '\0');
    bool over = false;
    net::async_read(client, net::buffer(out), [&](const boost::system::error_code&, std::size_t count) {
      over = true;
      out.resize(count);
    });
    if (run_until([&] { return over; })) return out;
    client.cancel();
    run_until([&] { return over; });
    return out + " and no end";
  }
  bool is_closed(tcp::socket& client) { return heard(client, 1).empty(); }
  /// The public key that is announced; empty: none is.
  std::string announced(tcp::socket&& client) { return announced(client); }
  std::string announced(tcp::socket& client) {
    const std::string first = heard(client, 4);
    if (first == "SSH-") return {};
    const auto line = tunnel::parse_announcement(first + heard(client, kLine - 4));
    return line ? line->key : "";
  }
  /// A client that has been told this version.
  tcp::socket greeted(const std::string& version = kVersion) {
    auto client = come();
    key_ = announced(client);
    EXPECT_EQ(key_.size(), tunnel::kResumeKeyBytes);
    EXPECT_EQ(heard(client, version.size()), version);
    return client;
  }
  void open(tcp::socket& client, const std::string& key = std::string(tunnel::kResumeKeyBytes, 'k')) {
    net::write(client, net::buffer(tunnel::in_band(tunnel::ResumeOpen{key})));
  }
  tunnel::ResumeAttach attach(const std::string& key = std::string(tunnel::kResumeKeyBytes, 'k')) const {
    tunnel::ResumeAttach out;
    out.session = tunnel::in_band_session(key, key_);
    out.epoch = 1;
    out.proof = std::string(tunnel::kProofBytes, 'p');
    return out;
  }
  std::vector<std::shared_ptr<const void>> all_seats_but(std::size_t free) {
    std::vector<std::shared_ptr<const void>> seats;
    while (seats.size() + free < kMaxFronted) seats.push_back(tunnels_->count_fronted("another"));
    return seats;
  }

  net::io_context io_;
  Server server_, second_;
  tcp::acceptor way_;
  std::shared_ptr<TunnelServer> tunnels_;
  std::shared_ptr<ResumeEnd> end_;
  std::string key_;  ///< of the end
  std::uint64_t opened_before_ = 0;
};

// What a client was told is part of what it signs: another version, known by now, is not the one.
TEST_F(ResumeEndTest, ledToTheVersionThatWasTold) {
  learn(server_);
  auto client = greeted();
  second_.version = kOther;
  learn(second_);
  net::write(client, net::buffer(kVersion));
  EXPECT_TRUE(is_closed(client));
  auto next = greeted(kOther);
  net::write(next, net::buffer(kVersion));
  EXPECT_TRUE(run_until([this] { return opened() == 1; }));
}

TEST_F(ResumeEndTest, anotherOriginIsLearnedBehindOneThatIsSilent) {
  server_.holds = true;
  end_->use(server_.place());
  ASSERT_TRUE(run_until([this] { return server_.open.size() == 1; }));
  end_->use(second_.place());
  server_.open.clear();
  EXPECT_TRUE(run_until([this] { return second_.connections == 1; }));
}

// An origin that answers in another order than it is asked in.
TEST_F(ResumeEndTest, beginningsThatAreOvertakenLeaveNothing) {
  learn(server_);
  server_.holds = true;
  const auto before = server_.open.size();
  auto first = greeted();
  open(first);
  ASSERT_TRUE(run_until([&] { return server_.open.size() == before + 1; }));
  auto second = greeted();
  open(second);
  ASSERT_TRUE(run_until([&] { return server_.open.size() == before + 2; }));
  EXPECT_EQ(end_->opening(), 1u);
  server_.greet(before + 1);
  ASSERT_TRUE(run_until([this] { return opened() == 1; }));
  server_.greet(before);
  EXPECT_TRUE(is_closed(first));
  EXPECT_EQ(end_->opening(), 0u);
  EXPECT_EQ(opened(), 1u);
}

// A stranger's attempt is still being answered when the tunnel ends, and the time comes that it waited for.
TEST_F(ResumeEndTest, aTunnelMayEndWhileAStrangerIsRefused) {
  learn(server_);
  auto client = greeted();
  open(client);
  ASSERT_TRUE(run_until([this] { return opened() == 1; }));
  client.close();
  auto stranger = greeted();
  net::write(stranger, net::buffer(tunnel::in_band(attach())));
  EXPECT_EQ(heard(stranger, 7), "1 gone\n");
  auto anew = greeted();
  open(anew);
  ASSERT_TRUE(run_until([this] { return opened() == 2; }));
  run_for(1'200ms);
  net::write(server_.open.back(), net::buffer(std::string("go on")));
  EXPECT_EQ(heard(anew, 9).substr(4), "go on");
}

TEST_F(ResumeEndTest, oneWhoSaysNothingGivesWay) {
  learn(server_);
  settle();
  const auto seats = all_seats_but(1);
  auto silent = greeted();
  auto client = greeted();
  EXPECT_TRUE(is_closed(silent));
  net::write(client, net::buffer(kVersion));
  EXPECT_TRUE(run_until([this] { return opened() == 1; }));
  auto another = come();
  EXPECT_TRUE(is_closed(another)) << "tunnels that are in use do not";
}

TEST_F(ResumeEndTest, tunnelsWithoutTheirClientGiveWay) {
  learn(server_);
  settle();
  auto client = greeted();
  open(client);
  ASSERT_TRUE(run_until([this] { return opened() == 1; }));
  const auto seats = all_seats_but(1);
  client.close();
  settle();
  auto next = greeted();
  net::write(next, net::buffer(kVersion));
  EXPECT_TRUE(run_until([this] { return opened() == 2; }));
}

// Its version is that of the machine that a connection happens to reach.
TEST_F(ResumeEndTest, aServerOfSeveralVersionsIsAnnouncedNoMore) {
  learn(server_);
  for (const auto* version : {&kOther, &kVersion}) {
    auto client = greeted(version == &kOther ? kVersion : kOther);
    server_.version = *version;
    net::write(client, net::buffer(kVersion));
    EXPECT_TRUE(is_closed(client));
  }
  for (const auto* version : {&kOther, &kVersion, &kOther}) {
    server_.version = *version;
    auto client = come();
    EXPECT_EQ(heard(client, version->size()), *version);
  }
}

// Clients that come back need no more of the server than that it goes on.
TEST_F(ResumeEndTest, aServerThatTakesNoOneKeepsItsTunnelsInReach) {
  learn(server_);
  auto client = greeted();
  open(client);
  ASSERT_TRUE(run_until([this] { return opened() == 1; }));
  server_.version.clear();
  for (int i = 0; i < 3; ++i) {
    auto other = greeted();
    net::write(other, net::buffer(kVersion));
    EXPECT_TRUE(is_closed(other));
  }
  server_.open.clear();
  client.close();
  ASSERT_TRUE(run_until([this] { return tunnels_->open() == 0; }));
  auto plain = come();
  EXPECT_TRUE(is_closed(plain)) << "without tunnels there is nothing to announce";
}

}  // namespace
}  // namespace cfpipe::connector
