#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "mcp/http/access.h"
#include "mcp/http/limits.h"
#include "mcp/server.h"
#include "omnisandbox/expected.h"

namespace omnisandbox::mcp {

struct HttpOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;  ///< 0: one that is free
  AccessRules access{};
  std::size_t max_sessions = mcp::max_sessions;
  std::chrono::milliseconds session_idle_time = mcp::session_idle_time;
};

/// The server behind Streamable HTTP. Serves in the thread that calls `run`.
class HttpServer {
 public:
  /// Listens. Refuses (`invalid_argument`) to be reached from other machines without a token.
  static Expected<std::unique_ptr<HttpServer>> create(Server& server, HttpOptions options);
  ~HttpServer();  // `run` must have returned
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::uint16_t port() const;
  /// Until `stop`.
  void run();
  /// From any thread.
  void stop();
  /// Waits until what was finished before is on its way to the clients. From another thread than
  /// that of `run`.
  void flush(std::chrono::milliseconds patience);

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace omnisandbox::mcp
