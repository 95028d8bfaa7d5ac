// What idle things cost: memory, descriptors, threads and processes of one more compiled module,
// waiting worker, session and prepared sandbox. Prints one JSON object a line.
//   footprint [--sessions N]
//   footprint --live-sessions N    so many of each language at once, 200 in a process
//   takes
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "entries.h"
#include "omnisandbox/interpreter.h"
#include "omnisandbox/process_sandbox.h"
#include "omnisandbox/runtime.h"

namespace omnisandbox {
namespace {

namespace fs = std::filesystem;

/// What this process and all that descend from it use now.
struct Usage {
  std::int64_t memory_bytes = 0;   ///< PSS: what is shared counts for each by its share
  std::int64_t private_bytes = 0;  ///< of that, written and nobody else's
  std::int64_t descriptors = 0;
  std::int64_t threads = 0;
  std::int64_t processes = 0;

  Usage operator-(const Usage& before) const {
    return {memory_bytes - before.memory_bytes, private_bytes - before.private_bytes,
            descriptors - before.descriptors, threads - before.threads,
            processes - before.processes};
  }
};

void add(Usage& usage, const fs::path& process) {
  std::ifstream rollup(process / "smaps_rollup");
  for (std::string name; rollup >> name;) {
    std::int64_t kibibytes = 0;
    if (name == "Pss:" && rollup >> kibibytes) {
      usage.memory_bytes += kibibytes * 1024;
    } else if (name == "Private_Dirty:" && rollup >> kibibytes) {
      usage.private_bytes += kibibytes * 1024;
    }
  }
  usage.descriptors += bench::entries_in(process / "fd");
  ++usage.processes;
  for (const auto& thread : fs::directory_iterator(process / "task")) {
    ++usage.threads;
    std::ifstream children(thread.path() / "children");
    for (std::string child; children >> child;) {
      add(usage, fs::path("/proc") / child);
    }
  }
}

Usage usage_now() {
  Usage usage;
  add(usage, "/proc/self");
  return usage;
}

/// Calls `make_some` `count` times, which makes `some` of something or says why it cannot, and
/// prints what one costs.
void measure(const char* what, int count, const std::function<std::string()>& make_some,
             int some = 1) {
  const Usage before = usage_now();
  int made = 0;
  std::string refused;
  while (made < count && refused.empty()) {
    refused = make_some();
    made += refused.empty() ? 1 : 0;
  }
  const Usage all = usage_now() - before;
  made *= some;
  const double each = std::max(made, 1);
  nlohmann::ordered_json line{
      {"what", what},
      {"count", made},
      {"memory_mib_of_all", static_cast<double>(all.memory_bytes) / (1024 * 1024)},
      {"memory_kib_each", static_cast<double>(all.memory_bytes) / 1024 / each},
      {"private_kib_each", static_cast<double>(all.private_bytes) / 1024 / each},
      {"descriptors_each", static_cast<double>(all.descriptors) / each},
      {"threads_each", static_cast<double>(all.threads) / each},
      {"processes_each", static_cast<double>(all.processes) / each}};
  if (!refused.empty()) {
    line["ended_by"] = refused;
  }
  std::puts(line.dump().c_str());
  std::fflush(stdout);
}

template <class Made>
std::string keep(std::vector<Made>& all, Expected<Made> made) {
  if (!made) {
    return made.error().message;
  }
  all.push_back(std::move(*made));
  return {};
}

/// The smallest module, and `number` in a section of its own: no two are the same.
std::vector<std::byte> module_number(int number) {
  std::string module("\0asm\1\0\0\0", 8);
  // Type () -> (), one function of it, exported as "_start", with an empty body.
  module += std::string("\1\4\1\x60\0\0\3\2\1\0\7\x0a\1\6_start\0\0\x0a\4\1\2\0\x0b", 28);
  const std::string content = fmt::format("\1n{:08}", number);
  module += '\0' + std::string(1, static_cast<char>(content.size())) + content;
  std::vector<std::byte> bytes(module.size());
  std::memcpy(bytes.data(), module.data(), module.size());
  return bytes;
}

void sessions(const char* what, Language language, Isolation isolation, int count) {
  auto interpreter = Interpreter::create(*Policy::compile({}), language,
                                         {.isolation = isolation,
                                          .folder = OMNISANDBOX_INTERPRETERS_DIR,
                                          .worker_program = OMNISANDBOX_BENCH_WORKER});
  if (!interpreter) {
    std::fprintf(stderr, "%s: %s\n", what, interpreter.error().message.c_str());
    return;
  }
  // What the first evaluation costs once is not a session's.
  static_cast<void>(interpreter->evaluate("1"));
  std::vector<Interpreter::Session> kept;
  measure(what, count, [&]() -> std::string {
    if (std::string refused = keep(kept, interpreter->open_session()); !refused.empty()) {
      return refused;
    }
    const auto done = kept.back().evaluate("x = 1");
    return done && done->result.status == Status::ok ? std::string() : "the first snippet failed";
  });
}

/// As many as fit into the pool of memories of one process.
constexpr int sessions_of_a_process = 200;

/// A process that holds sessions until it is killed.
class SessionHolder {
 public:
  explicit SessionHolder(pid_t process) : process_(process) {}
  SessionHolder(SessionHolder&& other) noexcept : process_(std::exchange(other.process_, -1)) {}
  SessionHolder& operator=(SessionHolder&&) = delete;
  ~SessionHolder() {
    if (process_ > 0) {
      ::kill(process_, SIGKILL);
      ::waitpid(process_, nullptr, 0);
    }
  }

  static Expected<SessionHolder> start(Language language) {
    std::array<int, 2> ready{};
    const pid_t process = ::pipe2(ready.data(), O_CLOEXEC) == 0 ? ::fork() : -1;
    if (process < 0) {
      return tl::unexpected(base::make_error(ErrorKind::io, "no process or pipe"));
    }
    if (process == 0) {
      hold(language, ready[1]);
    }
    SessionHolder holder(process);
    ::close(ready[1]);
    char told = 0;
    const bool is_ready = ::read(ready[0], &told, 1) == 1;
    ::close(ready[0]);
    if (!is_ready) {
      return tl::unexpected(base::make_error(ErrorKind::io, "a process could not hold them"));
    }
    return holder;
  }

 private:
  [[noreturn]] static void hold(Language language, int ready) {
    auto interpreter = Interpreter::create(
        *Policy::compile({}), language,
        {.isolation = Isolation::in_process, .folder = OMNISANDBOX_INTERPRETERS_DIR});
    std::vector<Interpreter::Session> kept;
    while (interpreter && kept.size() < sessions_of_a_process) {
      auto session = interpreter->open_session();
      if (!session) {
        ::_exit(1);
      }
      const auto done = session->evaluate("x = 1");
      if (!done || done->result.status != Status::ok) {
        ::_exit(1);
      }
      kept.push_back(std::move(*session));
    }
    if (!interpreter || ::write(ready, "", 1) != 1) {
      ::_exit(1);
    }
    ::pause();
    ::_exit(0);
  }

  pid_t process_;
};

void live_sessions(const char* what, Language language, int count) {
  std::vector<SessionHolder> kept;
  measure(
      what, count / sessions_of_a_process,
      [&] { return keep(kept, SessionHolder::start(language)); }, sessions_of_a_process);
}

int measure_live_sessions(int count) {
  // Forks: nothing has started a thread yet.
  live_sessions("live Python sessions", Language::python, count);
  live_sessions("live JavaScript sessions", Language::javascript, count);
  return 0;
}

int measure_all(int session_count) {
  {
    std::vector<Runtime> kept;
    measure("Runtime, in process, the first", 1,
            [&] { return keep(kept, Runtime::create(Config{})); });
    measure("compiled module", 1'000, [&, number = 0]() mutable -> std::string {
      const auto compiled = kept.front().compile(fmt::format("{}", number), module_number(number));
      ++number;
      return compiled ? std::string() : compiled.error().message;
    });
    measure("Runtime, in process, one more", 100,
            [&] { return keep(kept, Runtime::create(Config{})); });
  }
  {
    std::vector<Runtime> kept;
    measure("Runtime with waiting workers", 8, [&]() -> std::string {
      std::string refused =
          keep(kept, Runtime::create(Config{}, {.isolation = Isolation::worker,
                                                .worker_program = OMNISANDBOX_BENCH_WORKER}));
      if (refused.empty() && !kept.back().run(module_number(0))) {
        refused = "a run failed";
      }
      return refused;
    });
  }
  sessions("Python session, in process", Language::python, Isolation::in_process, session_count);
  sessions("JavaScript session, in process", Language::javascript, Isolation::in_process,
           session_count);
  sessions("Python session, in a worker", Language::python, Isolation::worker,
           std::min(session_count, 50));
  sessions("JavaScript session, in a worker", Language::javascript, Isolation::worker,
           std::min(session_count, 50));
  {
    std::vector<ProcessSandbox> kept;
    ProcessSandboxOptions options;
    options.launcher = OMNISANDBOX_LAUNCHER;
    options.warm_sandboxes = 16;
    Config config{.capabilities = {Capability::exec_run}, .allowed_commands = {"true"}};
    measure("16 prepared sandboxes", 1, [&]() -> std::string {
      std::string refused = keep(kept, ProcessSandbox::create(config, options));
      if (refused.empty() && !kept.front().run("true", {})) {
        refused = "a run failed";
      }
      // They are made after the first run.
      std::this_thread::sleep_for(std::chrono::seconds(1));
      return refused;
    });
  }
  return 0;
}

}  // namespace
}  // namespace omnisandbox

int main(int argc, char** argv) {
  int session_count = 1'000;
  const bool is_about_live = argc == 3 && std::strcmp(argv[1], "--live-sessions") == 0;
  if (is_about_live || (argc == 3 && std::strcmp(argv[1], "--sessions") == 0)) {
    std::from_chars(argv[2], argv[2] + std::strlen(argv[2]), session_count);
  } else if (argc != 1) {
    std::fprintf(stderr, "usage: %s [--sessions N | --live-sessions N]\n", argv[0]);
    return 2;
  }
  return is_about_live ? omnisandbox::measure_live_sessions(session_count)
                       : omnisandbox::measure_all(session_count);
}
