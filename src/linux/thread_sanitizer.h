#pragma once

#if defined(__SANITIZE_THREAD__)
#define OMNISANDBOX_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define OMNISANDBOX_THREAD_SANITIZER 1
#endif
#endif

#ifdef OMNISANDBOX_THREAD_SANITIZER
// Of its runtime.
extern "C" {
// NOLINTBEGIN(readability-identifier-naming)
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
void AnnotateIgnoreWritesBegin(const char* file, int line);
void AnnotateIgnoreWritesEnd(const char* file, int line);
// NOLINTEND(readability-identifier-naming)
}
#endif

namespace omnisandbox::linux_ {

/// While it lives, the thread sanitizer does not look at what this thread does; in other builds it
/// is nothing. For what only the kernel keeps apart: a child in this process's memory, whose
/// descriptors are its own, and a thread that waits in a system call until it is answered. And for
/// the WebAssembly engine's compiler, which is not built with it: its memory is seen, its locks are
/// not. Nothing of ours is called from there.
class UnwatchedAccess {
 public:
  UnwatchedAccess() noexcept {
#ifdef OMNISANDBOX_THREAD_SANITIZER
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
#endif
  }
  UnwatchedAccess(const UnwatchedAccess&) = delete;
  UnwatchedAccess& operator=(const UnwatchedAccess&) = delete;
  ~UnwatchedAccess() {
#ifdef OMNISANDBOX_THREAD_SANITIZER
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
#endif
  }
};

}  // namespace omnisandbox::linux_
