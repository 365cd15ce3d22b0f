// Runs a fuzz target over files: fuzz_replay TARGET DIRECTORY... A directory may be missing, but there has to
// be a file. A broken property aborts, behind the name of its file.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#define FUZZ_TARGET(name) extern "C" int fuzz_##name(const std::uint8_t* data, std::size_t size);
FUZZ_TARGETS
#undef FUZZ_TARGET

namespace {

using Target = int (*)(const std::uint8_t*, std::size_t);

#define FUZZ_TARGET(name) {#name, fuzz_##name},
constexpr std::pair<std::string_view, Target> kTargets[] = {FUZZ_TARGETS};
#undef FUZZ_TARGET

std::vector<std::filesystem::path> files_in(const std::vector<std::string>& directories) {
  std::vector<std::filesystem::path> files;
  for (const auto& directory : directories) {
    std::error_code missing;
    for (const auto& entry : std::filesystem::directory_iterator(directory, missing))
      files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const auto* const found = std::find_if(std::begin(kTargets), std::end(kTargets), [&](const auto& target) {
    return !arguments.empty() && target.first == arguments.front();
  });
  if (found == std::end(kTargets)) return std::fputs("usage: fuzz_replay TARGET DIRECTORY...\n", stderr), 64;
  const auto files = files_in({arguments.begin() + 1, arguments.end()});
  if (files.empty()) return std::fputs("fuzz_replay: there are no files\n", stderr), 1;
  for (const auto& path : files) {
    std::printf("%s\n", path.c_str());
    std::fflush(stdout);
    const auto content = content_of(path);
    found->second(reinterpret_cast<const std::uint8_t*>(content.data()), content.size());
  }
  return 0;
}
