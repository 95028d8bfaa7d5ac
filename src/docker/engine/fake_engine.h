#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

#include "linux/fd.h"

namespace omnisandbox::docker::test {

/// An engine that misbehaves as a test says: listens on a UNIX socket, reads one request after
/// another, and sends whatever `answer` returns; an empty answer closes the connection.
class FakeEngine {
 public:
  using Answer = std::function<std::string(std::string_view request)>;
  explicit FakeEngine(Answer answer) : answer_(std::move(answer)) {
    std::string folder = "/tmp/omnisandbox-fake-XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr) throw std::runtime_error("mkdtemp");
    folder_ = folder;
    path_ = folder_ + "/socket";
    socket_ = linux_::Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    if (::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(socket_.get(), 8) != 0) {
      throw std::runtime_error("bind");
    }
    thread_ = std::jthread([this](const std::stop_token& stop) {
      while (!stop.stop_requested()) serve(stop);
    });
  }
  ~FakeEngine() {
    thread_.request_stop();
    thread_.join();
    ::unlink(path_.c_str());
    ::rmdir(folder_.c_str());
  }
  std::string address() const { return "unix://" + path_; }
  int connections() const { return connections_; }

  static std::string http(std::string_view body, std::string_view status = "200 OK") {
    return "HTTP/1.1 " + std::string(status) +
           "\r\nApi-Version: 1.41\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
           std::string(body);
  }

 private:
  static bool wait(const linux_::Fd& file, short events, const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      pollfd entry{file.get(), events, 0};
      if (::poll(&entry, 1, 20) > 0) return true;
    }
    return false;
  }

  void serve(const std::stop_token& stop) {
    if (!wait(socket_, POLLIN, stop)) return;
    const linux_::Fd client(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    ++connections_;
    std::string request;
    char buffer[4096];
    while (wait(client, POLLIN, stop)) {
      const ssize_t size = ::recv(client.get(), buffer, sizeof buffer, MSG_DONTWAIT);
      if (size <= 0) return;
      request.append(buffer, static_cast<std::size_t>(size));
      if (request.find("\r\n\r\n") == std::string::npos) continue;
      const std::string answer = answer_(request);
      request.clear();
      if (answer.empty()) return;
      std::string_view rest = answer;
      while (!rest.empty() && wait(client, POLLOUT, stop)) {
        const ssize_t sent =
            ::send(client.get(), rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN) return;
        rest.remove_prefix(sent > 0 ? static_cast<std::size_t>(sent) : 0);
      }
      if (!answer.ends_with("\r\n\r\n") && answer.find("Content-Length") == std::string::npos) {
        return;  // what has no length ends with the connection
      }
    }
  }

  Answer answer_;
  std::string folder_;
  std::string path_;
  linux_::Fd socket_;
  std::atomic<int> connections_ = 0;
  std::jthread thread_;
};

}  // namespace omnisandbox::docker::test
