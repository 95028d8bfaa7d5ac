#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "docker/test_engine.h"

namespace omnisandbox::docker::test {

/// A socket on loopback that accepts nothing; its port is free for as long as it lives, or silent.
class SilentPort {
 public:
  SilentPort() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(socket_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(socket_, 16) != 0 ||
        ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      throw std::runtime_error("no port on loopback");
    }
    port_ = ntohs(address.sin_port);
  }
  ~SilentPort() { ::close(socket_); }
  SilentPort(const SilentPort&) = delete;
  SilentPort& operator=(const SilentPort&) = delete;
  int port() const { return port_; }

 private:
  int socket_;
  int port_ = 0;
};

/// A real registry on loopback that wants a password: Debian's docker-registry.
class TestRegistry {
 public:
  static constexpr const char* password = "hunter2";

  TestRegistry() {
    port_ = SilentPort().port();
    std::string folder = "/tmp/omnisandbox-registry-XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr) throw std::runtime_error("mkdtemp");
    folder_ = folder;
    // user:hunter2, by bcrypt.
    std::ofstream(folder_ / "htpasswd")
        << "user:$2y$05$5hmsdltQ18LGM9klyDdp..9FjQ00G1i0WvUtnDf.vo94IxzpJJLXG\n";
    std::ofstream(folder_ / "registry.yml")
        << "version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: " << folder
        << "/data}}\nhttp: {addr: \"127.0.0.1:" << port_
        << "\"}\nauth: {htpasswd: {realm: test, path: " << folder << "/htpasswd}}\n";
    fs::create_directories(folder_ / "login");
    // "user:hunter2" in base64.
    std::ofstream(config_file()) << "{\"auths\": {\"" << host()
                                 << "\": {\"auth\": \"dXNlcjpodW50ZXIy\"}}}\n";
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGTERM);
      const int log = ::open((folder + "/log").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
      ::dup2(log, 1);
      ::dup2(log, 2);
      ::execlp("docker-registry", "docker-registry", "serve", (folder + "/registry.yml").c_str(),
               static_cast<char*>(nullptr));
      ::_exit(127);
    }
    for (int tries = 0; tries < 1500; ++tries) {
      if (answers()) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    throw std::runtime_error("docker-registry did not answer; see " + folder + "/log");
  }
  ~TestRegistry() {
    if (pid_ > 0) {
      ::kill(pid_, SIGTERM);
      ::waitpid(pid_, nullptr, 0);
    }
    std::error_code problem;
    fs::remove_all(folder_, problem);
  }
  TestRegistry(const TestRegistry&) = delete;
  TestRegistry& operator=(const TestRegistry&) = delete;

  std::string host() const { return "127.0.0.1:" + std::to_string(port_); }
  /// Holds the password.
  std::string config_file() const { return (folder_ / "login/config.json").string(); }

  /// Gives the registry an image under this name, and takes the name from the engine.
  void publish(const TestEngine& engine, const std::string& source, const std::string& name) const {
    const std::string docker =
        "docker --config " + (folder_ / "login").string() + " -H " + engine.address() + " ";
    const std::string full = host() + "/" + name;
    if (shell(docker + "tag " + source + " " + full + " && " + docker + "push -q " + full +
              " > /dev/null && " + docker + "rmi " + full + " > /dev/null") != 0) {
      throw std::runtime_error("the image " + name + " could not be published");
    }
  }

 private:
  bool answers() const {
    const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port_));
    const bool is_there =
        ::connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::close(client);
    return is_there;
  }

  fs::path folder_;
  int port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace omnisandbox::docker::test
