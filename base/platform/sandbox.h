#pragma once

#include <string>
#include <vector>

namespace cfpipe {

/// What a process needs after its setup.
struct SandboxNeeds {
  bool programs = false;  ///< starting other programs
  std::vector<std::string>
      writable;  ///< directories below which it creates and changes files; missing ones are ignored
};

/// Drops for good what this process does not need:
/// - privileges by exec (no_new_privs);
/// - system calls for other processes' memory, kernel modules, mounts, namespaces, clocks, keyrings and
///   unused interfaces (seccomp): EPERM from now on, in all threads;
/// - changes to files outside of `writable` and /dev/null (Landlock): EACCES from now on, in this thread and
///   those that it starts. Open descriptors stay usable.
/// What the kernel does not support is skipped. Returns what was applied, for a debug line.
std::string enter_sandbox(const SandboxNeeds& needs);

}  // namespace cfpipe
