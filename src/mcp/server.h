#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "mcp/call_monitor.h"
#include "mcp/client.h"
#include "mcp/exchange.h"
#include "mcp/json_rpc.h"
#include "mcp/tool.h"
#include "mcp/work_threads.h"
#include "mcp/workspace.h"

namespace omnisandbox::mcp {

/// The Model Context Protocol (modelcontextprotocol.io/specification), apart from how messages
/// travel. Tools are called on threads of its own; everything else is answered at once. Thread
/// rule: all of it from any thread.
class Server {
 public:
  explicit Server(std::shared_ptr<const Workspace> workspace);
  /// Transports must have ended. Waits for the calls under way; see `stop`.
  ~Server() = default;
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Takes one message of `client`, or one batch. `exchange` is finished now or later, exactly
  /// once.
  void receive(const std::shared_ptr<Client>& client, std::string_view text,
               std::shared_ptr<Exchange> exchange);
  /// The same for JSON that was read already, from a text of so many bytes.
  void receive(const std::shared_ptr<Client>& client, ParsedJson message, std::size_t text_bytes,
               std::shared_ptr<Exchange> exchange);

  /// Tools beside the standard ones, and what kept others from being there.
  struct MoreTools {
    /// `partial`: more of them will come soon.
    enum class Progress : std::uint8_t { partial, complete };
    std::vector<Tool> tools{};
    std::vector<std::string> problems{};  ///< safe to print; for the clients' logs
    Progress progress = Progress::complete;
  };
  /// Before the first message: clients are told that the list can change, and who asks for it waits
  /// until it is complete once.
  void expect_more_tools();
  /// Replaces what was offered before. Clients are told what has changed.
  void offer(MoreTools more);
  bool has_all_tools() const;

  /// Whether no call is under way any more when it returns.
  bool wait_until_idle(std::chrono::steady_clock::time_point until);
  /// Tells all calls of tools to stop; each is still answered.
  void stop();

 private:
  /// A request, and in what terms it is answered.
  struct Asked {
    const std::shared_ptr<Client>& client;
    Request& request;
    Revision revision;
    std::shared_ptr<Exchange>& exchange;
    std::size_t text_bytes;
  };
  using Tools = std::vector<Tool>;

  void receive_one(const std::shared_ptr<Client>& client, ParsedJson message,
                   std::size_t text_bytes, std::shared_ptr<Exchange> exchange);
  void receive_batch(const std::shared_ptr<Client>& client, ParsedJson batch,
                     std::size_t text_bytes, std::shared_ptr<Exchange> exchange);
  void take_request(const std::shared_ptr<Client>& client, Request request, std::size_t text_bytes,
                    std::shared_ptr<Exchange> exchange);
  void take_notification(const std::shared_ptr<Client>& client, const Notification& notification);

  Answer initialize(const Asked& asked);
  Answer discover(const Asked& asked);
  Answer set_log_level(const Asked& asked);
  Answer list_tools(const Asked& asked);
  Answer list_resources(const Asked& asked);
  Answer list_resource_templates(const Asked& asked);
  Answer read_resource(const Asked& asked);
  void call_tool(const Asked& asked);
  void listen(const Asked& asked);
  /// False where there are too many.
  bool add_listening(const std::shared_ptr<Call>& call);
  void end_subscriptions();
  /// Whether it needs tools that are still to come; then it is answered when they are there.
  bool wait_for_tools(const Asked& asked);
  void answer(const Asked& asked);
  /// From now on the client is told what changes, and now what is wrong with the tools.
  void become_known(const std::shared_ptr<Client>& client);
  void run_call(const Tool& tool, const ParsedJson& arguments, Client& client, Call& call) const;

  std::shared_ptr<const Tools> tools() const;
  Json capabilities() const;
  std::string instructions() const;

  const std::shared_ptr<const Workspace> workspace_;  // shared with the tools
  mutable std::mutex mutex_;
  std::shared_ptr<const Tools> tools_;        // guarded by mutex_; shared with the calls
  std::vector<std::weak_ptr<Call>> running_;  // guarded by mutex_
  bool list_can_change_ = false;              // set before the first message
  bool has_all_tools_ = true;                 // guarded by mutex_
  bool is_stopping_ = false;                  // guarded by mutex_
  std::condition_variable all_tools_came_;
  std::vector<std::string> problems_;               // guarded by mutex_; of the tools
  std::vector<std::weak_ptr<Client>> initialized_;  // guarded by mutex_; by a handshake
  std::vector<std::shared_ptr<Call>> listening_;    // guarded by mutex_; shared with their clients
  std::atomic<std::size_t> pending_bytes_{0};
  CallMonitor monitor_;
  WorkThreads threads_;  // last: its jobs use the others
};

}  // namespace omnisandbox::mcp
