#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "base/platform/own_file.h"
#include "base/platform/temporary_file.h"
#include "base/shortage.h"
#include "cli/command/commands.h"
#include "cli/command/installed_block.h"
#include "cli/command/ssh_config_blocks.h"
#include "cli/console/messages.h"

namespace cfpipe::cli {
namespace {

constexpr mode_t kPrivateDirectory = 0700;
constexpr unsigned kPrivateFile = 0600;

Failure unusable_file(const std::string& path, const std::string& why) {
  return {Stage::config, Cause::file_unusable, path + ": " + why};
}
Failure unwritten(const std::string& path, int error) {
  return system_failure(Stage::config, Cause::state_write_failed, path, error);
}

/// A file that is edited: what is in it now, and where that really is, behind links.
struct Edited {
  std::string path;
  std::string text;
  unsigned mode = kPrivateFile;
  bool exists = false;
};

/// Follows links, since people keep their configuration elsewhere; but what is there has to be this user's.
Result<Edited> read_edited(const std::string& path) {
  Edited file{path, {}, kPrivateFile, false};
  struct stat link {};
  if (::lstat(path.c_str(), &link) != 0) {
    if (errno == ENOENT) return file;
    return unusable_file(path, std::strerror(errno));
  }
  const std::unique_ptr<char, void (*)(void*)> resolved(::realpath(path.c_str(), nullptr), ::free);
  if (!resolved) return unusable_file(path, std::string("leads nowhere: ") + std::strerror(errno));
  file.path = resolved.get();
  auto opened = open_own_file(file.path);
  if (!opened) return Failure(Stage::config, Cause::file_unusable, opened.error().detail);
  if (!*opened) return unusable_file(file.path, "has just gone");
  auto content = read_own_file(**opened, file.path);
  if (!content) return Failure(Stage::config, Cause::file_unusable, content.error().detail);
  file.text = content->reveal();
  file.mode = (*opened)->info.st_mode & 07777U;
  file.exists = true;
  return file;
}

/// In one step, so that ssh sees the old file or the new one.
Result<void> write_edited(const Edited& file, const std::string& text) {
  if (file.exists && text == file.text) return {};
  const auto directory = file.path.substr(0, file.path.rfind('/'));
  sweep_temporary_files(directory);
  auto temporary = TemporaryFile::make(directory, text, file.mode);
  if (!temporary) return Failure(Stage::config, Cause::state_write_failed, temporary.error().detail);
  if (const int error = temporary->replace(file.path); error != 0) return unwritten(file.path, error);
  return {};
}

Result<void> remove_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return unwritten(path, errno);
  return {};
}

/// True if it had to be made.
Result<bool> make_directory(const std::string& path) {
  const bool made = ::mkdir(path.c_str(), kPrivateDirectory) == 0;
  if (!made && errno != EEXIST) return unwritten(path, errno);
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return unusable_file(path, std::strerror(errno));
  if (!S_ISDIR(info.st_mode)) return unusable_file(path, "is not a directory");
  if (info.st_uid != ::geteuid()) return unusable_file(path, "belongs to another user");
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) return unusable_file(path, "can be written by others");
  return made;
}

Result<void> install(const std::string& ssh, const std::string& host, const std::string& lines) {
  const auto made_ssh = make_directory(ssh);
  if (!made_ssh) return made_ssh.error();
  const auto turn = lock_directory(ssh);
  const auto made_directory = make_directory(ssh + "/config.d");
  if (!made_directory) return made_directory.error();
  const auto config = read_edited(ssh + "/config");
  if (!config) return config.error();
  const auto ours = read_edited(ssh + "/" + std::string(kIncludedFile));
  if (!ours) return ours.error();

  HostBlocks blocks(ours->text);
  blocks.set(host, lines);
  if (!ours->exists) {
    std::vector<std::string> made;
    if (*made_ssh) made.emplace_back(".ssh");
    if (!config->exists) made.emplace_back("config");
    if (*made_directory) made.emplace_back("config.d");
    blocks.set_made(made);
  }
  if (auto written = write_edited(*ours, blocks.text()); !written) return written;
  return write_edited(*config, with_include(config->text));
}

/// Removes the files and directories that were created, unless the user has changed them since.
Result<void> remove_made(const std::string& ssh, const std::vector<std::string>& made, const Edited& config,
                         const std::string& text) {
  const auto was_made = [&](std::string_view name) {
    return std::find(made.begin(), made.end(), name) != made.end();
  };
  if (config.exists) {
    const auto done =
        text.empty() && was_made("config") ? remove_file(config.path) : write_edited(config, text);
    if (!done) return done;
  }
  if (auto removed = remove_file(ssh + "/" + std::string(kIncludedFile)); !removed) return removed;
  if (was_made("config.d")) (void)::rmdir((ssh + "/config.d").c_str());
  if (was_made(".ssh")) (void)::rmdir(ssh.c_str());
  return {};
}

/// The block of one host, or (`host` empty) all; with the last of them everything that --install has done.
Result<void> uninstall(const std::string& ssh, const std::string& host) {
  const auto turn = lock_directory(ssh);
  const auto config = read_edited(ssh + "/config");
  if (!config) return config.error();
  const auto ours = read_edited(ssh + "/" + std::string(kIncludedFile));
  if (!ours) return ours.error();
  HostBlocks blocks(ours->text);
  if (host.empty()) {
    blocks.remove_all();
  } else {
    blocks.remove(host);
  }
  if (const auto left = blocks.text(); !left.empty()) return write_edited(*ours, left);
  return remove_made(ssh, blocks.made(), *config, without_include(config->text));
}

}  // namespace

int install_ssh_config(const Options& options, const std::string& lines) {
  const auto home = find_home();
  if (!home) return report(home.error());
  const std::string ssh = home->path + "/.ssh";
  const bool away = options.install == Install::uninstall;
  const std::string host = options.has_url ? options.url.host.text() : std::string();
  const auto done = away ? uninstall(ssh, host) : install(ssh, host, lines);
  if (!done) return report(done.error());
  print(installed_text(ssh + "/" + std::string(kIncludedFile), host, !away, home->of_the_account));
  return kOk;
}

}  // namespace cfpipe::cli
