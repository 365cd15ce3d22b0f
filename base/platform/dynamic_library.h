#pragma once

#include <dlfcn.h>

namespace cfpipe::cli {

/// A shared library that is loaded when it is needed. A linked one would cost time at every start, and memory
/// in every tunnel.
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
  /// The function of that name; null if it or the library is missing. Valid while this object lives.
  template <class Function>
  Function* function(const char* name) const {
    return handle_ == nullptr ? nullptr : reinterpret_cast<Function*>(::dlsym(handle_, name));
  }

 private:
  void* handle_ = nullptr;
};

}  // namespace cfpipe::cli
