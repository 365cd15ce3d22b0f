#include "base/platform/private_memory.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace cfpipe {

void keep_memory_private() {
  // The administrator may raise the limit again, and take a core of a running process; of this one no mapping
  // goes into it (core(5)). First, because what comes next gives the file to root.
  const int filter = ::open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC);
  if (filter >= 0) {
    (void)!::write(filter, "0", 1);
    ::close(filter);
  }
#if !defined(__SANITIZE_ADDRESS__)  // the leak checker is a debugger
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
}

}  // namespace cfpipe
