#pragma once

#include <string>
#include <vector>

namespace cfpipe::transport {

/// What a process still needs once it is set up.
struct SandboxNeeds {
  bool programs = false;  ///< to start other programs
  std::vector<std::string>
      writable;  ///< directories below which it makes and changes files; absent ones count not
};

/// Gives up, for good, what this process does not need:
/// - privileges by exec (no_new_privs);
/// - system calls that look into other processes, load code into the kernel, mount, change namespaces, clocks
/// or
///   keyrings, and interfaces that it never uses (seccomp): EPERM from now on, in all threads;
/// - changes to files outside of `writable` and /dev/null (Landlock): EACCES from now on, in this thread and
/// those
///   that it starts. Descriptors that are open stay as they are.
/// What the kernel does not support is left out. The words say what was applied, for a debug line.
std::string enter_sandbox(const SandboxNeeds& needs);

}  // namespace cfpipe::transport
