#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "omnisandbox/expected.h"
#include "omnisandbox/interpreter.h"
#include "wasm/component/compiled_component.h"
#include "wasm/worker/workers.h"

namespace omnisandbox::wasm::interpreter {

/// The compiled interpreters on disk: for each language the engine's code, which is mapped and
/// trusted, and a small text with the component's shape.
class InterpreterFiles {
 public:
  /// The folder that `asked_for` names, else the one beside the running program, else the installed
  /// one.
  static InterpreterFiles find(const std::string& asked_for);

  const std::string& folder() const noexcept { return folder_; }

  /// Errors: `unavailable` when there is none, it was made by another version, or somebody else
  /// could have written it.
  Expected<std::shared_ptr<const component::CompiledComponent>> load(
      const component::ComponentEngine& engine, Language language) const;

  /// For another process of ours to map. Errors: as `load`, but for what only loading shows.
  Expected<worker::InterpreterCode> open(Language language) const;

  /// Compiles `component_bytes` and writes both files, each at once.
  Expected<void> write(const component::ComponentEngine& engine, Language language,
                       std::span<const std::byte> component_bytes) const;

 private:
  explicit InterpreterFiles(std::string folder) : folder_(std::move(folder)) {}
  std::string file(Language language, const char* suffix) const;

  std::string folder_;
};

}  // namespace omnisandbox::wasm::interpreter
