#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "docker/container_request.h"
#include "docker/engine/engine.h"
#include "docker/init/protocol.h"
#include "docker/stream_demultiplexer.h"
#include "linux/fd.h"
#include "linux/local_listener.h"
#include "omnisandbox/expected.h"
#include "policy/container/container_grant.h"

namespace omnisandbox::docker {

struct ContainerSettings {
  std::shared_ptr<Engine> engine;  // shared by all containers of a sandbox
  std::string init_program;        ///< host path of the first process's program
  std::string run_id;
  std::chrono::system_clock::time_point expiry{};  ///< after it, anybody of ours may remove it
};

/// A container that has been made as the policy granted, checked, and started: its first process
/// waits for a job. Removed with its destruction.
class Container {
 public:
  /// Errors besides those of the engine: `unavailable` where the engine made something else than
  /// was asked for, `denied` where something else is mounted than what the policy judged.
  static Expected<std::unique_ptr<Container>> prepare(const ContainerSettings& settings,
                                                      const policy::ContainerGrant& grant,
                                                      const ImageFacts& image,
                                                      const Patience& patience);
  Container(const Container&) = delete;
  Container& operator=(const Container&) = delete;
  ~Container();

  /// Looks once more, as a container that has waited may show something else: the kernel takes a
  /// mount off a name that is given to another file. `grant` is one with the same paths, judged
  /// later or the one it was made for. Errors: as of `prepare`; after one the container is used up.
  Expected<void> check_again(const policy::ContainerGrant& grant, const Patience& patience);

  Engine& engine() const noexcept { return *settings_.engine; }
  const std::string& id() const noexcept { return id_; }
  /// The attached stream; input and output of the first process.
  RawStream& stream() noexcept { return stream_; }
  /// Listens inside, for the proxy; open where the grant has a bridge.
  linux_::Fd& listener() noexcept { return listener_; }
  const std::vector<std::string>& layers() const noexcept { return layers_; }
  /// When it was created, for the engine's events.
  std::int64_t created_s() const noexcept { return created_s_; }

  /// Between a job's first byte and its end nobody else can use the streams; a job that did not end
  /// in order leaves them of no use.
  void begin_job() noexcept { is_in_step_ = false; }
  void end_job() noexcept { is_in_step_ = true; }
  bool is_in_step() const noexcept { return is_in_step_; }

  /// Ends it where it runs, and removes it. A second call does nothing.
  Expected<void> remove();
  /// For a process that is about to end: asks for the removal, and does not wait for it. False
  /// where the engine must be waited for. The sweep of a later run finds what it did not remove.
  bool request_removal();

 private:
  explicit Container(ContainerSettings settings) : settings_(std::move(settings)) {}
  Expected<void> create(const policy::ContainerGrant& grant, const ImageFacts& image,
                        const Patience& patience);
  Expected<void> wait_until_ready(const policy::ContainerGrant& grant, const Patience& patience);
  /// What the first process sends: Ready and the facts.
  Expected<void> receive_report(const policy::ContainerGrant& grant, const Patience& patience);
  Expected<void> verify(const policy::ContainerGrant& grant, std::string_view report) const;
  Error start_problem(const std::string& said, const Patience& patience) const;
  void describe(const policy::ContainerGrant& grant, const ImageFacts& image);

  ContainerSettings settings_;
  std::string id_;
  RawStream stream_;
  std::optional<linux_::LocalListener> handover_;
  linux_::Fd listener_;
  std::vector<std::string> layers_;
  std::int64_t created_s_ = 0;
  bool is_in_step_ = true;
};

}  // namespace omnisandbox::docker
