#include "linux/shared_library.h"

#include <dlfcn.h>

#include "base/error.h"

namespace omnisandbox::linux_ {

Expected<SharedLibrary> SharedLibrary::open(const std::string& name) {
  // RTLD_NOW: what is missing is found here, and not in the middle of a call.
  void* handle = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* reason = ::dlerror();
    return base::make_error(ErrorKind::unavailable, "cannot load {}: {}", base::printable(name),
                            base::printable(reason == nullptr ? "no reason is given" : reason));
  }
  return SharedLibrary(handle);
}

void* SharedLibrary::find(const char* symbol) const noexcept { return ::dlsym(handle_, symbol); }

}  // namespace omnisandbox::linux_
