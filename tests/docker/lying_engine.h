#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <atomic>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "docker/init/protocol.h"
#include "docker/test_engine.h"
#include "linux/fd.h"

namespace omnisandbox::docker::test {

/// Passes everything on to the real engine but the requests for files: those it answers itself, as
/// a test says, and knows all secrets of the stream. A test can look at everything before it is
/// passed on.
class LyingEngine {
 public:
  /// False: the client is gone.
  using Send = std::function<bool(std::string_view)>;
  using Answer = std::function<void(const init::Job&, const Send&)>;

  using Look = std::function<void(std::string_view)>;

  LyingEngine(const TestEngine& engine, Answer answer, Look look = {})
      : real_(engine.address().substr(std::strlen("unix://"))),
        path_((engine.folder() / "liar.sock").string()),
        answer_(std::move(answer)),
        look_(std::move(look)),
        socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const sockaddr_un address = address_of(path_);
    if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(socket_.get(), 16) != 0) {
      throw std::runtime_error("bind");
    }
    accepting_ = std::jthread([this] { accept(); });
  }
  ~LyingEngine() {
    is_over_ = true;
    ::shutdown(socket_.get(), SHUT_RDWR);
    accepting_.join();
    connections_.clear();
    fs::remove(path_);
  }
  LyingEngine(const LyingEngine&) = delete;
  LyingEngine& operator=(const LyingEngine&) = delete;
  std::string address() const { return "unix://" + path_; }

  /// As the engine sends it.
  static std::string frame(int stream, std::string_view bytes) {
    std::string text = {static_cast<char>(stream), 0, 0, 0};
    for (int shift = 24; shift >= 0; shift -= 8) {
      text += static_cast<char>(bytes.size() >> shift);
    }
    return text.append(bytes);
  }
  static std::string entry(init::EntryKind kind, std::string_view path = {},
                           std::string_view content = {}) {
    const init::FileEntry header{.kind = kind,
                                 .mode = 0777,
                                 .size_bytes = content.size(),
                                 .path_bytes = static_cast<std::uint32_t>(path.size())};
    std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
    return bytes.append(path).append(content);
  }
  /// All went well.
  static std::string ending(const init::Job& job) {
    const init::Ending ending{.end = {.token = job.token}};
    return frame(1, {reinterpret_cast<const char*>(&ending.end), sizeof ending.end}) +
           frame(2, {reinterpret_cast<const char*>(&ending), sizeof ending});
  }

 private:
  static sockaddr_un address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    return address;
  }

  void accept() {
    for (;;) {
      linux_::Fd client(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!client.is_open() || is_over_) return;
      connections_.emplace_back([this, client = std::move(client)] { serve(client); });
    }
  }

  bool send_all(const linux_::Fd& socket, std::string_view bytes) const {
    while (!bytes.empty() && !is_over_) {
      pollfd entry{socket.get(), POLLOUT, 0};
      if (::poll(&entry, 1, 20) <= 0) continue;
      const ssize_t sent =
          ::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0 && errno != EAGAIN) return false;
      bytes.remove_prefix(sent > 0 ? static_cast<std::size_t>(sent) : 0);
    }
    return bytes.empty();
  }

  void serve(const linux_::Fd& client) {
    const linux_::Fd real(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_un address = address_of(real_);
    if (::connect(real.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      return;
    }
    bool is_attached = false;
    std::vector<char> buffer(64 * 1024);
    while (!is_over_) {
      pollfd files[2] = {{client.get(), POLLIN, 0}, {real.get(), POLLIN, 0}};
      if (::poll(files, 2, 20) <= 0) continue;
      for (int side = 0; side < 2; ++side) {
        if (files[side].revents == 0) continue;
        const ssize_t size = ::recv(files[side].fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (size <= 0) return;
        const std::string_view bytes(buffer.data(), static_cast<std::size_t>(size));
        init::Job job;
        if (side == 0 && is_attached && bytes.size() >= sizeof job) {
          std::memcpy(&job, bytes.data(), sizeof job);
          if (job.magic == init::job_magic && job.kind == init::JobKind::give_files) {
            answer_(job, [&](std::string_view lie) { return send_all(client, lie); });
            continue;
          }
        }
        if (side == 0 && look_) look_(bytes);
        is_attached = is_attached || bytes.find("/attach?") != std::string_view::npos;
        if (!send_all(side == 0 ? real : client, bytes)) return;
      }
    }
  }

  const std::string real_;
  const std::string path_;
  const Answer answer_;
  const Look look_;
  linux_::Fd socket_;
  std::atomic<bool> is_over_ = false;
  std::vector<std::jthread> connections_;  // of the accepting thread, until it has ended
  std::jthread accepting_;
};

}  // namespace omnisandbox::docker::test
