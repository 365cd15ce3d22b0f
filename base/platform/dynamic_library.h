#pragma once

#include <dlfcn.h>

namespace cfpipe {

/// A shared library that is loaded when it is needed. A linked one would cost time at every start, and memory
/// in every tunnel.
class DynamicLibrary {
 public:
#ifdef CFPIPE_STATIC_CLIENT
  explicit DynamicLibrary(const char*) {}
#else
  explicit DynamicLibrary(const char* name) : handle_(::dlopen(name, RTLD_NOW | RTLD_LOCAL)) {}
#endif
  DynamicLibrary(const DynamicLibrary&) = delete;
  DynamicLibrary& operator=(const DynamicLibrary&) = delete;
  ~DynamicLibrary() {
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

}  // namespace cfpipe
