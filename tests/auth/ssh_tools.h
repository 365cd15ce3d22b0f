#pragma once

#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include "support/temp_dir.h"

namespace cfpipe::auth::testing {

inline std::string write_file(const std::string& path, std::string_view content, mode_t mode = 0600) {
  std::ofstream(path, std::ios::binary) << content;
  chmod(path.c_str(), mode);
  return path;
}

inline std::string read_file(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

struct Ran {
  int status;
  std::string output;  ///< both streams
};

/// Runs a shell command to its end.
inline Ran run(const std::string& command) {
  const std::string wrapped = "( " + command + " ) 2>&1 </dev/null";
  FILE* pipe = popen(wrapped.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("popen");
  Ran ran{0, {}};
  std::array<char, 4096> buffer{};
  for (std::size_t n; (n = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
    ran.output.append(buffer.data(), n);
  const int status = pclose(pipe);
  ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  return ran;
}

/// Without the line ends at its end.
inline std::string trimmed(std::string text) {
  text.erase(text.find_last_not_of("\r\n ") + 1);
  return text;
}

/// The first two words of a public key line.
inline std::string without_comment(const std::string& line) {
  std::istringstream words(line);
  std::string type, blob;
  words >> type >> blob;
  return type + ' ' + blob;
}

}  // namespace cfpipe::auth::testing
