#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/command/commands.h"
#include "cli/options/parse_values.h"

namespace cfpipe::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const Places kPlaces{"/usr/bin/cfpipe", "/home/ann/.cloudflared"};

Options for_host(const std::string& host, ConfigStyle style) {
  Options options;
  options.command = Command::ssh_config;
  auto url = parse_hostname(host, true);
  if (!url) {
    ADD_FAILURE() << url.error().detail;
  } else {
    options.url = *url;
  }
  options.style = style;
  return options;
}

std::string text_of(const Options& options, const Places& places = kPlaces) {
  auto text = ssh_config_text(options, places);
  if (!text) ADD_FAILURE() << text.error().detail;
  return text ? *text : std::string();
}

TEST(SshConfig, WithoutCertificatesItIsOneBlock) {
  EXPECT_EQ(text_of(for_host("vm.example.com", ConfigStyle::plain)),
            "Host vm.example.com\n"
            "  ProxyCommand /usr/bin/cfpipe access ssh --hostname '%h'\n"
            "  ProxyUseFdpass no\n"
            "  ServerAliveInterval 0\n");
}

TEST(SshConfig, AgentStyleNamesTheSameSocketTwiceAndNoFile) {
  EXPECT_EQ(text_of(for_host("vm.example.com", ConfigStyle::agent)),
            "Host vm.example.com\n"
            "  ProxyCommand /usr/bin/cfpipe access ssh --hostname '%h' --short-lived-cert --agent "
            "'/home/ann/.cloudflared/agent-%r@%h' --user='%r'\n"
            "  ProxyUseFdpass no\n"
            "  ServerAliveInterval 0\n"
            "  PubkeyAuthentication yes\n"
            "  PreferredAuthentications publickey,keyboard-interactive,password\n"
            "  PubkeyAcceptedKeyTypes "
            "+ecdsa-sha2-nistp256-cert-v01@openssh.com,ssh-ed25519-cert-v01@openssh.com\n"
            "  IdentitiesOnly no\n"
            "  IdentityFile none\n"
            "  IdentityAgent /home/ann/.cloudflared/agent-%r@%h\n");
}

TEST(SshConfig, LongNamesLeaveRoomForTheSocket) {
  const std::string host = "bastion-4.eu-central-1.production.internal.engineering.example.com";
  const auto line = "  IdentityAgent /home/ann/.cloudflared/agent-%r@bastion-4.e-";
  const auto text = text_of(for_host(host, ConfigStyle::agent));
  EXPECT_THAT(text, HasSubstr(line));
  const auto begin = text.find("/home/ann/.cloudflared/agent-");
  const auto socket = text.substr(begin, text.find_first_of("' \n", begin) - begin);
  EXPECT_LE(socket.size() - 2 + 32, 107U);
  EXPECT_THAT(text, HasSubstr("IdentityAgent " + socket + "\n"));  // both lines say the same
  EXPECT_THAT(text, HasSubstr("--hostname '%h' --"));
  // Hosts that begin alike have agents of their own.
  EXPECT_THAT(text_of(for_host("x." + host, ConfigStyle::agent)), Not(HasSubstr(socket)));
  EXPECT_THAT(text_of(for_host(host + ".org", ConfigStyle::agent)), Not(HasSubstr(socket + "\n")));

  const Places deep{"/usr/bin/cfpipe", "/home/" + std::string(100, 'x')};
  EXPECT_FALSE(ssh_config_text(for_host("vm.example.com", ConfigStyle::agent), deep));
  EXPECT_TRUE(ssh_config_text(for_host("vm.example.com", ConfigStyle::match), deep));
}

TEST(SshConfig, AStateDirectoryWithoutSocketsHasThemInTheRuntimeDirectory) {
  Places places = kPlaces;
  places.sockets.state_holds_sockets = false;
  places.sockets.runtime_dir = "/run/user/50%";
  const auto text = text_of(for_host("vm.example.com", ConfigStyle::agent), places);
  EXPECT_THAT(text, HasSubstr("--agent '/run/user/50%%/cfpipe/"));
  const auto begin = text.find("/run/user/50%%/cfpipe/");
  const auto socket = text.substr(begin, text.find('\'', begin) - begin);
  EXPECT_THAT(text, HasSubstr("IdentityAgent " + socket + "\n"));
}

TEST(SshConfig, MatchStyleMakesTheFilesBeforeSshReadsThem) {
  EXPECT_EQ(text_of(for_host("vm.example.com", ConfigStyle::match)),
            "Match host vm.example.com exec \"/usr/bin/cfpipe access ssh-gen --hostname '%h'\"\n"
            "  ProxyCommand /usr/bin/cfpipe access ssh --hostname '%h' --user='%r'\n"
            "  ProxyUseFdpass no\n"
            "  ServerAliveInterval 0\n"
            "  PubkeyAuthentication yes\n"
            "  PreferredAuthentications publickey,keyboard-interactive,password\n"
            "  PubkeyAcceptedKeyTypes "
            "+ecdsa-sha2-nistp256-cert-v01@openssh.com,ssh-ed25519-cert-v01@openssh.com\n"
            "  IdentityFile /home/ann/.cloudflared/%h-cf_key\n"
            "  CertificateFile /home/ann/.cloudflared/%h-cf_key-cert.pub\n"
            "  IdentitiesOnly yes\n");
}

TEST(SshConfig, AServiceTokenIsNamedByItsFileAndNeverItself) {
  for (const auto style : {ConfigStyle::plain, ConfigStyle::agent, ConfigStyle::match, ConfigStyle::chain}) {
    auto options = for_host("vm.example.com", style);
    options.service_token_file = "/home/ann/ci token";
    options.service_token_id = "planted-id";
    options.service_token_secret = Secret("planted");
    const auto text = text_of(options);
    const auto named = style == ConfigStyle::chain ? R"(--service-token-file "/home/ann/ci token")"
                                                   : "--service-token-file '/home/ann/ci token'";
    EXPECT_THAT(text, HasSubstr(named));
    EXPECT_THAT(text, Not(HasSubstr("planted")));
  }
}

TEST(SshConfig, ChainStyleIsTwoBlocks) {
  EXPECT_EQ(text_of(for_host("vm.example.com", ConfigStyle::chain)),
            "Host vm.example.com\n"
            "  ProxyCommand bash -c '/usr/bin/cfpipe access ssh-gen --hostname \"$1\"; "
            "ssh -tt -- \"$2@cfpipe-vm.example.com\" >&2 <&1' cfpipe '%h' '%r'\n"
            "  ProxyUseFdpass no\n"
            "  ServerAliveInterval 0\n"
            "\n"
            "Host cfpipe-vm.example.com\n"
            "  HostName vm.example.com\n"
            "  ProxyCommand /usr/bin/cfpipe access ssh --hostname '%h' --user='%r'\n"
            "  ProxyUseFdpass no\n"
            "  ServerAliveInterval 0\n"
            "  PubkeyAuthentication yes\n"
            "  PreferredAuthentications publickey,keyboard-interactive,password\n"
            "  PubkeyAcceptedKeyTypes "
            "+ecdsa-sha2-nistp256-cert-v01@openssh.com,ssh-ed25519-cert-v01@openssh.com\n"
            "  IdentityFile /home/ann/.cloudflared/vm.example.com-cf_key\n"
            "  CertificateFile /home/ann/.cloudflared/vm.example.com-cf_key-cert.pub\n"
            "  IdentitiesOnly yes\n");
}

TEST(SshConfig, APortIsForCfpipeAndNotForSshOrFileNames) {
  const auto text = text_of(for_host("vm.localhost:8443", ConfigStyle::match));
  EXPECT_THAT(text, HasSubstr("Match host vm.localhost exec"));
  EXPECT_THAT(text, HasSubstr("ssh --hostname '%h':8443 --user='%r'\n"));
  EXPECT_THAT(text, HasSubstr("ssh-gen --hostname '%h':8443\""));
  EXPECT_THAT(text, HasSubstr("IdentityFile /home/ann/.cloudflared/%h-cf_key\n"));
}

TEST(SshConfig, APathIsPartOfTheFileNames) {
  const auto text = text_of(for_host("vm.example.com/admin/x", ConfigStyle::match));
  EXPECT_THAT(text, HasSubstr("--hostname '%h'/admin/x --user='%r'\n"));
  EXPECT_THAT(text, HasSubstr("/%h-admin-x-cf_key\n"));
}

TEST(SshConfig, PatternsServeEveryHostTheyMatch) {
  EXPECT_THAT(
      text_of(for_host("*.example.com", ConfigStyle::match)),
      HasSubstr("Match host *.example.com exec \"/usr/bin/cfpipe access ssh-gen --hostname '%h'\"\n"));
  EXPECT_THAT(text_of(for_host("cfpipe-*", ConfigStyle::agent)), HasSubstr("Host cfpipe-*\n"));
  EXPECT_FALSE(ssh_config_text(for_host("cfpipe-*", ConfigStyle::match), kPlaces));
  const auto chain = text_of(for_host("*.example.com", ConfigStyle::chain));
  EXPECT_THAT(chain, HasSubstr("-- \"$2@cfpipe-$1\" >&2 <&1' cfpipe '%h' '%r'\n"));
  EXPECT_THAT(chain, HasSubstr("-o \"IdentityFile=/home/ann/.cloudflared/$1-cf_key\""));
  EXPECT_THAT(chain, HasSubstr("Host cfpipe-*.example.com\n"));
}

TEST(SshConfig, WhatItWasGivenIsPassedOn) {
  auto options = for_host("vm.example.com", ConfigStyle::match);
  options.ca_file = "/etc/ca.pem";
  options.auth_domain = "auth.example.com";
  const auto text = text_of(options);
  EXPECT_THAT(text,
              HasSubstr("ssh-gen --hostname '%h' --ca-file /etc/ca.pem --auth-domain auth.example.com\""));
  EXPECT_THAT(
      text,
      HasSubstr("ssh --hostname '%h' --ca-file /etc/ca.pem --auth-domain auth.example.com --user='%r'\n"));
}

TEST(SshConfig, SpacesAndPercentSignsAreQuotedForSshAndTheShell) {
  const Places places{"/opt/my tools/100%/cfpipe", "/home/ann b/50%"};
  const auto match = text_of(for_host("vm.example.com", ConfigStyle::match), places);
  EXPECT_THAT(match, HasSubstr("exec \"'/opt/my tools/100%%/cfpipe' access ssh-gen"));
  EXPECT_THAT(match, HasSubstr("ProxyCommand '/opt/my tools/100%%/cfpipe' access ssh"));
  EXPECT_THAT(match, HasSubstr("IdentityFile \"/home/ann b/50%%/%h-cf_key\"\n"));
  const auto chain = text_of(for_host("vm.example.com", ConfigStyle::chain), places);
  EXPECT_THAT(chain, HasSubstr("bash -c '\"/opt/my tools/100%%/cfpipe\" access ssh-gen"));
  const auto agent = text_of(for_host("vm.example.com", ConfigStyle::agent), places);
  EXPECT_THAT(agent, HasSubstr("--agent '/home/ann b/50%%/agent-%r@%h' --user='%r'\n"));
  EXPECT_THAT(agent, HasSubstr("IdentityAgent \"/home/ann b/50%%/agent-%r@%h\"\n"));
}

TEST(SshConfig, AKeyInTheUsersAgentIsNamedEverywhere) {
  auto options = for_host("vm.example.com", ConfigStyle::agent);
  options.key = "agent:ann at work";
  options.forward_agent = true;
  EXPECT_EQ(text_of(options),
            "Host vm.example.com\n"
            "  ProxyCommand /usr/bin/cfpipe access ssh --hostname '%h' --short-lived-cert --agent "
            "'/home/ann/.cloudflared/agent-%r@%h' --forward-agent --key 'agent:ann at work' --user='%r'\n"
            "  ProxyUseFdpass no\n"
            "  ServerAliveInterval 0\n"
            "  PubkeyAuthentication yes\n"
            "  PreferredAuthentications publickey,keyboard-interactive,password\n"
            "  PubkeyAcceptedKeyTypes "
            "+ecdsa-sha2-nistp256-cert-v01@openssh.com,ssh-ed25519-cert-v01@openssh.com\n"
            "  IdentitiesOnly no\n"
            "  IdentityFile none\n"
            "  IdentityAgent /home/ann/.cloudflared/agent-%r@%h\n");
  options.style = ConfigStyle::match;
  EXPECT_EQ(
      text_of(options),
      "Match host vm.example.com exec \"/usr/bin/cfpipe access ssh-gen --hostname '%h' "
      "--key 'agent:ann at work'\"\n"
      "  ProxyCommand /usr/bin/cfpipe access ssh --hostname '%h' --key 'agent:ann at work' --user='%r'\n"
      "  ProxyUseFdpass no\n"
      "  ServerAliveInterval 0\n"
      "  PubkeyAuthentication yes\n"
      "  PreferredAuthentications publickey,keyboard-interactive,password\n"
      "  PubkeyAcceptedKeyTypes "
      "+ecdsa-sha2-nistp256-cert-v01@openssh.com,ssh-ed25519-cert-v01@openssh.com\n"
      "  IdentityFile /home/ann/.cloudflared/%h-user_key.pub\n"
      "  CertificateFile /home/ann/.cloudflared/%h-user_key-cert.pub\n"
      "  IdentitiesOnly yes\n");
  options.style = ConfigStyle::chain;
  EXPECT_THAT(text_of(options), HasSubstr("ssh-gen --hostname \"$1\" --key \"agent:ann at work\"; ssh -tt"));
}

TEST(SshConfig, AKeyFileStaysWhereItIs) {
  auto options = for_host("vm.example.com", ConfigStyle::match);
  options.key = "/home/ann b/.ssh/id 50%.pub";
  const auto text = text_of(options);
  EXPECT_THAT(text, HasSubstr("ssh-gen --hostname '%h' --key '/home/ann b/.ssh/id 50%%.pub'\"\n"));
  EXPECT_THAT(text, HasSubstr("IdentityFile \"/home/ann b/.ssh/id 50%%\"\n"));
  EXPECT_THAT(text, HasSubstr("CertificateFile /home/ann/.cloudflared/%h-user_key-cert.pub\n"));
  options.key = "/a'b";
  EXPECT_FALSE(ssh_config_text(options, kPlaces));
}

TEST(SshConfig, TheKindOfKeyIsForWhatMakesIt) {
  auto options = for_host("vm.example.com", ConfigStyle::match);
  options.key_type = auth::KeyType::ed25519;
  const auto match = text_of(options);
  EXPECT_THAT(match, HasSubstr("ssh-gen --hostname '%h' --key-type ed25519\""));
  EXPECT_THAT(match, HasSubstr("access ssh --hostname '%h' --user='%r'\n"));
  options.style = ConfigStyle::agent;
  EXPECT_THAT(text_of(options), HasSubstr(" --key-type ed25519 --user='%r'\n"));
}

TEST(SshConfig, WhatHasNoSpellingIsRefused) {
  for (const char* path :
       {"/a'b/cfpipe", "/a\"b/cfpipe", "/a$b/cfpipe", "/a`b/cfpipe", "/a\\b/cfpipe", "/a\nb/cfpipe"}) {
    EXPECT_FALSE(ssh_config_text(for_host("vm.example.com", ConfigStyle::plain), Places{path, "/s"})) << path;
  }
}

// Whatever ssh puts in for a token stays one word, also where it does not check names itself (OpenSSH < 9.6).
TEST(SshConfig, TokensAreQuotedForTheShell) {
  for (const char* host : {"vm.example.com", "*.example.com", "vm.example.com:8443/admin"}) {
    for (const auto style :
         {ConfigStyle::plain, ConfigStyle::agent, ConfigStyle::match, ConfigStyle::chain}) {
      const auto text = text_of(for_host(host, style));
      for (std::size_t line = 0, end = 0; line < text.size(); line = end + 1) {
        end = text.find('\n', line);
        const auto one = text.substr(line, end - line);
        if (one.find("ProxyCommand") == std::string::npos && one.find("exec") == std::string::npos) continue;
        bool quoted = false;
        for (std::size_t i = 0; i < one.size(); ++i) {
          if (one[i] == '\'') quoted = !quoted;
          EXPECT_TRUE(quoted || one[i] != '%') << one;
        }
        EXPECT_FALSE(quoted) << one;
      }
    }
  }
}

TEST(SshConfig, ASearchBehindTheHostIsRefused) {
  EXPECT_FALSE(parse_hostname("vm?.example.com", true));
  for (const char* host : {"https://vm?.example.com", "vm.example.com/x?y"}) {
    const auto text = ssh_config_text(for_host(host, ConfigStyle::plain), kPlaces);
    ASSERT_FALSE(text) << host;
    EXPECT_THAT(text.error().detail, HasSubstr("*")) << host;
  }
}

TEST(SshConfig, EveryLineIsSshConfig) {
  for (const auto style : {ConfigStyle::plain, ConfigStyle::agent, ConfigStyle::match, ConfigStyle::chain}) {
    EXPECT_THAT(text_of(for_host("vm.example.com", style)), Not(HasSubstr("Add to")));
  }
}

TEST(Logout, ATokenFileCoversTheHostsOfItsApplication) {
  const std::string aud(64, 'a');
  EXPECT_TRUE(token_file_covers("vm.example.com-" + aud + "-token", "vm.example.com"));
  EXPECT_TRUE(token_file_covers("vm.example.com-admin-" + aud + "-token", "vm.example.com"));
  EXPECT_TRUE(token_file_covers("-.example.com-" + aud + "-token", "vm.example.com"));
  EXPECT_FALSE(token_file_covers("-.example.com-" + aud + "-token", "example.com"));
  EXPECT_FALSE(token_file_covers("-.example.com-" + aud + "-token", "vmexample.com"));
  EXPECT_FALSE(token_file_covers("other.example.com-" + aud + "-token", "vm.example.com"));
  EXPECT_FALSE(token_file_covers("vm.example.com-org-token", "vm.example.com"));
  EXPECT_FALSE(token_file_covers("vm.example.com-abc-token", "vm.example.com"));
  EXPECT_FALSE(token_file_covers("-token", ""));
  EXPECT_FALSE(token_file_covers("vm.example.com" + aud + "-token", "vm.example.com"));
}

TEST(Logout, ATokenFileThatNamesItsIssuerIsCoveredToo) {
  const std::string rest = "-auth.example.org:8443-" + std::string(64, 'a') + "-token";
  EXPECT_TRUE(token_file_covers("vm.example.com" + rest, "vm.example.com"));
  EXPECT_TRUE(token_file_covers("-.example.com" + rest, "vm.example.com"));
  EXPECT_FALSE(token_file_covers("-.example.com" + rest, "auth.example.org"));
  EXPECT_FALSE(token_file_covers("vm.example.com" + rest, "auth.example.org"));
}

}  // namespace
}  // namespace cfpipe::cli
