#include "guest_fixture.h"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace omnisandbox::hostile {
namespace {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
  std::ostringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}

void write_file(const fs::path& path, std::string_view content) {
  std::ofstream(path, std::ios::binary) << content;
}

}  // namespace

std::string guest_bytes(std::string_view name) {
  const fs::path folder = OMNISANDBOX_GUESTS_DIR;
  for (const std::string_view ending : {".wasm", ".wat"}) {
    const fs::path path = folder / (std::string(name) + std::string(ending));
    if (fs::exists(path)) {
      return read_file(path);
    }
  }
  ADD_FAILURE() << "no guest " << name << " in " << folder;
  return {};
}

std::span<const std::byte> bytes_of(std::string_view module) {
  return std::as_bytes(std::span(module.data(), module.size()));
}

std::map<std::string, std::string> contents_of(const fs::path& folder) {
  std::map<std::string, std::string> contents;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    std::string& content = contents[entry.path().lexically_relative(folder)];
    if (entry.is_symlink()) {
      content = "-> " + fs::read_symlink(entry.path()).string();
    } else if (entry.is_directory()) {
      content = "(folder)";
    } else {
      content =
          fmt::format("{} links, changed at {}: {}", entry.hard_link_count(),
                      entry.last_write_time().time_since_epoch().count(), read_file(entry.path()));
    }
  }
  return contents;
}

Result run_guest(Runtime& runtime, std::string_view name, std::vector<std::string> args,
                 RunOptions options) {
  const std::string module = guest_bytes(name);
  options.args = std::move(args);
  auto result = runtime.run(bytes_of(module), std::move(options));
  if (!result) {
    ADD_FAILURE() << name << ": " << result.error().message;
    return {};
  }
  return std::move(*result);
}

std::string describe(const Result& result) {
  return fmt::format(
      "status {}, exit code {}, {:.3f} s, {} bytes of memory, error '{}'\nstdout: {}\nstderr: {}",
      to_string(result.status), result.exit_code,
      std::chrono::duration<double>(result.duration).count(), result.peak_memory_bytes,
      result.error ? result.error->message : "", result.stdout_data.substr(0, 4000),
      result.stderr_data.substr(0, 4000));
}

void HostileGuest::SetUp() {
  std::string pattern = (fs::temp_directory_path() / "omnisandbox-hostile-XXXXXX").string();
  ASSERT_NE(mkdtemp(pattern.data()), nullptr);
  folder_ = fs::canonical(pattern);
  for (const char* name : {"allowed/sub", "allowed-evil", "read_only", "outside/sub"}) {
    fs::create_directories(folder_ / name);
  }
  write_file(folder_ / "allowed/note.txt", "note");
  write_file(folder_ / "allowed-evil/secret.txt", "secret");
  write_file(folder_ / "read_only/data.txt", "data");
  write_file(folder_ / "outside/secret.txt", "secret");
  write_file(folder_ / "outside/linked.txt", "linked");
  fs::create_symlink("../outside", folder_ / "allowed/link_out");
  fs::create_symlink("../outside/secret.txt", folder_ / "allowed/link_file");
  fs::create_symlink("../outside/new.txt", folder_ / "allowed/dangling");
  fs::create_hard_link(folder_ / "outside/linked.txt", folder_ / "allowed/hard");
}

void HostileGuest::TearDown() { fs::remove_all(folder_); }

RuntimeOptions tested_isolation() {
  RuntimeOptions options;
  const char* isolation = std::getenv("OMNISANDBOX_TEST_ISOLATION");
  if (isolation != nullptr && std::string_view(isolation) == "worker") {
    options.isolation = Isolation::worker;
    options.worker_program = OMNISANDBOX_WORKER_PROGRAM;
  }
  return options;
}

RuntimeOptions with_cached_code(RuntimeOptions options) {
  options.module_cache = OMNISANDBOX_TEST_MODULE_CACHE;
  return options;
}

Config HostileGuest::files_config() const {
  Config config;
  config.capabilities = {Capability::fs_read, Capability::fs_write};
  config.allowed_paths = {PathRule(allowed(), PathAccess::read_write),
                          PathRule(read_only(), PathAccess::read)};
  return config;
}

Runtime HostileGuest::runtime_for(Config config, RuntimeOptions options) {
  auto runtime = Runtime::create(std::move(config), std::move(options));
  if (!runtime) {
    throw std::runtime_error(runtime.error().message);  // gtest reports it as the test's failure
  }
  return std::move(*runtime);
}

}  // namespace omnisandbox::hostile
