// Runs a guest under a policy from C++, and uses the host functions without one. Ends with 0 when
// all went as it says.
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <omnisandbox/omnisandbox.hh>
#include <span>
#include <string>
#include <string_view>

namespace {

// Asks for the file that it was built to ask for, and prints what it got; ends with 1 when it was
// refused. Memory: 64 an iovec for fd_write, 72 the number of bytes written, 128 the path, 1024 the
// file's content.
constexpr std::string_view guest_before_path = R"((module
  (import "omnisandbox_v1" "fs_read" (func $fs_read (param i32 i32 i64 i64) (result i32)))
  (import "omnisandbox_v1" "result_read" (func $result_read (param i32 i32 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 128) ")";
constexpr std::string_view guest_after_path = R"(")
  (func (export "_start") (local $file i32)
    (local.set $file (call $fs_read (i32.const 128) (global.get $path_length) (i64.const 0) (i64.const -1)))
    (if (i32.lt_s (local.get $file) (i32.const 0)) (then (call $proc_exit (i32.const 1))))
    (i32.store (i32.const 64) (i32.const 1024))
    (i32.store (i32.const 68)
      (call $result_read (local.get $file) (i32.const 0) (i64.const 0) (i32.const 1024) (i32.const 4096)))
    (drop (call $fd_write (i32.const 1) (i32.const 64) (i32.const 1) (i32.const 72)))))";

std::string guest_that_reads(const std::string& path) {
  return std::string(guest_before_path) + path + std::string(guest_after_path) +
         "\n  (global $path_length i32 (i32.const " + std::to_string(path.size()) + ")))";
}

// A program of your own would handle the Error; here each must not happen.
template <class T>
T must(omnisandbox::Expected<T> outcome, std::string_view step) {
  if (!outcome) {
    std::cerr << step << ": " << outcome.error().message << "\n";
    std::exit(1);
  }
  return std::move(*outcome);
}

void require(bool holds, std::string_view claim) {
  if (!holds) {
    std::cerr << "not so: " << claim << "\n";
    std::exit(1);
  }
}

omnisandbox::Result run(omnisandbox::Runtime& runtime, const std::string& guest) {
  return must(runtime.run(std::as_bytes(std::span(guest)), omnisandbox::RunOptions{}), "run");
}

void print(std::string_view title, const omnisandbox::Result& result) {
  std::cout << title << ": " << to_string(result.status) << ", exit code " << result.exit_code
            << ", " << result.stdout_data.size() << " bytes of output\n";
  for (const omnisandbox::Denial& denial : result.denials) {
    std::cout << "  refused: " << to_string(denial.capability) << " " << denial.resource << ": "
              << denial.reason << "\n";
  }
}

// A native program sees what the policy opens, and nothing else of this machine.
void run_a_command(const std::string& folder) {
  const omnisandbox::Config config{
      .capabilities = {omnisandbox::Capability::exec_run, omnisandbox::Capability::fs_read},
      .allowed_paths = {folder + "/data"},
      .allowed_commands = {"cat"}};
  auto sandbox = must(omnisandbox::ProcessSandbox::create(config, {.launcher = EMBED_LAUNCHER}),
                      "create the process sandbox");
  const auto granted = sandbox.run("cat", {folder + "/data/note.txt"});
  if (!granted && granted.error().kind == omnisandbox::ErrorKind::unavailable) {
    std::cout << "no native commands on this machine: " << granted.error().message << "\n";
    return;
  }
  require(granted && granted->stdout_data == "hello from the host\n", "cat read the allowed file");
  print("a native command reads an allowed file", *granted);
  const auto refused = must(sandbox.run("cat", {folder + "/private.txt"}), "run cat");
  print("a native command reads another file", refused);
  require(refused.exit_code != 0 && refused.stdout_data.empty(), "the other file is not there");
  require(!sandbox.run("id", {}), "a program that is not listed does not run");
}

}  // namespace

int main() {
  using omnisandbox::Capability;
  using omnisandbox::ErrorKind;

  std::string folder =
      (std::filesystem::temp_directory_path() / "omnisandbox-embed-XXXXXX").string();
  require(mkdtemp(folder.data()) != nullptr, "a temporary folder can be made");
  std::filesystem::create_directory(folder + "/data");
  std::ofstream(folder + "/data/note.txt") << "hello from the host\n";
  std::ofstream(folder + "/private.txt") << "not for guests\n";

  const omnisandbox::Config config{.capabilities = {Capability::fs_read},
                                   .timeout = std::chrono::seconds(5),
                                   .allowed_paths = {folder + "/data"}};

  // A guest: one read that the policy grants, one that it denies.
  auto runtime = must(omnisandbox::Runtime::create(config), "create the runtime");
  const auto granted = run(runtime, guest_that_reads(folder + "/data/note.txt"));
  print("a guest reads an allowed file", granted);
  require(
      granted.status == omnisandbox::Status::ok && granted.stdout_data == "hello from the host\n",
      "the guest read the file");
  const auto denied = run(runtime, guest_that_reads(folder + "/private.txt"));
  print("a guest reads another file", denied);
  require(denied.exit_code == 1 && denied.stdout_data.empty() && denied.denials.size() == 1,
          "the guest was refused, and told so");

  // The same policy for code of your own, through the host functions.
  const auto policy = must(omnisandbox::Policy::compile(config), "compile the policy");
  auto functions = must(omnisandbox::HostFunctions::create(policy), "create the host functions");
  require(must(functions.fs_read(folder + "/data/note.txt"), "fs_read") == "hello from the host\n",
          "fs_read works");
  const auto refused = functions.fs_read(folder + "/private.txt");
  require(!refused && refused.error().kind == ErrorKind::denied,
          "fs_read refuses what is not allowed");
  std::cout << "host functions refuse as well: " << refused.error().message << "\n";

  run_a_command(folder);

  std::filesystem::remove_all(folder);
  std::cout << "omnisandbox " << omnisandbox::version() << ": all as expected\n";
  return 0;
}
