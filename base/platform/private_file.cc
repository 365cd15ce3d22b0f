#include "base/platform/private_file.h"

#include "base/platform/own_file.h"

namespace cfpipe {

Result<Secret> read_private_file(const std::string& path) {
  const auto unusable = [](std::string why) {
    return Failure(Stage::config, Cause::file_unusable, std::move(why));
  };
  const auto file = open_own_file(path);
  if (!file) return unusable(file.error().detail);
  if (!*file) return unusable(path + ": there is none");
  if (((*file)->info.st_mode & (S_IRWXG | S_IRWXO)) != 0) return unusable(path + ": others may read it");
  auto content = read_own_file(**file, path);
  if (!content) return unusable(content.error().detail);
  return content;
}

}  // namespace cfpipe
