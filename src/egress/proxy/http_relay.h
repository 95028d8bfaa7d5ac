#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "egress/proxy/body_pump.h"
#include "egress/proxy/client_side.h"
#include "egress/proxy/proxy_run.h"
#include "egress/proxy/request_judge.h"

namespace omnisandbox::egress {

using RequestParser = BodyPump<true>::Parser;
using ResponseParser = BodyPump<false>::Parser;

/// What the client is used to.
struct ClientHabits {
  unsigned version = 11;       ///< 10 or 11
  bool keeps_alive = false;    ///< it wants to send another request on the connection
  bool waits_to_send = false;  ///< "Expect: 100-continue"
};

/// One granted request, on a connection to its server that serves nothing else: what one response
/// claims about its end can then never be mixed up with another.
class HttpRelay : public std::enable_shared_from_this<HttpRelay> {
 public:
  enum class End : std::uint8_t {
    may_go_on,  ///< the next request may come
    answered,   ///< whole, and nothing may follow
    broken,     ///< what the client got is not whole
    refused,    ///< nothing was sent to the client; the Refusal is the answer
  };
  using Done = std::function<void(End, std::optional<Refusal>)>;

  /// `parser` has read the request's head. It outlives the relay's operations.
  HttpRelay(ProxyContext context, std::shared_ptr<ClientSide> client,
            std::shared_ptr<RequestParser> parser, JudgedRequest request, ClientHabits habits,
            Socket server, Done done);
  void start();
  /// Closes the server's end; `done` is not called any more. The client's socket must be closed by
  /// the caller.
  void cancel();

 private:
  void send_head();
  void send_body();
  void read_head();
  void take_head();
  void write_answer(std::string head, BodyFraming framing);
  std::string head_for_client(BodyFraming& framing);
  bool count_response(std::size_t size);
  void end_response(BodyEnd end);
  Denial too_long() const;
  void refuse(std::string reason);
  void finish(End end, std::optional<Refusal> refusal = std::nullopt);

  ProxyContext context_;
  std::shared_ptr<ClientSide> client_;
  std::shared_ptr<RequestParser> parser_;
  JudgedRequest request_;
  ClientHabits habits_;
  Socket server_;
  Done done_;
  boost::beast::flat_buffer server_buffer_;
  std::optional<ResponseParser> response_;
  std::shared_ptr<BodyPump<true>> request_pump_;
  std::shared_ptr<BodyPump<false>> response_pump_;
  std::string request_text_;
  int informational_responses_ = 0;
  std::uint64_t received_bytes_ = 0;
  bool is_request_sent_ = false;
  bool may_go_on_ = false;
};

}  // namespace omnisandbox::egress
