#include "cli/session/agent_socket.h"

#include <gtest/gtest.h>

#include <string>

#include "auth/agent/socket.h"
#include "support/hosts.h"

namespace cfpipe::cli {
namespace {

const std::string kState = "/home/ann/.cloudflared";

SocketPlaces places_with(const std::string& state_dir, const std::string& runtime_dir = {}) {
  SocketPlaces places;
  places.state_dir = state_dir;
  places.runtime_dir = runtime_dir;
  return places;
}

/// The path, with its tokens; empty: there is no room.
std::string path_for(const SocketPlaces& places, const Host& host = transport::host_of("vm.example.com")) {
  const auto socket = agent_socket(places, host);
  return socket ? socket->directory + "/" + socket->name : std::string();
}

/// As ssh expands it.
std::size_t longest(std::string path, const Host& host, std::size_t user_bytes) {
  if (const auto at = path.find("%r"); at != std::string::npos)
    path.replace(at, 2, std::string(user_bytes, 'u'));
  if (const auto at = path.find("%h"); at != std::string::npos) path.replace(at, 2, host.text());
  return path.size();
}

TEST(AgentSocket, IsInTheStateDirectoryAsLongAsThatCanHoldIt) {
  EXPECT_EQ(path_for(places_with(kState, "/run/user/1000")), kState + "/agent-%r@%h");
  auto none = places_with(kState, "/run/user/1000");
  none.state_holds_sockets = false;
  const auto path = path_for(none);
  EXPECT_TRUE(path.starts_with("/run/user/1000/cfpipe/")) << path;
  EXPECT_TRUE(path.ends_with("-%r@%h")) << path;
  none.runtime_dir.clear();
  EXPECT_EQ(path_for(none), "");
}

TEST(AgentSocket, OfTwoStateDirectoriesAreTwo) {
  auto one = places_with("/a", "/run/user/1000"), other = places_with("/b", "/run/user/1000");
  one.state_holds_sockets = other.state_holds_sockets = false;
  EXPECT_NE(path_for(one), path_for(other));
}

TEST(AgentSocket, HasRoomForWhateverIsLong) {
  const std::string corp = "/export/home/maximilian.mustermann@corp.example.com/.cloudflared";
  const Host long_host =
      transport::host_of("bastion-4.eu-central-1.production.internal.engineering.example.com");
  for (const auto& state : {kState, corp, "/server" + corp}) {
    for (const auto& runtime : {std::string(), std::string("/run/user/1234567890")}) {
      for (const auto& host : {transport::host_of("vm.example.com"), long_host}) {
        for (const std::size_t user_bytes : {kMaxUserBytes, std::size_t{38}, std::size_t{64}}) {
          auto places = places_with(state, runtime);
          places.user_bytes = user_bytes;
          const auto path = path_for(places, host);
          ASSERT_NE(path, "") << state << " " << runtime << " " << host.text();
          EXPECT_LE(longest(path, host, user_bytes), auth::kMaxSocketPath) << path;
        }
      }
    }
  }
}

TEST(AgentSocket, OfHostsThatBeginAlikeAreTwo) {
  const std::string stem = "bastion-4.eu-central-1.production.internal.engineering.example.com";
  const auto places = places_with("/home/ann/a/state/directory/of/some/length");
  const auto one = path_for(places, transport::host_of(stem));
  EXPECT_EQ(one.find("%h"), std::string::npos) << one;
  EXPECT_NE(one, path_for(places, transport::host_of(stem + ".org")));
}

TEST(AgentSocket, OfAPatternNamesTheHost) {
  const auto pattern = *Host::parse("*.example.com", Wildcards::allowed);
  EXPECT_EQ(path_for(places_with(kState), pattern), kState + "/agent-%r@%h");
  const auto deep = path_for(places_with("/" + std::string(60, 'x')), pattern);
  EXPECT_TRUE(deep.ends_with("/agent-%h")) << deep;
}

TEST(AgentSocket, WithoutAnyRoomThereIsNone) {
  EXPECT_EQ(path_for(places_with("/" + std::string(100, 'x'), "/" + std::string(100, 'y'))), "");
}

}  // namespace
}  // namespace cfpipe::cli
