// An Expected cannot be dropped unread.
#include "omnisandbox/policy.h"

void use() {
#ifdef MISUSE
  omnisandbox::Policy::compile({});
#else
  static_cast<void>(omnisandbox::Policy::compile({}));
#endif
}
