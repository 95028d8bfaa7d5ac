#include "process/refusal_watch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <seccomp.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/try.h"
#include "linux/file_system.h"
#include "linux/threads.h"
#include "process/filter_program.h"
#include "process/watched_calls.h"

namespace omnisandbox::process {
namespace {

using linux_::Fd;
using linux_::HandedCall;
using linux_::SeccompListener;

// PATH_MAX: the kernel takes no longer name.
constexpr std::size_t max_path_bytes = 4096;
constexpr std::size_t page_bytes = 4096;

// The thread that waits, through its own folder in /proc: all that is read there is its.
class WaitingThread {
 public:
  /// Nothing where it does not wait any more, or may not be looked at.
  static std::optional<WaitingThread> open(const SeccompListener& listener,
                                           const HandedCall& call) {
    auto folder = linux_::open_at2(AT_FDCWD, fmt::format("/proc/{}", call.thread),
                                   O_PATH | O_DIRECTORY, 0, 0);
    // Numbers are used again: only after this the folder is known to be the thread's.
    if (!folder || !listener.still_waits(call)) {
      return std::nullopt;
    }
    return WaitingThread(std::move(*folder));
  }

  std::optional<std::string> text_at(std::uint64_t address) const {
    const auto memory = linux_::open_at2(folder_.get(), "mem", O_RDONLY, 0, 0);
    if (!memory) {
      return std::nullopt;
    }
    std::string text;
    std::array<std::byte, page_bytes> page;
    while (text.size() < max_path_bytes) {
      // Not beyond the page, the next of which may not be there.
      const std::size_t bytes = page_bytes - (address + text.size()) % page_bytes;
      const auto count =
          linux_::read_full_at(*memory, std::span(page).first(bytes), address + text.size());
      if (!count || *count == 0) {
        return std::nullopt;
      }
      const std::string_view piece(reinterpret_cast<const char*>(page.data()), *count);
      const std::size_t end = piece.find('\0');
      text += piece.substr(0, end);
      if (end != std::string_view::npos) {
        return text;
      }
    }
    return std::nullopt;
  }

  /// Where a relative path starts: the working folder, or an open descriptor's.
  std::optional<std::string> base_of(int descriptor) const {
    auto name = linux_::read_link_at(
        folder_, descriptor == AT_FDCWD ? std::string("cwd") : fmt::format("fd/{}", descriptor));
    return name && name->starts_with('/') ? std::optional(std::move(*name)) : std::nullopt;
  }

  Fd root() const {
    auto root = linux_::open_at2(folder_.get(), "root", O_PATH | O_DIRECTORY, 0, 0);
    return root ? std::move(*root) : Fd();
  }

 private:
  explicit WaitingThread(Fd folder) : folder_(std::move(folder)) {}
  Fd folder_;
};

// The C library tries these first and does without.
bool is_tried_by_habit(int number) { return number == SYS_clone3 || number == SYS_openat2; }

// The kernel reads 32 bits of it.
bool is_internet_family(std::uint64_t argument) {
  const auto family = static_cast<std::uint32_t>(argument);
  return family == AF_INET || family == AF_INET6;
}

std::string name_of_call(const seccomp_data& data) {
  char* found = ::seccomp_syscall_resolve_num_arch(data.arch, data.nr);
  std::string name = found == nullptr ? fmt::format("number {}", data.nr) : std::string(found);
  std::free(found);
  if (data.nr != SYS_socket) {
    return name;
  }
  switch (static_cast<int>(data.args[0])) {
    case AF_INET:
    case AF_INET6:
      return name + " (internet)";
    case AF_UNIX:
      return name + " (UNIX)";
    default:
      return name + fmt::format(" (family {})", static_cast<int>(data.args[0]));
  }
}

PathQuestion question_for(const WatchedCall& watched, const HandedCall& call) {
  PathQuestion question;
  switch (watched.action) {
    case PathAction::look:
      break;
    case PathAction::change:
    case PathAction::move:
      question.use = PathUse::change;
      question.moves = watched.action == PathAction::move;
      question.follows_last_link = false;
      break;
    case PathAction::create:
      question.use = PathUse::create;
      question.follows_last_link = false;
      break;
    case PathAction::execute:
      question.use = PathUse::execute;
      break;
    case PathAction::open: {
      const auto flags = static_cast<int>(call.data.args[static_cast<std::size_t>(watched.flags)]);
      question.follows_last_link = (flags & O_NOFOLLOW) == 0;
      question.may_exist = (flags & O_EXCL) == 0;
      if ((flags & O_PATH) != 0) {
        question.use = PathUse::look;
      } else if ((flags & O_CREAT) != 0) {
        question.use = PathUse::create;
      } else {
        const bool writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0;
        question.use = writes ? PathUse::change : PathUse::read;
      }
      break;
    }
  }
  return question;
}

}  // namespace

Expected<std::unique_ptr<RefusalWatch>> RefusalWatch::start(Fd listener, WatchTerms terms) {
  SeccompListener receiving = TRY(SeccompListener::create(std::move(listener)));
  linux_::WakeUp wake_up = TRY(linux_::WakeUp::create());
  std::unique_ptr<RefusalWatch> watch(
      new RefusalWatch(std::move(receiving), std::move(wake_up), std::move(terms)));
  TRY(watch->start_serving());
  return watch;
}

RefusalWatch::RefusalWatch(SeccompListener listener, linux_::WakeUp wake_up, WatchTerms terms)
    : listener_(std::move(listener)),
      wake_up_(std::move(wake_up)),
      terms_(std::move(terms)),
      diagnosis_(terms_.policy, terms_.walls) {}

Expected<void> RefusalWatch::start_serving() {
  thread_ = TRY(linux_::start_thread("to explain the command's refusals",
                                     [this](const std::stop_token& stop) { serve(stop); }));
  return {};
}

RefusalWatch::~RefusalWatch() { static_cast<void>(finish()); }

RefusalList RefusalWatch::finish() {
  thread_.request_stop();
  wake_up_.wake();
  if (thread_.joinable()) {
    thread_.join();
  }
  return std::move(list_);
}

void RefusalWatch::serve(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::array<pollfd, 2> files = {pollfd{listener_->handle().get(), POLLIN, 0},
                                   pollfd{wake_up_.handle().get(), POLLIN, 0}};
    if (::poll(files.data(), files.size(), -1) < 0 && errno != EINTR) {
      break;
    }
    if ((files[0].revents & POLLIN) != 0) {
      if (!serve_one()) {
        break;
      }
    } else if (files[0].revents != 0) {
      break;  // everybody who could call is gone
    }
  }
  listener_.reset();
}

bool RefusalWatch::serve_one() {
  const auto call = listener_->receive();
  if (!call) {
    return false;
  }
  return !*call || answer(**call).has_value();
}

Expected<void> RefusalWatch::answer(const HandedCall& call) {
  const auto decided = answer_of(terms_.enforcing_filter, call.data);
  if (decided == SECCOMP_RET_ALLOW) {
    // The kernel's other layers judge it. What is noted here changes nothing.
    note_paths(call);
    return listener_->let_through(call);
  }
  const bool has_errno = decided && (*decided & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO;
  const int error_number = has_errno ? static_cast<int>(*decided & SECCOMP_RET_DATA) : ENOSYS;
  TRY(listener_->refuse(call, error_number));
  note_system_call(call, error_number);
  return {};
}

void RefusalWatch::note_system_call(const HandedCall& call, int error_number) {
  if (error_number == ENOSYS && is_tried_by_habit(call.data.nr)) {
    return;
  }
  Refusal refusal{.thing = RefusedThing::system_call,
                  .action = "call",
                  .name = name_of_call(call.data),
                  .layer = "seccomp",
                  .reason = "it reaches beyond a sandbox, or takes a form that does",
                  .rule = {},
                  .remedy = {}};
  if (call.data.nr == SYS_socket || call.data.nr == SYS_socketpair) {
    const bool is_internet = call.data.nr == SYS_socket && is_internet_family(call.data.args[0]);
    if (terms_.wants_network) {
      refusal.reason = "commands reach hosts over TCP, through the proxy alone";
    } else if (terms_.policy.has(Capability::net_http)) {
      refusal.reason = "this command has no network";
    } else {
      refusal.reason = "commands have no network without net_http";
      refusal.remedy = is_internet ? "capabilities: [net_http]" : "";
    }
  } else if (error_number == ENOSYS) {
    refusal.reason = "it is none of those that commands may make; most programs do without it";
  }
  list_.add(std::move(refusal));
}

void RefusalWatch::note_paths(const HandedCall& call) {
  const WatchedCall* watched = find_watched_call(call.data.nr);
  if (watched == nullptr) {
    return;
  }
  if (++examined_calls_ > max_examined_calls) {
    list_.note_cut();
    return;
  }
  const auto thread = WaitingThread::open(*listener_, call);
  if (!thread) {
    return;
  }
  if (!root_.is_open()) {
    root_ = thread->root();  // nobody inside can get another one
  }
  const auto examine = [&](PathQuestion question, int path, int folder) {
    const auto argument = [&call](int index) {
      return call.data.args[static_cast<std::size_t>(index)];
    };
    auto text = thread->text_at(argument(path));
    if (!text || text->empty()) {
      return;
    }
    question.path = *std::move(text);
    if (!question.path.starts_with('/')) {
      const auto base = thread->base_of(folder < 0 ? AT_FDCWD : static_cast<int>(argument(folder)));
      if (!base) {
        return;
      }
      question.path = *base + "/" + question.path;
    }
    // What was read belongs to the call only where it still waits.
    if (root_.is_open() && listener_->still_waits(call)) {
      diagnosis_.examine(question, root_, list_);
    }
  };
  examine(question_for(*watched, call), watched->path, watched->folder);
  if (watched->second_path >= 0) {
    examine({.use = PathUse::create, .follows_last_link = false, .may_exist = true},
            watched->second_path, watched->second_folder);
  }
}

}  // namespace omnisandbox::process
