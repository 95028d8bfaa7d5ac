// OmniSandbox's Runtime under its default limits: what a program that embeds it pays for each run.
// In process, or, built with OMNISANDBOX_BENCH_WORKER, in worker processes of that program.
#include <fmt/format.h>

#include <cstddef>
#include <fstream>
#include <iterator>
#include <memory>
#include <omnisandbox/omnisandbox.hh>
#include <span>
#include <string>
#include <vector>

#include "guest_runs.h"

namespace {

using omnisandbox::bench::fail;

omnisandbox::RuntimeOptions options(const std::string& cache_folder) {
  omnisandbox::RuntimeOptions options;
  options.module_cache = cache_folder;
#ifdef OMNISANDBOX_BENCH_WORKER
  options.isolation = omnisandbox::Isolation::worker;
  options.worker_program = OMNISANDBOX_BENCH_WORKER;
#endif
  return options;
}

omnisandbox::Config config(const std::string& readable_folder) {
  if (readable_folder.empty()) {
    return {};
  }
  return {.capabilities = {omnisandbox::Capability::fs_read}, .allowed_paths = {readable_folder}};
}

omnisandbox::bench::RunGuest prepare(const omnisandbox::bench::Guest& guest) {
  std::ifstream file(guest.path, std::ios::binary);
  const std::vector<char> module_bytes{std::istreambuf_iterator<char>(file), {}};

  auto created =
      omnisandbox::Runtime::create(config(guest.readable_folder), options(guest.cache_folder));
  if (!created) {
    fail(created.error().message);
  }
  // Shared: std::function copies what it holds, and a Runtime has one owner.
  auto runtime = std::make_shared<omnisandbox::Runtime>(std::move(*created));
  if (auto compiled = runtime->compile("guest", std::as_bytes(std::span(module_bytes)));
      !compiled) {
    fail(guest.path + ": " + compiled.error().message);
  }
  return [runtime](const std::string& argument, const std::string& input) {
    std::vector<std::string> args;
    if (!argument.empty()) {
      args.push_back(argument);
    }
    auto result = runtime->execute("guest", std::move(args), input);
    if (!result || result->status != omnisandbox::Status::ok) {
      fail(!result ? result.error().message
                   : fmt::format("the guest ended with {}", to_string(result->status)));
    }
    return std::move(result->stdout_data);
  };
}

}  // namespace

int main(int argc, char** argv) {
  return omnisandbox::bench::measure_guest_runs(argc, argv, prepare);
}
