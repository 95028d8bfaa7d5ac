#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

#include "omnisandbox/runtime.h"

/// For the tests of this folder: guests are written in the text format, next to what they are
/// expected to do.
namespace omnisandbox::wasm {

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

/// The tests run once in each kind of isolation: the second time with this variable set to
/// "worker".
inline bool tests_workers() {
  const char* isolation = std::getenv("OMNISANDBOX_TEST_ISOLATION");
  return isolation != nullptr && std::string_view(isolation) == "worker";
}

inline RuntimeOptions tested_isolation(RuntimeOptions options = {}) {
  if (tests_workers()) {
    options.isolation = Isolation::worker;
#ifdef OMNISANDBOX_WORKER_PROGRAM  // where it is not beside the test's program
    options.worker_program = OMNISANDBOX_WORKER_PROGRAM;
#endif
  }
  return options;
}

inline Runtime make_runtime(Config config = {}, RuntimeOptions options = {}) {
  options = tested_isolation(std::move(options));
  auto runtime = Runtime::create(std::move(config), std::move(options));
  if (!runtime) {
    ADD_FAILURE() << runtime.error().message;
    std::abort();
  }
  return std::move(*runtime);
}

/// Runs a module that is expected to start.
inline Result run_guest(Runtime& runtime, std::string_view module, RunOptions options = {}) {
  auto result = runtime.run(bytes_of(module), std::move(options));
  if (!result) {
    ADD_FAILURE() << to_string(result.error().kind) << ": " << result.error().message;
    return {};
  }
  return std::move(*result);
}

inline Result run_guest(std::string_view module, Config config = {}, RunOptions options = {}) {
  Runtime runtime = make_runtime(std::move(config));
  return run_guest(runtime, module, std::move(options));
}

inline std::string message_of(const Result& result) {
  return result.error ? result.error->message : std::string();
}

/// A folder of its own, gone with the object.
class TestFolder {
 public:
  TestFolder() {
    std::string name =
        (std::filesystem::temp_directory_path() / "omnisandbox-wasm-XXXXXX").string();
    path_ = std::filesystem::canonical(mkdtemp(name.data()));
  }
  ~TestFolder() { std::filesystem::remove_all(path_); }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  std::string path() const { return path_.string(); }
  std::string file(std::string_view name) const { return (path_ / name).string(); }
  void write(std::string_view name, std::string_view content) const {
    std::ofstream(file(name), std::ios::binary) << content;
  }
  std::string read(std::string_view name) const {
    std::ostringstream content;
    content << std::ifstream(file(name), std::ios::binary).rdbuf();
    return content.str();
  }

 private:
  std::filesystem::path path_;
};

/// Imports that most guests of these tests use.
inline constexpr std::string_view wasi_imports = R"(
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read"
    (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
)";

/// A module with the WASI imports above and `body`.
inline std::string guest(std::string_view body) {
  return "(module" + std::string(wasi_imports) + std::string(body) + ")";
}

}  // namespace omnisandbox::wasm
