#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "omnisandbox/expected.h"
#include "omnisandbox/policy.h"
#include "omnisandbox/result.h"
#include "omnisandbox/runtime.h"

namespace omnisandbox {

/// What a call of an exported function came to.
struct ExportCall {
  Result result;
  /// What the function returned, as JSON; unset where it returns nothing or did not return. A core
  /// function with several results gives a list.
  std::optional<std::string> value_json{};
};

/// An exported function, as somebody who has JSON sees it.
struct ExportedFunction {
  std::string name;       ///< as `call` takes it; a module's can be any text
  std::string type_text;  ///< its type as WIT; safe to print
  struct Parameter {
    std::string name;          ///< empty of a core module
    std::string schema_json;   ///< a JSON Schema (draft 2020-12) of what it takes
    bool is_optional = false;  ///< an `option`: null stands for its absence
  };
  std::vector<Parameter> parameters{};
  std::optional<std::string> result_schema_json{};  ///< of what `call` returns; unset: nothing
  bool result_can_fail = false;                     ///< it is a `result`
  /// False where a resource, a future or a stream is among its types, or a type is too large to be
  /// described; there is no schema then.
  bool fits_json = true;
};

/// How long compiling may take.
struct LoadOptions {
  /// Shortens the policy's, never lengthens it.
  std::optional<std::chrono::milliseconds> timeout{};
  std::stop_token stop{};
};

/// The exported functions of a core module or of a component, under one policy, called with JSON.
///
/// WIT and JSON: numbers, `true`, strings (a `char` is a string of one) as they are; `list` and
/// `tuple` as lists; `record` as an object, where an absent field is a `none`; `enum` as its name;
/// `variant` as its case's name, or as an object with that one key where the case has a payload;
/// `flags` as a list of names; `option` as null or the value (within another option: as a list with
/// it); `result` as {"ok": …} or {"error": …}. Floats that JSON lacks are "nan", "inf" and "-inf".
/// Handles of resources, futures and streams cannot be passed.
class ModuleExports {
 public:
  /// Compiles `bytes` (a module or a component, in binary or text form), or takes it from the
  /// module cache; `name` is the guest's argv[0]. Errors as Runtime::compile; `timeout` and
  /// `cancelled` too.
  static Expected<ModuleExports> load(Policy policy, std::string name,
                                      std::span<const std::byte> bytes, RuntimeOptions options = {},
                                      LoadOptions how = {});
  /// The same of a file. Further errors: `not_found`, `io`; `invalid_argument` where it is no
  /// regular file, or has another digest than it must have.
  static Expected<ModuleExports> load(Policy policy, std::string name, const ModuleFile& file,
                                      RuntimeOptions options = {}, LoadOptions how = {});
  ModuleExports(ModuleExports&&) noexcept;
  ModuleExports& operator=(ModuleExports&&) noexcept;
  ~ModuleExports();  // calls must have ended

  /// One line for each function: its name as `call` takes it, and its type as WIT. Errors: where a
  /// worker process is asked, and cannot answer.
  Expected<std::vector<std::string>> list() const;

  /// The same, with the schemas of their JSON. Errors: as `list`.
  Expected<std::vector<ExportedFunction>> functions() const;

  /// Calls `function` ("name", or "interface#name" of a component) in a fresh instance. Errors:
  /// `not_found`; `invalid_argument` where the arguments do not fit its type; `too_large` where
  /// what it returned is more than max_output_bytes of JSON. How the guest ended is in the Result.
  Expected<ExportCall> call(std::string_view function, std::span<const std::string> arguments_json,
                            RunOptions options = {});

  /// Runs a component that is a command (it exports wasi:cli/run). Error: `invalid_argument` for
  /// any other.
  Expected<Result> run(RunOptions options = {});

  class Impl;

 private:
  explicit ModuleExports(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace omnisandbox
