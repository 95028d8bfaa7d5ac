// What the egress proxy costs: a long download and a short request, directly, through it, and
// through tinyproxy where that is installed. Only ratios of one run carry over to another machine.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "egress/http_test_server.h"
#include "egress/proxy/client_hello_bytes.h"
#include "egress/proxy/proxy.h"

namespace omnisandbox {
namespace {

using egress::test::Peer;
using egress::test::RawRequest;
using egress::test::Server;

constexpr std::size_t download_bytes = 256 * 1024 * 1024;

linux_::Fd connect_to(std::uint16_t port) {
  linux_::Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    socket.reset();
  }
  return socket;
}

bool send_text(const linux_::Fd& socket, std::string_view text) {
  return ::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(text.size());
}

bool receive(const linux_::Fd& socket, std::size_t bytes) {
  static std::vector<char> buffer(256 * 1024);
  while (bytes > 0) {
    const ssize_t count = ::recv(socket.get(), buffer.data(), std::min(buffer.size(), bytes), 0);
    if (count <= 0) return false;
    bytes -= static_cast<std::size_t>(count);
  }
  return true;
}

// Reads a head, and says where the body begins: bytes of it that came along.
std::optional<std::size_t> receive_head(const linux_::Fd& socket) {
  std::string text;
  char bytes[16 * 1024];
  for (std::size_t end = std::string::npos; end == std::string::npos;) {
    const ssize_t count = ::recv(socket.get(), bytes, sizeof bytes, 0);
    if (count <= 0) return std::nullopt;
    text.append(bytes, static_cast<std::size_t>(count));
    end = text.find("\r\n\r\n");
    if (end != std::string::npos) return text.size() - end - 4;
  }
  return std::nullopt;
}

void flood(Peer& peer) {
  static const std::string block(256 * 1024, 'x');
  for (std::size_t sent = 0; sent < download_bytes && peer.send(block); sent += block.size()) {
  }
}

/// Answers "/small" and "/large"; what is no HTTP gets a ServerHello, and then as much as "/large".
void serve(Peer& peer) {
  RawRequest request;
  while (peer.receive(request)) {
    if (request.target.ends_with("/large")) {
      peer.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(download_bytes) +
                "\r\n\r\n");
      flood(peer);
    } else {
      peer.send(egress::test::response(200, {}, std::string(200, 's')));
    }
  }
}

void serve_tls(Peer& peer) {
  // Its pieces end with an empty line, as the client below writes them.
  RawRequest request;
  if (!peer.receive(request)) return;
  peer.send(egress::test::server_hello());
  flood(peer);
}

Server& web() {
  static Server server{serve};
  return server;
}

// --- where a client connects to, and how it asks ---

struct Way {
  std::uint16_t port = 0;
  std::string prefix{};  ///< of what is asked for
};

Way directly() { return {.port = web().port()}; }

Way through_us(const Server& server) {
  struct Running {
    std::unique_ptr<egress::Proxy> proxy;
    std::uint16_t port = 0;
  };
  static std::map<std::uint16_t, Running> running;
  Running& entry = running[server.port()];
  if (entry.proxy == nullptr) {
    linux_::Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    ::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(listener.get(), 128);
    ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length);
    entry.port = ntohs(address.sin_port);
    auto policy = Policy::compile({.capabilities = {Capability::net_http},
                                   .allowed_hosts = {server.host_and_port()},
                                   .max_host_calls = 100'000'000});
    auto proxy = egress::Proxy::start(
        *std::move(policy), std::move(listener),
        {.deadline = std::chrono::steady_clock::now() + std::chrono::hours(1)});
    entry.proxy = *std::move(proxy);
  }
  return {.port = entry.port, .prefix = "http://" + server.host_and_port()};
}

/// tinyproxy as a child of this process, with its log off.
class Tinyproxy {
 public:
  Tinyproxy() {
    if (::access(program, X_OK) != 0) return;
    port_ = Server([](Peer&) {}).port();
    std::ofstream(file_) << "Port " << port_ << "\nListen 127.0.0.1\nMaxClients 100\nTimeout 60\n"
                         << "LogLevel Critical\nAllow 127.0.0.1\n";
    std::vector<const char*> args = {program, "-d", "-c", file_.c_str(), nullptr};
    if (::posix_spawn(&pid_, program, nullptr, nullptr, const_cast<char* const*>(args.data()),
                      environ) != 0) {
      pid_ = 0;
      return;
    }
    for (int attempt = 0; attempt < 200 && !connect_to(port_).is_open(); ++attempt) {
      ::usleep(10'000);
    }
  }
  ~Tinyproxy() {
    if (pid_ != 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    std::error_code ignored;
    std::filesystem::remove(file_, ignored);
  }
  std::optional<Way> way() const {
    if (pid_ == 0) return std::nullopt;
    return Way{.port = port_, .prefix = "http://" + web().host_and_port()};
  }

 private:
  static constexpr const char* program = "/usr/bin/tinyproxy";
  const std::string file_ = std::filesystem::temp_directory_path() /
                            ("omnisandbox-bench-tinyproxy-" + std::to_string(::getpid()));
  pid_t pid_ = 0;
  std::uint16_t port_ = 0;
};

std::optional<Way> through_tinyproxy() {
  static const Tinyproxy tinyproxy;
  return tinyproxy.way();
}

std::string request_for(const Way& way, std::string_view path) {
  return "GET " + way.prefix + std::string(path) + " HTTP/1.1\r\nHost: " + web().host_and_port() +
         "\r\nConnection: close\r\n\r\n";
}

// --- what is measured ---

void download(benchmark::State& state, const std::optional<Way>& way) {
  if (!way) {
    state.SkipWithError("tinyproxy is not installed");
    return;
  }
  for (auto round : state) {
    const linux_::Fd socket = connect_to(way->port);
    std::optional<std::size_t> came;
    if (!send_text(socket, request_for(*way, "/large")) || !(came = receive_head(socket)) ||
        !receive(socket, download_bytes - *came)) {
      state.SkipWithError("the download did not come");
      return;
    }
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(download_bytes));
}

void request(benchmark::State& state, const std::optional<Way>& way) {
  if (!way) {
    state.SkipWithError("tinyproxy is not installed");
    return;
  }
  for (auto round : state) {
    const linux_::Fd socket = connect_to(way->port);
    std::optional<std::size_t> came;
    if (!send_text(socket, request_for(*way, "/small")) || !(came = receive_head(socket)) ||
        !receive(socket, 200 - std::min<std::size_t>(*came, 200))) {
      state.SkipWithError("the answer did not come");
      return;
    }
  }
}

Server& tls() {
  static Server server{serve_tls};
  return server;
}

// A hello that ends with an empty line, which the server above takes for the end of a request.
std::string hello() {
  return egress::test::record(
      egress::test::hello_message(egress::test::extension(21, std::string("\r\n\r\n", 4))));
}

void tunnel(benchmark::State& state, std::uint16_t port, bool is_proxied) {
  const std::string server_hello = egress::test::server_hello();
  for (auto round : state) {
    const linux_::Fd socket = connect_to(port);
    const std::string authority = tls().host_and_port();
    const bool is_open =
        !is_proxied || (send_text(socket, "CONNECT " + authority +
                                              " HTTP/1.1\r\nHost: " + authority + "\r\n\r\n") &&
                        receive_head(socket) == 0U);
    if (!is_open || !send_text(socket, hello()) || !receive(socket, server_hello.size()) ||
        !send_text(socket, egress::test::encrypted("finished")) ||
        !receive(socket, download_bytes)) {
      state.SkipWithError("the tunnel broke");
      return;
    }
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(download_bytes));
}

void download_directly(benchmark::State& state) { download(state, directly()); }
void download_through_us(benchmark::State& state) { download(state, through_us(web())); }
void download_through_tinyproxy(benchmark::State& state) { download(state, through_tinyproxy()); }
void tunnel_directly(benchmark::State& state) { tunnel(state, tls().port(), false); }
void tunnel_through_us(benchmark::State& state) { tunnel(state, through_us(tls()).port, true); }
void request_directly(benchmark::State& state) { request(state, directly()); }
void request_through_us(benchmark::State& state) { request(state, through_us(web())); }
void request_through_tinyproxy(benchmark::State& state) { request(state, through_tinyproxy()); }

BENCHMARK(download_directly)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(download_through_us)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(download_through_tinyproxy)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(tunnel_directly)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(tunnel_through_us)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(request_directly)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(request_through_us)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(request_through_tinyproxy)->UseRealTime()->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace omnisandbox
