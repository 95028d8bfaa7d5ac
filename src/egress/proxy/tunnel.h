#pragma once

#include <array>
#include <functional>
#include <memory>
#include <vector>

#include "egress/proxy/client_side.h"
#include "egress/proxy/handshake_watch.h"
#include "egress/proxy/proxy_run.h"
#include "egress/proxy/request_judge.h"
#include "egress/proxy/splice_flow.h"

namespace omnisandbox::egress {

/// An open tunnel. Its first bytes must be a ClientHello for the host that it was opened to;
/// nothing goes either way before that. The rest of the handshake is watched as far as it is not
/// encrypted; from then on what it carries is out of sight.
class Tunnel : public std::enable_shared_from_this<Tunnel> {
 public:
  /// `done` is called once, when nothing more can move; the client's socket is then of no use.
  Tunnel(ProxyContext context, std::shared_ptr<ClientSide> client, JudgedRequest request,
         Socket server, std::function<void()> done);
  void start();
  /// Closes both ends without a call of `done`.
  void cancel();

 private:
  struct Direction {
    Socket& from;
    Socket& to;
    std::vector<char> buffer{};
    std::size_t held_bytes = 0;  // at the front of `buffer`; received, and not gone on yet
    std::uint64_t moved_bytes = 0;
    bool is_over = false;
    std::shared_ptr<SpliceFlow> flow{};
  };
  enum Way : std::size_t { up, down };

  void refuse(std::string_view reason);
  void refuse(const Denial& denial);
  void relay(Way way);
  void take(Way way, std::size_t size);
  void pass_on(Way way);
  void write(Way way, std::size_t size);
  bool splice(Way way);
  void half_close(Way way);
  bool count(Way way, std::size_t size);
  void end();

  ProxyContext context_;
  std::shared_ptr<ClientSide> client_;
  JudgedRequest request_;
  Socket server_;
  std::function<void()> done_;
  std::array<Direction, 2> ways_;
  std::uint64_t received_bytes_ = 0;
  HandshakeWatch watch_;
  bool is_open_ = false;  // the first ClientHello was judged
};

}  // namespace omnisandbox::egress
