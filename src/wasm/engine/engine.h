#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/strong_bool.h"
#include "omnisandbox/expected.h"
#include "wasm/engine/deadline_watch.h"
#include "wasm/engine/owners.h"
#include "wasm/engine/slots.h"
#include "wasm/host_module.h"

namespace omnisandbox::wasm {

using FuelMetering = base::StrongBool<struct FuelMeteringTag>;

/// What code compiled by an engine depends on: versions and settings, for the module cache.
std::string engine_fingerprint(FuelMetering fuel);

struct EngineSettings {
  FuelMetering fuel = FuelMetering::no;
  std::uint32_t slots = 0;                       ///< instances at once
  std::span<const HostModule* const> modules{};  ///< what guests may import
};

/// wasmtime's engine with what belongs to it once: the pool of instance slots, the linker with the
/// host functions, and the watch over deadlines. All Runtimes of a process with the same settings
/// share one, because each engine reserves terabytes of address space; memory limits differ from
/// run to run and are not settings. Thread-safe.
///
/// Creating the first engine installs wasmtime's handlers for SIGSEGV, SIGILL, SIGFPE and SIGBUS,
/// which pass on what is not theirs.
class Engine {
 public:
  /// The engine with these settings, made when there is none yet. It lives as long as someone holds
  /// it. Errors: `unavailable`.
  static Expected<std::shared_ptr<Engine>> shared(FuelMetering fuel);
  /// One of the caller's own, for a process that has no other.
  static Expected<std::shared_ptr<Engine>> create(const EngineSettings& settings);

  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  wasm_engine_t* get() const noexcept { return engine_.get(); }
  const wasmtime_linker_t* linker() const noexcept { return linker_.get(); }
  FuelMetering fuel() const noexcept { return fuel_; }
  /// Places for memories and tables: a run takes as many as its module has memories or tables, and
  /// at least one.
  Slots& slots() noexcept { return slots_; }
  /// Places for modules that are being compiled.
  Slots& compile_slots() noexcept { return compile_slots_; }
  DeadlineWatch& deadlines() noexcept { return deadlines_; }
  std::string fingerprint() const { return engine_fingerprint(fuel_); }
  /// A forked child has neither the watch's thread nor its locks, so it must not run guests with
  /// this engine.
  bool belongs_to_this_process() const noexcept;

 private:
  Engine(FuelMetering fuel, EngineOwner engine, LinkerOwner linker, std::uint32_t slots);

  const FuelMetering fuel_;
  const int process_id_;
  EngineOwner engine_;
  LinkerOwner linker_;
  Slots slots_;
  Slots compile_slots_;
  DeadlineWatch deadlines_;
};

/// The modules that a guest may import from.
std::span<const HostModule* const> offered_modules();

}  // namespace omnisandbox::wasm
