// A named yes or no takes no bare bool.
#include "policy/path/path_gate.h"

omnisandbox::policy::PathQuestion use() {
#ifdef MISUSE
  return {.path = "/tmp", .follow_last = true};
#else
  return {.path = "/tmp", .follow_last = omnisandbox::policy::FollowLast::yes};
#endif
}
