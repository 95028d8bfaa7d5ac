#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "docker/engine/engine_connection.h"
#include "omnisandbox/expected.h"

namespace omnisandbox::docker {

/// Versions of the Engine API: the oldest with all that is used here, and the newest known.
struct ApiVersion {
  unsigned major = 1;
  unsigned minor = 0;
  auto operator<=>(const ApiVersion&) const = default;
};
inline constexpr ApiVersion oldest_api{1, 41};
inline constexpr ApiVersion newest_api{1, 51};
std::optional<ApiVersion> parse_api_version(std::string_view text);

/// Podman has Docker's API and one of its own, beneath "/libpod/" on the same socket.
enum class EngineKind : std::uint8_t { docker, podman };

/// What an image says about itself.
struct ImageFacts {
  std::string id;                    ///< sha256:… of its configuration
  std::vector<std::string> digests;  ///< name@sha256:… where it came from a registry
  std::vector<std::string> volumes;
  std::string working_dir;
};

/// How a container ended, as the engine saw it.
struct ContainerState {
  bool is_running = false;
  bool ran_out_of_memory = false;
  int exit_code = 0;
  std::string error;
};

/// A container engine (Docker, or Podman's compatible socket). Safe from several threads; keeps a
/// few connections open between calls. Errors besides those of EngineConnection: `not_found` and
/// `io` with what the engine said.
class Engine {
 public:
  /// Finds and greets one: at `address`, or where it is empty at the usual places.
  static Expected<std::shared_ptr<Engine>> find(const std::string& address,
                                                const Patience& patience);

  const std::string& address() const noexcept { return address_; }
  ApiVersion api() const noexcept { return api_; }
  EngineKind kind() const noexcept {
    return podman_.empty() ? EngineKind::docker : EngineKind::podman;
  }

  /// `target` without the version: "/containers/json", "/libpod/containers/json".
  Expected<EngineAnswer> call(EngineRequest request, const Patience& patience);
  /// The same for an answer that must be JSON, with a status below 300.
  Expected<nlohmann::json> call_json(EngineRequest request, const Patience& patience,
                                     std::string_view purpose);

  Expected<ImageFacts> image(const std::string& name, const Patience& patience);
  /// As EngineConnection::exchange_lines and exchange_upload, with a `target` without the version.
  Expected<EngineAnswer> call_lines(EngineRequest request,
                                    const std::function<bool(std::string_view)>& take_line,
                                    const Patience& patience);
  Expected<EngineAnswer> upload(
      EngineRequest request,
      const std::function<Expected<void>(const EngineConnection::Sink&)>& produce,
      const Patience& patience);
  /// `body` is in the words of this kind of engine. Returns the id.
  Expected<std::string> create_container(const std::string& name, const nlohmann::json& body,
                                         const Patience& patience);
  /// The container in the words of this kind of engine.
  Expected<nlohmann::json> inspect(const std::string& id, const Patience& patience);
  Expected<ContainerState> state(const std::string& id, const Patience& patience);
  Expected<RawStream> attach(const std::string& id, const Patience& patience);
  Expected<void> start(const std::string& id, const Patience& patience);
  Expected<void> send_signal(const std::string& id, std::string_view signal,
                             const Patience& patience);
  /// Waits for its end.
  Expected<int> wait(const std::string& id, const Patience& patience);
  /// Ends it, where it runs, and removes it with its volumes. One that is gone is no error.
  Expected<void> remove(const std::string& id, const Patience& patience);
  /// Asks for the same and does not wait until it is done. False where this kind of engine may give
  /// up a request whose connection is gone, or it could not be sent: then `remove` is needed.
  bool request_removal(const std::string& id, const Patience& patience);
  /// Whether the kernel ran out of the container's memory, as the engine's `oom` events tell.
  Expected<bool> had_memory_event(const std::string& id, std::int64_t since_s,
                                  const Patience& patience);
  /// Id and labels of all containers, running or not, that carry this label.
  struct Listed {
    std::string id;
    std::map<std::string, std::string> labels;
  };
  Expected<std::vector<Listed>> list_labelled(std::string_view label, const Patience& patience);

 private:
  Engine(std::string address, std::string socket_path)
      : address_(std::move(address)), socket_path_(std::move(socket_path)) {}
  Expected<void> greet(const Patience& patience);
  Expected<std::unique_ptr<EngineConnection>> connection(const Patience& patience);
  void give_back(std::unique_ptr<EngineConnection> connection);
  std::string versioned(std::string_view target) const;

  const std::string address_;
  const std::string socket_path_;
  ApiVersion api_{};
  std::string podman_;  // its version; empty: Docker, or who speaks as Docker does
  bool finishes_requests_ = false;
  std::mutex mutex_;
  std::vector<std::unique_ptr<EngineConnection>> idle_;  // guarded by mutex_
};

/// The error for an answer of the engine that is none of success.
Error engine_refusal(const EngineAnswer& answer, std::string_view purpose);
/// Text as it stands in a query: everything but letters, digits and "-._~" is percent-encoded.
std::string query_text(std::string_view text);

}  // namespace omnisandbox::docker
