// What a command in a container costs, beside `docker run` and `docker exec` of the same image in
// the same engine, and what many of them leave. Ratios are made within a round. Starts a dockerd of
// its own, which needs root.
#include <fmt/format.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <array>
#include <atomic>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "contest.h"
#include "docker/kept_output.h"
#include "docker/marked_stream.h"
#include "docker/stream_demultiplexer.h"
#include "docker/test_engine.h"
#include "entries.h"
#include "omnisandbox/docker_sandbox.h"

extern char** environ;

namespace omnisandbox::docker::bench {
namespace {

using std::chrono::milliseconds;

constexpr const char* image_name = "bench:1";
constexpr std::int64_t output_bytes = 200'000'000;
constexpr double megabyte = 1e6;
constexpr int many_runs = 200;
constexpr int runs_at_once = 20;
// For what a contestant leaves behind in the engine, which must not burden the next one.
constexpr milliseconds pause_between{500};
// Time for a pool to have refilled, so that a warm run is one.
constexpr milliseconds refill_time{2000};
constexpr milliseconds large_refill_time{20'000};
// Of the second hundred runs: what malloc keeps for threads, no more.
constexpr double flat_memory_kib = 2048;

std::string first_line_with(const std::string& file, const std::string& key) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(key)) {
      return line.substr(key.size());
    }
  }
  return {};
}

double own_memory_kib() { return std::stod(first_line_with("/proc/self/status", "VmRSS:")); }

/// Runs a program with its output thrown away; whether it ended with 0.
bool ran(const std::vector<std::string>& arguments) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  pid_t pid = 0;
  int status = -1;
  const bool is_started =
      ::posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ) == 0;
  ::posix_spawn_file_actions_destroy(&actions);
  return is_started && ::waitpid(pid, &status, 0) == pid && status == 0;
}

/// Whether `work` succeeded each time, `count` times in all, `at_once` at a time.
int failures(int count, int at_once, const std::function<bool()>& work) {
  std::atomic<int> next = 0;
  std::atomic<int> failed = 0;
  std::vector<std::jthread> threads;
  for (int index = 0; index < at_once; ++index) {
    threads.emplace_back([&] {
      while (next++ < count) {
        failed += work() ? 0 : 1;
      }
    });
  }
  threads.clear();
  return failed;
}

/// What the engine and the machine have that runs could leave.
struct Traces {
  std::size_t containers = 0;
  std::size_t networks = 0;
  std::size_t volumes = 0;
  std::size_t processes = 0;  ///< that serve containers
  std::int64_t files = 0;     ///< of containers, in the engine's folder, and ours in /tmp
  bool operator==(const Traces&) const = default;
};

class Bench {
 public:
  Bench(const test::TestEngine& engine, int rounds, Report& report)
      : engine_(engine), rounds_(rounds), report_(report) {
    ::setenv("DOCKER_HOST", engine_.address().c_str(), 1);
  }

  void new_containers() {
    report_.begin("A short command in a new container");
    DockerSandbox cold = sandbox({});
    std::vector<Contestant> contestants = {
        {"DockerSandbox::run, no pool", [&] { return is_ok(cold); }},
        {"omnisandbox run",
         [&] {
           return ran({OMNISANDBOX_COMMAND, "run", "--policy", policy_file(), "--image", image_name,
                       "--", "true"});
         }},
        {"docker run --rm --network none", [&] { return ran(docker_run({"--rm"})); }},
        {"docker run --network none", [&] { return ran(docker_run({})); }}};
    measure(contestants, rounds_, pause_between, report_);
    report_.at_most("library, no pool / docker run", ratio(contestants[0], contestants[3]), 0.9);
    report_.at_most("whole command, no pool / docker run", ratio(contestants[1], contestants[3]),
                    0.9);
    report_.at_most("whole command, no pool / docker run --rm",
                    ratio(contestants[1], contestants[2]), 0.9);
    ran({"sh", "-c", "docker container prune -f"});
  }

  void waiting_containers() {
    report_.begin("A short command in a container that waits (a new one each; exec: the same)");
    DockerSandbox pooled = sandbox({.warm_containers = 2});
    if (!ran(docker(
            {"run", "-d", "--name", "waits", "--network", "none", image_name, "sleep", "3600"}))) {
      throw std::runtime_error("docker run -d");
    }
    std::vector<Contestant> contestants = {
        {"DockerSandbox::run, from the pool", [&] { return is_ok(pooled); }},
        {"docker exec",
         [&] {
           return ran(docker({"exec", "waits", "true"}));
         }},
        {"docker run --network none", [&] { return ran(docker_run({})); }}};
    measure(contestants, rounds_, refill_time, report_);
    report_.at_most("pool / docker run", ratio(contestants[0], contestants[2]), 0.05);
    report_.at_most("pool / docker exec", ratio(contestants[0], contestants[1]), 0.2);
    ran(docker({"rm", "-f", "waits"}));
    ran({"sh", "-c", "docker container prune -f"});
  }

  void many_at_once() {
    report_.begin(fmt::format("{} runs at once", runs_at_once));
    DockerSandbox cold = sandbox({});
    DockerSandbox pooled = sandbox({.warm_containers = runs_at_once});
    int failed = 0;
    const auto all = [&](const std::function<bool()>& work) {
      return [&failed, work] {
        failed += failures(runs_at_once, runs_at_once, work);
        return true;
      };
    };
    std::vector<Contestant> contestants = {
        {"DockerSandbox::run, from the pool", all([&] { return is_ok(pooled); })},
        {"DockerSandbox::run, no pool", all([&] { return is_ok(cold); })},
        {"docker run --rm --network none", all([&] { return ran(docker_run({"--rm"})); })}};
    measure(contestants, std::max(rounds_ / 5, 1), large_refill_time, report_);
    report_.at_most("failures", failed, 0);
    report_.at_least("runs a second, pool / docker run --rm",
                     1 / ratio(contestants[0], contestants[2]), 2);
    report_.figure("runs a second, no pool / docker run --rm",
                   1 / ratio(contestants[1], contestants[2]));
  }

  void output() {
    report_.begin("200 MB of output");
    // A processor of its own, as docker run gives it.
    DockerSandbox cold = sandbox({}, 200'000);
    const std::string count = fmt::format("count={}", output_bytes / 100'000);
    std::vector<Contestant> contestants = {
        {"the demultiplexer, from a socket", [] { return demultiplexed() == output_bytes; }},
        {"DockerSandbox::run",
         [&] {
           const auto result = cold.run("dd", {"if=/dev/zero", "bs=100000", count});
           return result && result->stdout_bytes == output_bytes;
         }},
        {"docker run --rm", [&] {
           return ran(docker({"run", "--rm", "--network", "none", image_name, "dd", "if=/dev/zero",
                              "bs=100000", count}));
         }}};
    measure(contestants, std::max(rounds_ / 3, 1), pause_between, report_);
    const auto rate = [](const Contestant& each) {
      return output_bytes / megabyte / median(each.times_ms) * 1000;
    };
    report_.at_least("MB/s through the demultiplexer", rate(contestants[0]), 300);
    report_.figure("MB/s of a whole run", rate(contestants[1]));
    report_.figure("MB/s of docker run", rate(contestants[2]));
  }

  /// Many runs leave nothing, and take no more memory at their end than in their middle.
  void endure() {
    DockerSandbox shared = sandbox({});
    if (!is_ok(shared)) {
      throw std::runtime_error("the first run failed");
    }
    settle(Traces{});
    const Traces before = traces();
    std::array<double, 2> memory_kib{};
    int failed = 0;
    const auto start = Clock::now();
    for (double& kib : memory_kib) {
      failed += failures(many_runs / 2, runs_at_once, [&] { return is_ok(shared); });
      kib = own_memory_kib();
    }
    report_.begin(fmt::format("{} runs, {} at once", many_runs, runs_at_once));
    report_.figure("seconds", milliseconds_since(start) / 1000);
    const Traces after = settle(before);
    report_.at_most("failures", failed, 0);
    const auto left = [](auto now, auto then) {
      return static_cast<double>(now) - static_cast<double>(then);
    };
    report_.at_most("containers left", left(after.containers, before.containers), 0);
    report_.at_most("networks left", left(after.networks, before.networks), 0);
    report_.at_most("volumes left", left(after.volumes, before.volumes), 0);
    report_.at_most("processes left", left(after.processes, before.processes), 0);
    report_.at_most("files left", left(after.files, before.files), 0);
    report_.at_most("KiB that the second half of the runs added to our memory",
                    memory_kib[1] - memory_kib[0], flat_memory_kib);
  }

 private:
  DockerSandbox sandbox(DockerSandboxOptions options,
                        std::int64_t cpu_quota = DockerConfig{}.cpu_quota) const {
    options.engine = engine_.address();
    options.init_program = OMNISANDBOX_CONTAINER_INIT;
    Config config{.capabilities = {Capability::exec_run}, .allowed_commands = {"true", "dd"}};
    config.timeout = milliseconds(120'000);
    auto made = DockerSandbox::create(DockerConfig{.image = image_name, .cpu_quota = cpu_quota},
                                      std::move(config), std::move(options));
    if (!made) {
      throw std::runtime_error(made.error().message);
    }
    return *std::move(made);
  }

  std::vector<std::string> docker(const std::vector<std::string>& words) const {
    std::vector<std::string> line = {"docker", "-H", engine_.address()};
    line.insert(line.end(), words.begin(), words.end());
    return line;
  }

  std::vector<std::string> docker_run(const std::vector<std::string>& options) const {
    std::vector<std::string> words = {"run"};
    words.insert(words.end(), options.begin(), options.end());
    words.insert(words.end(), {"--network", "none", image_name, "true"});
    return docker(words);
  }

  static bool is_ok(DockerSandbox& sandbox) {
    const auto result = sandbox.run("true");
    if (!result || result->status != Status::ok) {
      std::fprintf(stderr, "%s\n",
                   !result         ? result.error().message.c_str()
                   : result->error ? result->error->message.c_str()
                                   : "it ended otherwise");
      return false;
    }
    return true;
  }

  /// What the engine sends for 200 MB, in frames as it makes them, read as a run reads them.
  static std::int64_t demultiplexed() {
    constexpr std::size_t frame_bytes = 32 * 1024;  // containerd's copies
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
      return -1;
    }
    const linux_::Fd sender(ends[0]);
    const linux_::Fd receiver(ends[1]);
    std::jthread engine([&sender] {
      std::string frame = {1, 0, 0, 0, 0, 0, 0, 0};
      frame += std::string(frame_bytes, 'x');
      for (std::int64_t left = output_bytes; left > 0;) {
        const auto size = static_cast<std::uint32_t>(std::min<std::int64_t>(left, frame_bytes));
        for (std::size_t index = 0; index < 4; ++index) {
          frame[4 + index] = static_cast<char>(size >> (24 - 8 * index));
        }
        for (std::string_view rest(frame.data(), 8 + size); !rest.empty();) {
          const ssize_t sent = ::send(sender.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
          if (sent <= 0) {
            return;
          }
          rest.remove_prefix(static_cast<std::size_t>(sent));
        }
        left -= size;
      }
      ::shutdown(sender.get(), SHUT_WR);
    });
    KeptOutput kept(1 << 20, {});
    MarkedStream marked(sizeof(init::End), [&](std::string_view piece) { kept.add(piece); });
    marked.expect(init::Token{1, 2, 3});
    StreamDemultiplexer streams([&](OutputStream, std::string_view piece) { marked.feed(piece); });
    std::vector<char> buffer(256 * 1024);
    for (ssize_t size = 0; (size = ::recv(receiver.get(), buffer.data(), buffer.size(), 0)) > 0;) {
      if (!streams.feed(std::string_view(buffer.data(), static_cast<std::size_t>(size)))) {
        break;
      }
    }
    return static_cast<std::int64_t>(kept.total_bytes());
  }

  std::size_t count_of(const std::string& target, const char* key) const {
    const auto listed = engine_.engine().call_json({.target = target}, test::soon(), "list");
    if (!listed) {
      throw std::runtime_error(listed.error().message);
    }
    const auto& list = key == nullptr ? *listed : listed->at(key);
    return list.size();
  }

  Traces traces() const {
    Traces found{.containers = count_of("/containers/json?all=1", nullptr),
                 .networks = count_of("/networks", nullptr),
                 .volumes = count_of("/volumes", "Volumes")};
    for (const auto& process : std::filesystem::directory_iterator("/proc")) {
      std::ifstream line(process.path() / "cmdline");
      const std::string text{std::istreambuf_iterator<char>(line), {}};
      const bool is_shim = text.find("containerd-shim") != std::string::npos &&
                           text.find(engine_.folder().string()) != std::string::npos;
      found.processes += is_shim || text.starts_with("/.omnisandbox/init") ? 1 : 0;
    }
    for (const char* folder : {"data/containers", "data/overlay2", "data/vfs/dir"}) {
      found.files += omnisandbox::bench::entries_in(engine_.folder() / folder);
    }
    found.files +=
        omnisandbox::bench::entries_in("/tmp") + omnisandbox::bench::entries_in("/dev/shm");
    return found;
  }

  /// What is there once it is what is expected, or after a minute. Removals end in the background.
  Traces settle(const Traces& expected) const {
    Traces now = traces();
    for (int tries = 0; tries < 600 && !(now == expected) && now.containers > 0; ++tries) {
      std::this_thread::sleep_for(milliseconds(100));
      now = traces();
    }
    std::this_thread::sleep_for(milliseconds(500));
    return traces();
  }

  std::string policy_file() const {
    const auto path = engine_.folder() / "policy.yaml";
    if (!std::filesystem::exists(path)) {
      std::ofstream(path) << "version: 1\ncapabilities: [exec_run]\nallowed_commands: [\"true\"]\n";
    }
    return path.string();
  }

  const test::TestEngine& engine_;
  const int rounds_;
  Report& report_;
};

struct Part {
  std::string_view name;
  void (Bench::*run)();
};
constexpr std::array parts = {Part{"new", &Bench::new_containers},
                              Part{"pool", &Bench::waiting_containers},
                              Part{"at-once", &Bench::many_at_once}, Part{"output", &Bench::output},
                              Part{"endure", &Bench::endure}};

int usage() {
  std::puts(
      "docker_bench [--json] [--rounds N] [new|pool|at-once|output|endure]...\n"
      "Ends with 1 where a bar is not met.");
  return 2;
}

int run(const std::vector<std::string_view>& words) {
  int rounds = 15;
  bool is_json = false;
  std::vector<Part> chosen;
  for (std::size_t index = 0; index < words.size(); ++index) {
    const std::string_view word = words[index];
    const auto found = std::find_if(parts.begin(), parts.end(),
                                    [&](const Part& part) { return part.name == word; });
    if (found != parts.end()) {
      chosen.push_back(*found);
    } else if (word == "--json") {
      is_json = true;
    } else if (word == "--rounds" && index + 1 < words.size()) {
      const std::string_view number = words[++index];
      std::from_chars(number.data(), number.data() + number.size(), rounds);
    } else {
      return usage();
    }
  }
  if (chosen.empty()) {
    chosen.assign(parts.begin(), parts.end());
  }
  if (rounds < 1) {
    return usage();
  }
  if (::geteuid() != 0) {
    std::fputs("docker_bench starts dockerd, which needs root\n", stderr);
    return 1;
  }
  test::TestEngine engine;
  engine.start();
  engine.make_image(image_name);
  Report report(is_json);
  Bench bench(engine, rounds, report);
  for (const Part& part : chosen) {
    (bench.*part.run)();
  }
  return report.are_bars_met() ? 0 : 1;
}

}  // namespace
}  // namespace omnisandbox::docker::bench

int main(int argument_count, char** arguments) {
  try {
    return omnisandbox::docker::bench::run({arguments + 1, arguments + argument_count});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "docker_bench: %s\n", error.what());
    return 1;
  }
}
