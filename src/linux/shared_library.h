#pragma once

#include <string>

#include "omnisandbox/expected.h"

namespace omnisandbox::linux_ {

/// A library that is loaded when it is needed, by dlopen(3), and stays until the process ends.
class SharedLibrary {
 public:
  /// `name` as in "libm.so.6": found where the dynamic linker finds what a program is linked with.
  /// Error: `unavailable`.
  static Expected<SharedLibrary> open(const std::string& name);

  /// Null where the library has no such symbol.
  void* find(const char* symbol) const noexcept;
  /// False where the library has no such function; `function` must have its type.
  template <class Function>
  bool find(const char* symbol, Function*& function) const noexcept {
    function = reinterpret_cast<Function*>(find(symbol));
    return function != nullptr;
  }

 private:
  explicit SharedLibrary(void* handle) : handle_(handle) {}
  void* handle_;
};

}  // namespace omnisandbox::linux_
