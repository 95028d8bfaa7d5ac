#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "mcp/http/access.h"
#include "mcp/http/connection.h"
#include "mcp/http/post_answer.h"
#include "mcp/http/sessions.h"
#include "mcp/server.h"

namespace omnisandbox::mcp {

/// What the requests of all connections mean: Streamable HTTP of the protocol (its revisions since
/// 2025-03-26). On the transport's thread.
class Endpoint {
 public:
  Endpoint(Server& server, AccessRules rules, Sessions::Bounds bounds,
           std::shared_ptr<boost::asio::io_context> io);
  ~Endpoint();
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  /// `bytes_at_once`: of all bodies that are being read.
  std::optional<Refusal> judge(const RequestHead& head, std::size_t bytes_at_once);
  void take(const std::shared_ptr<Connection>& connection, const RequestHead& head,
            std::string body);

  /// Opens the streams of answers that take their time, and ends old sessions.
  void tick(std::chrono::steady_clock::time_point now);

 private:
  std::optional<Refusal> judge_session(const RequestHead& head);
  void post(const std::shared_ptr<Connection>& connection, const RequestHead& head,
            const std::string& body);
  void post_without_session(PostAnswer::Terms terms, const RequestHead& head, ParsedJson message,
                            std::size_t bytes);
  void listen(const std::shared_ptr<Connection>& connection, const RequestHead& head);
  void hand_over(PostAnswer::Terms terms, const std::shared_ptr<Client>& client, ParsedJson message,
                 std::size_t bytes);
  Headers common_headers(const RequestHead& head) const;

  Server* const server_;
  const AccessRules rules_;
  const std::shared_ptr<boost::asio::io_context> io_;  // shared with exchanges, which outlive it
  Sessions sessions_;
  std::vector<std::weak_ptr<PostAnswer>> waiting_;  // for an answer
};

}  // namespace omnisandbox::mcp
