#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "egress/proxy/client_side.h"
#include "egress/proxy/dial.h"
#include "egress/proxy/http_relay.h"
#include "egress/proxy/proxy_run.h"
#include "egress/proxy/request_judge.h"
#include "egress/proxy/socks.h"
#include "egress/proxy/tunnel.h"
#include "egress/proxy/wire_text.h"

namespace omnisandbox::egress {

/// One connection of a client: reads what is asked, has it judged, and answers a refusal itself or
/// hands the connection to what serves it. Requests are served one after the other; each is judged
/// anew.
class ClientConnection : public std::enable_shared_from_this<ClientConnection> {
 public:
  /// `closed` is called once, when the connection has ended by itself.
  ClientConnection(ProxyContext context, Socket socket,
                   std::function<void(ClientConnection&)> closed);
  void start();

  /// Ends what is under way; `closed` is not called.
  void cancel();
  /// Cancels where its time is over, and says so.
  bool is_expired(std::chrono::steady_clock::time_point now) const {
    return now >= client_->expires_at;
  }
  /// Waits for a further request, and so may be closed without harm.
  bool is_idle() const { return is_idle_; }

 private:
  using Step = void (ClientConnection::*)();
  void read_then(Step next, std::size_t limit);
  void write_then(std::string bytes, Step next);
  void close();

  void first_bytes();
  // HTTP
  void next_request();
  void read_head();
  void take_head();
  void answer(const Refusal& refusal);
  void linger();
  void discard();
  // SOCKS
  void read_socks_greeting();
  void read_socks_request();
  void answer_socks(SocksReply reply);
  // Both
  void refuse(std::string_view operation, Refusal refusal);
  void answer_refusal(const Refusal& refusal);
  void dial(std::string_view operation);
  void serve(Socket server);
  void serve_tunnel();
  void serve_request(Socket server);

  ProxyContext context_;
  std::shared_ptr<ClientSide> client_;
  std::function<void(ClientConnection&)> closed_;
  bool is_idle_ = false;
  bool is_socks_ = false;
  std::string outgoing_;
  std::shared_ptr<RequestParser> parser_;
  ClientHabits habits_;
  AnswerBody answer_body_ = AnswerBody::full;
  std::optional<JudgedRequest> judged_;
  std::shared_ptr<Dial> dial_;
  std::optional<Socket> server_;
  std::shared_ptr<Tunnel> tunnel_;
  std::shared_ptr<HttpRelay> relay_;
  std::size_t discarded_bytes_ = 0;
};

}  // namespace omnisandbox::egress
