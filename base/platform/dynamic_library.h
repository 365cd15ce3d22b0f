#pragma once

#include <dlfcn.h>

namespace cfpipe::cli {

/// A shared library that is loaded at the one moment it is wanted: linked, it would be there at every start,
/// and its tables in the memory of every tunnel.
class LateLibrary {
 public:
#ifdef CFPIPE_STATIC_CLIENT
  explicit LateLibrary(const char*) {}
#else
  explicit LateLibrary(const char* name) : handle_(::dlopen(name, RTLD_NOW | RTLD_LOCAL)) {}
#endif
  LateLibrary(const LateLibrary&) = delete;
  LateLibrary& operator=(const LateLibrary&) = delete;
  ~LateLibrary() {
    if (handle_ != nullptr) ::dlclose(handle_);
  }
  /// Null if there is no library, or nothing of that name in it. Not to be called once the library is gone.
  template <class Function>
  Function* function(const char* name) const {
    return handle_ == nullptr ? nullptr : reinterpret_cast<Function*>(::dlsym(handle_, name));
  }

 private:
  void* handle_ = nullptr;
};

}  // namespace cfpipe::cli
