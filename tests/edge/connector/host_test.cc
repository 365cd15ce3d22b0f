// Connections of connectors: what is told of their ends, and how they are listed.
#include "edge/connector/host.h"

#include "edge/connector/connector_fixture.h"

namespace cfpipe::edge {
namespace {

class ConnectorHostTest : public ConnectorTest {};

TEST_F(ConnectorHostTest, EachConnectionsEndIsToldOnceWithItsReason) {
  const std::vector<std::pair<std::string, std::function<void(Attached&)>>> ways{
      {"the connector has closed it", [](Attached& one) { one.connection->close(); }},
      {"the connector was revoked", [](Attached& one) { one.host.load()->end("the connector was revoked"); }},
      {"the edge has drained it", [](Attached& one) { one.host.load()->drain(); }},
      {"the edge has stopped", [](Attached& one) { one.host.load()->stop(); }}};
  run([&]() -> net::awaitable<bool> {
    for (const auto& [reason, how] : ways) {
      Attached* one = co_await attach("id", "run", echo);
      EXPECT_EQ(ended.size(), attached.size() - 1) << "it is attached";
      std::optional<std::string> said;
      co_await connect_and_say(said);
      EXPECT_EQ(said, "connected");
      how(*one);
      while (!one->over || ended.size() < attached.size()) co_await woken_later();
      EXPECT_EQ(ended.back().reason, reason);
      EXPECT_EQ(ended.back().tunnels, 1u);
    }
    for (int turn = 0; turn < 3; ++turn) co_await woken_later();
    EXPECT_EQ(ended.size(), ways.size());
    co_return true;
  }());
}

// A request on a connection that a process took before it began to end.
TEST_F(ConnectorHostTest, OneThatIsSoonDrainedTakesTunnelsUntilThen) {
  run([this]() -> net::awaitable<bool> {
    Attached* one = co_await attach("id", "run", echo);
    one->host.load()->drain_soon();
    std::optional<std::string> said;
    co_await connect_and_say(said);
    EXPECT_EQ(said, "connected");
    while (!one->over || ended.empty()) co_await woken_later();
    EXPECT_EQ(ended.at(0).reason, "the edge has drained it");
    EXPECT_EQ(ended.at(0).tunnels, 1u);
    co_return true;
  }());
}

TEST_F(ConnectorHostTest, ARefusedConnectionsEndIsToldToo) {
  run([this]() -> net::awaitable<bool> {
    for (std::size_t i = 0; i < kMaxLinksOfConnector; ++i) co_await attach("id", "run", echo);
    Attached* more = co_await attach("id", "run", echo);
    while (!more->over || ended.empty()) co_await woken_later();
    EXPECT_EQ(ended.size(), 1u);
    EXPECT_EQ(ended.at(0).reason, "it has too many connections");
    co_return true;
  }());
}

TEST_F(ConnectorHostTest, RunsOfOneNameAreListedInTheOrderOfTheirAttachment) {
  run([this]() -> net::awaitable<bool> {
    for (const char* instance : {"b", "a", "b", "c", "a"}) co_await attach("id", instance, echo);
    co_await attach("other", "a", echo);
    std::vector<std::string> listed;
    for (const auto& one : registry->list())
      listed.push_back(one.id + one.instance + std::to_string(one.connections));
    EXPECT_EQ(listed, (std::vector<std::string>{"idb2", "ida2", "idc1", "othera1"}));
    co_return true;
  }());
}

}  // namespace
}  // namespace cfpipe::edge
