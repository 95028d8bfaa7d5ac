#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/ipv6.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "linux/child_process.h"
#include "linux/fd.h"
#include "policy/host/ip_address.h"

/// A network of its own for a test: addresses that are public elsewhere are this machine's here,
/// and names mean what the test says.
namespace omnisandbox::host_functions::test {

inline void require(bool condition, const std::string& step) {
  if (!condition) throw std::runtime_error(step + ": " + std::strerror(errno));
}

/// Answers DNS queries on 127.0.0.1:53 as the test says.
class NameServer {
 public:
  /// The addresses of `name`, the `nth` time (from 0) it is asked for in that family; nothing: no
  /// answer is sent at all.
  using Answers =
      std::function<std::optional<std::vector<std::string>>(const std::string& name, int nth)>;

  explicit NameServer(Answers answers)
      : answers_(std::move(answers)), socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(53);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    require(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0,
            "bind to port 53");
    thread_ = std::jthread([this](const std::stop_token& stop) {
      while (!stop.stop_requested()) serve();
    });
  }

  int queries() const { return queries_; }

 private:
  void serve() {
    pollfd waiting{socket_.get(), POLLIN, 0};
    if (::poll(&waiting, 1, 20) <= 0) return;
    char query[512];
    sockaddr_in client{};
    socklen_t client_length = sizeof client;
    const ssize_t size = ::recvfrom(socket_.get(), query, sizeof query, 0,
                                    reinterpret_cast<sockaddr*>(&client), &client_length);
    if (size < 17) return;
    ++queries_;
    std::string name;
    std::size_t at = 12;
    while (query[at] != 0) {
      const auto length = static_cast<std::size_t>(query[at]);
      if (!name.empty()) name += '.';
      name.append(query + at + 1, length);
      at += length + 1;
    }
    const std::string question(query + 12, at + 5 - 12);
    const bool wants_v6 = query[at + 2] == 28;
    const auto addresses = answers_(name, asked_[{name, wants_v6}]++);
    if (!addresses) return;
    std::string records;
    int count = 0;
    for (const std::string& text : *addresses) {
      const bool is_v6 = text.find(':') != std::string::npos;
      if (is_v6 != wants_v6) continue;
      in6_addr bytes{};
      ::inet_pton(is_v6 ? AF_INET6 : AF_INET, text.c_str(), &bytes);
      const char length = is_v6 ? 16 : 4;
      records += std::string("\xc0\x0c\0", 3) + (is_v6 ? '\x1c' : '\x01') +
                 std::string("\0\x01\0\0\0\0\0", 7) + length;
      records.append(reinterpret_cast<const char*>(&bytes), static_cast<std::size_t>(length));
      ++count;
    }
    const std::string reply = std::string(query, 2) + std::string("\x81\x80\0\x01\0", 5) +
                              static_cast<char>(count) + std::string(4, '\0') + question + records;
    ::sendto(socket_.get(), reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&client),
             client_length);
  }

  Answers answers_;
  linux_::Fd socket_;
  std::atomic<int> queries_ = 0;
  std::map<std::pair<std::string, bool>, int> asked_;
  std::jthread thread_;
};

inline void add_v4_address(int number, const std::string& address) {
  const linux_::Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::snprintf(request.ifr_name, sizeof request.ifr_name, "lo:%d", number);
  auto* target = reinterpret_cast<sockaddr_in*>(&request.ifr_addr);
  target->sin_family = AF_INET;
  ::inet_pton(AF_INET, address.c_str(), &target->sin_addr);
  require(::ioctl(socket.get(), SIOCSIFADDR, &request) == 0, "SIOCSIFADDR " + address);
}

inline void add_v6_address(const std::string& address) {
  const linux_::Fd socket(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  in6_ifreq request{};
  ::inet_pton(AF_INET6, address.c_str(), &request.ifr6_addr);
  request.ifr6_prefixlen = 128;
  request.ifr6_ifindex = static_cast<int>(::if_nametoindex("lo"));
  require(::ioctl(socket.get(), SIOCSIFADDR, &request) == 0, "SIOCSIFADDR " + address);
}

inline void bring_loopback_up() {
  const linux_::Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  require(::ioctl(socket.get(), SIOCGIFFLAGS, &request) == 0, "SIOCGIFFLAGS");
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP | IFF_RUNNING);
  require(::ioctl(socket.get(), SIOCSIFFLAGS, &request) == 0, "SIOCSIFFLAGS");
}

/// Puts `content` in the place of the file `path`, for this process and its children.
inline void replace_file(const std::filesystem::path& folder, const char* path,
                         const std::string& content) {
  const std::filesystem::path file = folder / std::filesystem::path(path).filename();
  std::ofstream(file) << content;
  require(::mount(file.c_str(), path, nullptr, MS_BIND, nullptr) == 0,
          std::string("mount over ") + path);
}

constexpr const char* inside_variable = "OMNISANDBOX_TEST_INSIDE_NAMESPACE";
// Says that the namespace could not be set up; what failed stands on the error output.
constexpr int cannot_set_up = 77;

inline void set_up_inside(const std::filesystem::path& folder) {
  bring_loopback_up();
  int number = 1;
  for (const char* address : {"93.184.216.34", "93.184.216.35", "10.0.0.1", "192.168.7.7",
                              "169.254.169.254", "100.64.0.1", "172.16.0.1"})
    add_v4_address(number++, address);
  add_v6_address("2606:2800:220:1::1");
  add_v6_address("fd00::1");
  replace_file(folder, "/etc/resolv.conf", "nameserver 127.0.0.1\n");
  replace_file(folder, "/etc/hosts", "127.0.0.1 localhost\n");
  replace_file(folder, "/etc/nsswitch.conf", "hosts: files dns\n");
}

/// Runs `body` in a network and mount namespace of its own, in a child that is this program with
/// this one test. Skips, with the reason, where the machine allows no namespaces. `body` gets a
/// folder for its files.
inline void in_own_network(const std::function<void(const std::filesystem::path&)>& body) {
  if (const char* folder = std::getenv(inside_variable)) {
    try {
      set_up_inside(folder);
    } catch (const std::exception& exception) {
      std::fprintf(stderr, "%s\n", exception.what());
      std::_Exit(cannot_set_up);
    }
    body(folder);
    return;
  }
  std::string pattern =
      (std::filesystem::temp_directory_path() / "omnisandbox-network-XXXXXX").string();
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  const std::filesystem::path folder = pattern;
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  const linux_::Fd program(::open("/proc/self/exe", O_PATH | O_CLOEXEC));
  const linux_::Fd input(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const linux_::Fd output(::open((folder / "output").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  const char* path = std::getenv("PATH");
  auto child = linux_::spawn(
      {.program = &program,
       .args = {"test",
                std::string("--gtest_filter=") + test->test_suite_name() + "." + test->name()},
       .environment = {std::string(inside_variable) + "=" + folder.string(),
                       std::string("PATH=") + (path == nullptr ? "/usr/bin:/bin" : path)},
       .files = {&input, &output, &output},
       .namespaces = CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS,
       // CAP_NET_BIND_SERVICE, CAP_NET_ADMIN, CAP_SYS_ADMIN
       .kept_capabilities = 1U << 10 | 1U << 12 | 1U << 21});
  if (!child) {
    std::filesystem::remove_all(folder);
    GTEST_SKIP() << "this machine allows no network namespace: " << child.error().message;
  }
  pollfd waiting{child->handle().get(), POLLIN, 0};
  ASSERT_EQ(::poll(&waiting, 1, 100'000), 1) << "the test inside the namespace does not end";
  const auto ending = child->reap();
  std::ifstream file(folder / "output");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  std::filesystem::remove_all(folder);
  ASSERT_TRUE(ending && *ending);
  if ((*ending)->code == CLD_EXITED && (*ending)->status == cannot_set_up)
    GTEST_SKIP() << "the namespace cannot be set up: " << text;
  EXPECT_TRUE((*ending)->code == CLD_EXITED && (*ending)->status == 0)
      << "code " << (*ending)->code << ", status " << (*ending)->status << "\n"
      << text;
  if (text.find("[  SKIPPED ]") != std::string::npos) GTEST_SKIP() << text;
  EXPECT_NE(text.find("[  PASSED  ] 1 test"), std::string::npos) << text;
}

}  // namespace omnisandbox::host_functions::test
