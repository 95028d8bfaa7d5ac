#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "linux/fd.h"
#include "omnisandbox/expected.h"

namespace omnisandbox::docker {

/// How long a step may take, and what ends it before.
struct Patience {
  std::chrono::steady_clock::time_point until{};
  std::stop_token stop{};
};

struct EngineRequest {
  std::string method = "GET";
  std::string target{};
  std::string body{};  ///< JSON where not empty
  std::string content_type = "application/json";
  std::string registry_auth{};  ///< value of X-Registry-Auth; empty: none
};

struct EngineAnswer {
  unsigned status = 0;
  std::string body{};
  std::string api_version{};  ///< of the engine, where it says so
  std::string server{};       ///< likewise, "Docker/20.10.24 (linux)"
  std::string podman{};       ///< Podman's version, where it is Podman
};

/// A connection that has become a stream of bytes in both directions.
struct RawStream {
  linux_::Fd socket;        ///< non-blocking
  std::string first_bytes;  ///< that came with the answer
};

/// One HTTP/1.1 connection to an engine's UNIX socket. For one thread at a time. After an error it
/// is of no more use. Errors: `unavailable` where the engine is not there or goes away, `timeout`,
/// `cancelled`, `too_large`, `io` for what is no HTTP.
class EngineConnection {
 public:
  static Expected<std::unique_ptr<EngineConnection>> open(const std::string& socket_path,
                                                          const Patience& patience);
  ~EngineConnection();
  EngineConnection(const EngineConnection&) = delete;
  EngineConnection& operator=(const EngineConnection&) = delete;

  /// Sends and reads the whole answer, at most `max_body_bytes`.
  Expected<EngineAnswer> exchange(const EngineRequest& request, std::uint64_t max_body_bytes,
                                  const Patience& patience);
  /// Sends, and reads no answer: the connection is of no more use.
  Expected<void> send_only(const EngineRequest& request, const Patience& patience);
  /// `exchange` for an answer that comes line by line (a pull, events): each line without its end.
  /// False from `take_line` ends it early. The answer's body is empty, unless its status is an
  /// error.
  Expected<EngineAnswer> exchange_lines(const EngineRequest& request,
                                        const std::function<bool(std::string_view)>& take_line,
                                        const Patience& patience);
  /// Takes one piece of a request's body.
  using Sink = std::function<Expected<void>(std::string_view)>;
  /// The same with a body whose size is not known before: `produce` gives it to the sink, piece by
  /// piece. An engine that has heard enough answers before its end.
  Expected<EngineAnswer> exchange_upload(const EngineRequest& request,
                                         const std::function<Expected<void>(const Sink&)>& produce,
                                         const Patience& patience);
  /// Sends a request that turns the connection into a stream, and gives the stream away.
  Expected<RawStream> upgrade(const EngineRequest& request, const Patience& patience);

  /// Whether it can serve another exchange.
  bool is_usable() const noexcept;

 private:
  class Impl;
  explicit EngineConnection(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Whoever speaks on the engine's socket may be anybody: bounds for a hostile one.
inline constexpr std::uint64_t max_engine_json_bytes = 8 * 1024 * 1024;
inline constexpr std::uint32_t max_engine_head_bytes = 64 * 1024;
inline constexpr std::size_t max_engine_line_bytes = 1024 * 1024;

}  // namespace omnisandbox::docker
