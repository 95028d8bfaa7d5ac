#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "omnisandbox/expected.h"
#include "omnisandbox/host_functions.h"
#include "policy/host/canonical_url.h"
#include "policy/host/ip_address.h"

namespace omnisandbox::egress {

// What a response's headers may take, all of them together (1xx responses and trailers included).
// Browsers stop at 256 KiB as well.
inline constexpr std::size_t max_response_headers = 500;
inline constexpr std::size_t max_response_header_bytes = 256 * 1024;

/// One request as it goes on the wire. Everything in it is judged and checked already; the views
/// must outlive the exchange.
struct HttpExchange {
  const policy::CanonicalTarget& target;
  std::string_view method;
  std::span<const HttpHeader> headers;
  std::string_view body;
  std::uint64_t max_body_bytes = 0;  ///< of the response, after decompression
  std::chrono::steady_clock::time_point deadline{};
  std::stop_token stop{};
};

/// The status line and the headers of the final response.
struct HttpHead {
  int status = 0;
  std::vector<HttpHeader> headers{};
};

enum class ReadOn : std::uint8_t { yes, no };

/// Asked while an exchange runs, on the thread that called it. What is thrown becomes an `internal`
/// error.
class HttpExchangeHandler {
 public:
  virtual ~HttpExchangeHandler() = default;
  /// For each address before a socket is connected to it, and again for the peer of a connection
  /// that is used once more.
  virtual bool may_connect(const policy::IpAddress& address) = 0;
  /// A piece of the decompressed body. An error ends the exchange with it; ReadOn::no ends it well,
  /// without the rest.
  virtual Expected<ReadOn> on_body(const HttpHead& head, std::string_view piece) = 0;
};

/// libcurl, set up so that nothing of the host process shows: no proxy, .netrc, cookies, client
/// certificates, alt-svc or HSTS from outside; HTTP/1.1 and HTTP/2 only, TLS 1.2 or later with the
/// system's certificates, verified; no redirect is followed. Connections are kept for the next
/// exchange. Known gap: the resolver and OpenSSL read their own environment (RES_OPTIONS,
/// OPENSSL_CONF, SSLKEYLOGFILE), which no guest can set. Thread rule: one exchange at a time.
class HttpClient {
 public:
  static Expected<std::unique_ptr<HttpClient>> create();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  ~HttpClient();  ///< never waits for a name lookup that is still under way

  /// Ends soon after the deadline or a stop, whatever the name server and the peer do. Errors:
  /// `timeout`, `cancelled`, `too_large` (body or headers), `io` (transport, TLS, a response that
  /// is no HTTP), and what the handler returns.
  Expected<HttpHead> exchange(const HttpExchange& exchange, HttpExchangeHandler& handler);

 private:
  class Impl;
  explicit HttpClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// The clients of one run. A connection is never used under another run's policy. Safe from several
/// threads.
class HttpClientPool {
 public:
  /// An idle client, or a new one.
  Expected<std::unique_ptr<HttpClient>> take();
  void give_back(std::unique_ptr<HttpClient> client);

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<HttpClient>> idle_;
};

}  // namespace omnisandbox::egress
