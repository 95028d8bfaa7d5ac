#include "wasm/run/run_input.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "policy/compiled_policy.h"

namespace omnisandbox::wasm {
namespace {

Expected<void> check_text(std::string_view text, std::string_view what) {
  if (text.find('\0') != std::string_view::npos) {
    return base::make_error(ErrorKind::invalid_argument, "the {} \"{}\" contains a NUL byte", what,
                            base::printable(text, 128));
  }
  return {};
}

Expected<void> append_variable(std::vector<std::string>& environment, const std::string& name,
                               const std::string& value) {
  TRY(check_text(name, "environment variable"));
  TRY(check_text(value, "value of an environment variable"));
  if (name.empty() || name.find('=') != std::string::npos) {
    return base::make_error(ErrorKind::invalid_argument,
                            "\"{}\" cannot be the name of an environment variable",
                            base::printable(name, 128));
  }
  environment.push_back(name + "=" + value);
  return {};
}

}  // namespace

Expected<GuestInput> make_guest_input(std::string_view program, const Config& config,
                                      const RunOptions& options) {
  GuestInput input;
  input.args.reserve(1 + options.args.size());
  input.args.emplace_back(program);
  for (const std::string& argument : options.args) {
    TRY(check_text(argument, "argument"));
    input.args.push_back(argument);
  }
  input.environment.reserve(config.environment.size() + options.environment.size());
  for (const auto& [name, value] : config.environment) {
    if (!options.environment.contains(name)) {
      TRY(append_variable(input.environment, name, value));
    }
  }
  for (const auto& [name, value] : options.environment) {
    TRY(append_variable(input.environment, name, value));
  }
  return input;
}

std::chrono::milliseconds effective_timeout(const Policy& policy, const RunOptions& options) {
  const auto longest = policy.compiled().limits().timeout;
  if (!options.timeout) {
    return longest;
  }
  return std::clamp(*options.timeout, std::chrono::milliseconds(0), longest);
}

std::chrono::steady_clock::time_point effective_deadline(
    const Policy& policy, const RunOptions& options,
    std::chrono::steady_clock::time_point started) {
  const auto end = started + effective_timeout(policy, options);
  return std::min(end, options.deadline.value_or(end));
}

Expected<HostFunctions> make_host_functions(const Policy& policy, const RunOptions& run,
                                            std::chrono::steady_clock::time_point started,
                                            HostFunctionOptions options) {
  options.path_view = PathView::guest;
  options.deadline = effective_deadline(policy, run, started);
  options.stop = run.stop;
  return HostFunctions::create(policy, std::move(options));
}

}  // namespace omnisandbox::wasm
