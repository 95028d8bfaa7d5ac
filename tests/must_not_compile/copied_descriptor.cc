// A file descriptor has one owner.
#include "linux/fd.h"

omnisandbox::linux_::Fd use(omnisandbox::linux_::Fd& descriptor) {
#ifdef MISUSE
  return descriptor;
#else
  return std::move(descriptor);
#endif
}
