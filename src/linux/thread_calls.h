#pragma once

#include <sched.h>

/// Calls on the calling thread; nothing here allocates.
namespace omnisandbox::linux_ {

/// When it wakes up, whoever runs on that core goes on (sched(7), SCHED_BATCH). Its share of the
/// processor stays the same, and so do its locks' owners' chances. Where it is refused nothing
/// changes. Processes that the thread starts would inherit it.
inline void let_others_go_first() {
  const sched_param none{};
  static_cast<void>(::sched_setscheduler(0, SCHED_BATCH, &none));
}

}  // namespace omnisandbox::linux_
