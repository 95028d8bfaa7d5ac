// Whatever a guest passes to WASI: nothing outside its folders is read or changed, nothing beyond
// its quota is written, and nothing stays open. The input is lines, a call each: the function's
// name and its arguments, which are numbers, '…' for a text (its place and its length), or * for a
// place in the memory.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "host_functions/host_functions_impl.h"
#include "omnisandbox/host_functions.h"
#include "wasm/guest_run.h"
#include "wasm/wasi/preview1.h"

namespace {

namespace fs = std::filesystem;
namespace wasi = omnisandbox::wasm::wasi;
using omnisandbox::Config;
using omnisandbox::HostFunctions;
using omnisandbox::PathAccess;
using omnisandbox::PathRule;
using omnisandbox::Policy;
using omnisandbox::wasm::GuestCall;
using omnisandbox::wasm::GuestMemory;
using omnisandbox::wasm::GuestRun;

constexpr std::size_t memory_bytes = 64 * 1024;
constexpr std::size_t max_calls = 100;
constexpr std::uint64_t max_write_bytes = 64 * 1024;
constexpr std::uint64_t max_files_created = 20;
// Long enough for every call but a sleep.
constexpr std::chrono::milliseconds time_of_a_run{200};
constexpr std::string_view mark = "MARK-OF-THE-OUTSIDE";

void require(bool condition, const char* property) {
  if (!condition) {
    std::fprintf(stderr, "broken: %s\n", property);
    std::abort();
  }
}

void write_file(const fs::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

// What the fuzzed guest sees and must not see; made anew for each input where it may change.
class Folders {
 public:
  Folders() {
    std::string pattern = (fs::temp_directory_path() / "omnisandbox-fuzz-XXXXXX").string();
    require(mkdtemp(pattern.data()) != nullptr, "a temporary folder can be made");
    root_ = fs::canonical(pattern);
    fs::create_directories(root_ / "outside/sub");
    fs::create_directories(root_ / "docs");
    write_file(root_ / "outside/secret.txt", mark);
    write_file(root_ / "outside/sub/linked.txt", mark);
    write_file(root_ / "docs/manual.txt", "manual");
    fs::create_directories(root_ / "work");
    reset_work();
    before_ = state();
  }
  ~Folders() {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }
  Folders(const Folders&) = delete;
  Folders& operator=(const Folders&) = delete;

  void reset_work() const {
    for (const fs::directory_entry& entry : fs::directory_iterator(root_ / "work")) {
      fs::remove_all(entry.path());
    }
    fs::create_directories(root_ / "work/sub/deeper");
    fs::create_directories(root_ / "work/private");
    write_file(root_ / "work/note.txt", "note");
    write_file(root_ / "work/sub/deep.txt", "deep");
    write_file(root_ / "work/private/key", mark);
    fs::create_symlink("../outside", root_ / "work/out");
    fs::create_symlink("../outside/secret.txt", root_ / "work/out_file");
    fs::create_symlink("sub", root_ / "work/in");
    fs::create_symlink("absent", root_ / "work/dangling");
    require(mkfifo((root_ / "work/fifo").c_str(), 0600) == 0, "a FIFO can be made");
    std::error_code ignored;  // some file systems have no hard links
    fs::create_hard_link(root_ / "docs/manual.txt", root_ / "work/hard", ignored);
  }

  Policy policy() const {
    Config config;
    config.capabilities = {omnisandbox::Capability::fs_read, omnisandbox::Capability::fs_write};
    config.allowed_paths = {PathRule(root_ / "work", PathAccess::read_write, "/"),
                            PathRule(root_ / "docs", PathAccess::read, "/docs"),
                            PathRule(root_ / "work/private", PathAccess::none)};
    config.max_write_bytes = max_write_bytes;
    config.max_file_bytes = max_write_bytes;
    config.max_files_created = max_files_created;
    config.max_open_files = 16U;
    auto compiled = Policy::compile(std::move(config));
    require(compiled.has_value(), "the policy compiles");
    return std::move(*compiled);
  }

  void check() const {
    require(state() == before_, "nothing outside or read-only changes");
    require(fs::exists(root_ / "work/private/key"), "what is denied stays where it is");
    std::uint64_t bytes = 0;
    std::uint64_t names = 0;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root_ / "work")) {
      ++names;
      bytes += entry.is_regular_file() && !entry.is_symlink() ? entry.file_size() : 0;
    }
    require(bytes <= max_write_bytes + 100, "written bytes stay within the quota");
    require(names <= max_files_created + 15, "created names stay within the quota");
  }

 private:
  std::map<std::string, std::string> state() const {
    std::map<std::string, std::string> found;
    for (const char* folder : {"outside", "docs"}) {
      for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root_ / folder)) {
        struct stat status {};
        require(lstat(entry.path().c_str(), &status) == 0, "lstat works");
        std::ifstream file(entry.path(), std::ios::binary);
        found[entry.path()] = entry.is_directory()
                                  ? "folder"
                                  : std::to_string(status.st_mtim.tv_sec) + "." +
                                        std::to_string(status.st_mtim.tv_nsec) + " " +
                                        std::string(std::istreambuf_iterator<char>(file), {});
      }
    }
    return found;
  }

  fs::path root_;
  std::map<std::string, std::string> before_;
};

// One line of the input, argument by argument; 0 once there are no more.
class Arguments {
 public:
  Arguments(std::string_view text, std::vector<std::uint8_t>& memory, std::uint32_t& next_place)
      : text_(text), memory_(memory), next_place_(next_place) {}

  std::uint64_t next() {
    if (has_length_) {
      has_length_ = false;
      return length_;
    }
    while (text_.starts_with(' ')) {
      text_.remove_prefix(1);
    }
    if (text_.starts_with('\'')) {
      return next_text();
    }
    const std::string_view token = text_.substr(0, text_.find(' '));
    text_.remove_prefix(token.size());
    if (token == "*") {
      return place(64);
    }
    const bool negative = token.starts_with('-');
    const std::string_view digits = token.substr(negative ? 1 : 0);
    std::uint64_t value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return negative ? 0 - value : value;
  }

 private:
  std::uint32_t place(std::size_t size) {
    if (next_place_ + size > memory_.size()) {
      next_place_ = 0;
    }
    const std::uint32_t at = next_place_;
    next_place_ += static_cast<std::uint32_t>(size);
    return at;
  }

  std::uint64_t next_text() {
    text_.remove_prefix(1);
    const std::string_view text = text_.substr(0, text_.find('\''));
    text_.remove_prefix(std::min(text.size() + 1, text_.size()));
    const std::uint32_t at = place(text.size());
    std::copy(text.begin(), text.end(), memory_.begin() + at);
    has_length_ = true;
    length_ = text.size();
    return at;
  }

  std::string_view text_;
  std::vector<std::uint8_t>& memory_;
  std::uint32_t& next_place_;
  bool has_length_ = false;
  std::uint64_t length_ = 0;
};

using Call = std::function<void(GuestCall&, Arguments&)>;

template <class Return, class... Args>
Call bind(Return (*function)(GuestCall&, Args...)) {
  return [function](GuestCall& call, Arguments& arguments) {
    // Braces: in this order.
    const std::tuple<Args...> values{static_cast<Args>(arguments.next())...};
    std::apply([&](Args... args) { function(call, args...); }, values);
  };
}

const std::map<std::string_view, Call>& calls() {
#define CALL(name) \
  { #name, bind(&wasi::name) }
  static const std::map<std::string_view, Call> all = {CALL(args_get),
                                                       CALL(args_sizes_get),
                                                       CALL(environ_get),
                                                       CALL(environ_sizes_get),
                                                       CALL(clock_res_get),
                                                       CALL(clock_time_get),
                                                       CALL(random_get),
                                                       CALL(fd_read),
                                                       CALL(fd_pread),
                                                       CALL(fd_write),
                                                       CALL(fd_pwrite),
                                                       CALL(fd_seek),
                                                       CALL(fd_tell),
                                                       CALL(fd_advise),
                                                       CALL(fd_allocate),
                                                       CALL(fd_close),
                                                       CALL(fd_datasync),
                                                       CALL(fd_fdstat_get),
                                                       CALL(fd_fdstat_set_flags),
                                                       CALL(fd_fdstat_set_rights),
                                                       CALL(fd_filestat_get),
                                                       CALL(fd_filestat_set_size),
                                                       CALL(fd_filestat_set_times),
                                                       CALL(fd_prestat_get),
                                                       CALL(fd_prestat_dir_name),
                                                       CALL(fd_renumber),
                                                       CALL(fd_sync),
                                                       CALL(fd_readdir),
                                                       CALL(path_open),
                                                       CALL(path_create_directory),
                                                       CALL(path_filestat_get),
                                                       CALL(path_filestat_set_times),
                                                       CALL(path_readlink),
                                                       CALL(path_remove_directory),
                                                       CALL(path_unlink_file),
                                                       CALL(path_link),
                                                       CALL(path_rename),
                                                       CALL(path_symlink),
                                                       CALL(poll_oneoff),
                                                       CALL(proc_exit),
                                                       CALL(proc_raise),
                                                       CALL(sched_yield),
                                                       CALL(sock_accept),
                                                       CALL(sock_recv),
                                                       CALL(sock_send),
                                                       CALL(sock_shutdown)};
#undef CALL
  return all;
}

// `store AT NUMBER`: 8 bytes of memory, for vectors and subscriptions.
void store(GuestCall& call, Arguments& arguments) {
  const auto at = static_cast<std::uint32_t>(arguments.next());
  const std::uint64_t value = arguments.next();
  [[maybe_unused]] const bool stored = call.memory.store(at, value);
}

void run_guest(const Folders& folders, std::string_view input) {
  auto functions = HostFunctions::create(
      folders.policy(), {.deadline = std::chrono::steady_clock::now() + time_of_a_run});
  require(functions.has_value(), "host functions can be made");
  GuestRun run(*functions, *functions->impl().context);
  run.args = {"guest", "argument"};
  run.environment = {"NAME=value"};
  run.stdin_data = "input";
  std::vector<std::uint8_t> memory(memory_bytes);
  std::uint32_t next_place = 1024;
  GuestCall call{.run = run, .memory = GuestMemory(memory)};
  for (std::size_t count = 0; count < max_calls && !input.empty(); ++count) {
    const std::string_view line = input.substr(0, input.find('\n'));
    input.remove_prefix(std::min(line.size() + 1, input.size()));
    const std::string_view name = line.substr(0, line.find(' '));
    Arguments arguments(line.substr(name.size()), memory, next_place);
    if (name == "store") {
      store(call, arguments);
    } else if (const auto found = calls().find(name); found != calls().end()) {
      found->second(call, arguments);
    }
    if (call.end != GuestCall::End::none) {
      break;
    }
  }
  const std::string_view seen(reinterpret_cast<const char*>(memory.data()), memory.size());
  require(seen.find(mark) == std::string_view::npos, "nothing outside is read");
}

std::size_t open_descriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    ++count;
  }
  return count;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Folders folders;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  // An input may hold the mark itself; then finding it would mean nothing.
  if (input.find(mark) != std::string_view::npos) {
    return 0;
  }
  folders.reset_work();
  const std::size_t open_before = open_descriptors();
  run_guest(folders, input);
  require(open_descriptors() == open_before, "nothing stays open");
  folders.check();
  return 0;
}
