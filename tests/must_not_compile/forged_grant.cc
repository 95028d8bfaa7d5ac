// Only the gate makes an opened path: code that holds one has asked the policy.
#include "policy/path/path_gate.h"

void use(const omnisandbox::policy::PathGate& gate) {
#ifdef MISUSE
  omnisandbox::policy::OpenedPath path;
#else
  auto path = gate.open({.path = "/tmp"}, 0);
#endif
  static_cast<void>(path);
}
