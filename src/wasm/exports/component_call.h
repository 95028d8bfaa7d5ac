#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "omnisandbox/expected.h"
#include "wasm/component/compiled_component.h"
#include "wasm/component/component_run.h"
#include "wasm/run/guest_execution.h"

namespace omnisandbox::wasm::exports {

/// What a call came to.
struct Called {
  Execution execution;
  std::optional<std::string> value_json{};  ///< set where the function returned something
};

/// What a function returned can be no part of itself: it is `too_large` beyond max_output_bytes.
Expected<void> check_result_size(const std::optional<std::string>& value_json, const GuestRun& run);

/// What a component is called with: everything but the function.
struct ComponentCall {
  component::ComponentEngine& engine;
  const component::CompiledComponent& component;
  component::ComponentRun& run;
  std::uint64_t memory_limit_bytes = 0;
  std::chrono::milliseconds timeout{};
};

/// Calls the function in a fresh instance. Errors: `not_found`; `invalid_argument` where the
/// arguments do not fit (nothing was called then), or where JSON cannot hold the result;
/// `too_large` as `check_result_size`.
Expected<Called> call_component(const ComponentCall& call, std::string_view function,
                                std::span<const std::string> arguments_json);

/// Calls wasi:cli/run; the guest's failure is its exit code 1. Error: `invalid_argument` for a
/// component that does not export it.
Expected<Execution> run_command(const ComponentCall& call);

}  // namespace omnisandbox::wasm::exports
