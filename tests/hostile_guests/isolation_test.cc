#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "base/test_effort.h"
#include "guest_fixture.h"

namespace omnisandbox::hostile {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class HostileNeighbours : public HostileGuest {};

TEST_F(HostileNeighbours, NothingStaysFromOneRunToTheNext) {
  Runtime runtime = runtime_for(Config{});
  const std::string module = guest_bytes("state_leak");
  ASSERT_TRUE(runtime.compile("guest", bytes_of(module)));
  for (int run = 0; run < 20; ++run) {
    const auto result = runtime.execute("guest");
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->stdout_data, "fresh\n") << "run " << run << ": " << describe(*result);
  }
}

TEST_F(HostileNeighbours, TheHostsEnvironmentIsNotSeen) {
  ASSERT_EQ(setenv("OMNISANDBOX_TEST_SECRET", "token", 1), 0);
  Config config;
  config.environment = {{"GIVEN", "yes"}};
  Runtime runtime = runtime_for(config);
  const Result result = run_guest(runtime, "env_args", {"a b", "--c"});
  EXPECT_THAT(result.stdout_data, HasSubstr("arg 1 a b\narg 2 --c\nenv GIVEN=yes\n"));
  EXPECT_THAT(result.stdout_data, Not(HasSubstr("token")));
  EXPECT_THAT(result.stdout_data, Not(HasSubstr("PATH=")));
}

// Each thread has a folder, a policy and a Runtime of its own, and its guests ask for the
// neighbour's file as well.
TEST_F(HostileNeighbours, NoAnswerComesFromAnotherThreadsPolicy) {
  constexpr int threads = 8;
  const int runs = test::rounds(8, 25);
  for (int i = 0; i < threads; ++i) {
    const std::filesystem::path own = folder_ / ("own" + std::to_string(i));
    std::filesystem::create_directory(own);
    std::ofstream(own / "file") << "content " << i << "\n";
  }
  const std::string module = guest_bytes("cat");
  std::atomic<int> wrong = 0;
  std::vector<std::jthread> workers;
  workers.reserve(threads);
  for (int i = 0; i < threads; ++i) {
    workers.emplace_back([&, i] {
      Config config;
      config.capabilities = {Capability::fs_read};
      config.allowed_paths = {(folder_ / ("own" + std::to_string(i))).string()};
      auto runtime = Runtime::create(config, with_cached_code());
      if (!runtime || !runtime->compile("cat", bytes_of(module))) {
        ++wrong;
        return;
      }
      const std::string own = folder_ / ("own" + std::to_string(i)) / "file";
      const std::string others = folder_ / ("own" + std::to_string((i + 1) % threads)) / "file";
      for (int run = 0; run < runs; ++run) {
        const auto result = runtime->execute("cat", {others, own});
        wrong += !result || result->stdout_data != "content " + std::to_string(i) + "\n" ||
                 result->exit_code != 1;
      }
    });
  }
  workers.clear();  // joins
  EXPECT_EQ(wrong, 0);
}

// A listener on 127.0.0.1 that no guest may reach.
class Listener {
 public:
  Listener() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(socket_, 64), 0);
    EXPECT_EQ(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &length), 0);
    port_ = ntohs(address.sin_port);
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() { ::close(socket_); }
  int port() const { return port_; }
  bool was_reached() const {
    pollfd waiting{.fd = socket_, .events = POLLIN, .revents = 0};
    return ::poll(&waiting, 1, 0) > 0;
  }

 private:
  int socket_;
  int port_ = 0;
};

TEST_F(HostileNeighbours, NoSpellingReachesTheHostsLoopback) {
  const Listener listener;
  Config config;
  config.capabilities = {Capability::net_http};
  config.allowed_hosts = {"*", "http://*:1-65535"};
  config.timeout = std::chrono::seconds(60);
  auto runtime = Runtime::create(config, with_cached_code());
  if (!runtime) {  // where a wildcard with a port range is no rule
    config.allowed_hosts = {"*"};
    runtime = Runtime::create(config, with_cached_code());
  }
  ASSERT_TRUE(runtime) << runtime.error().message;
  const Result result = run_guest(*runtime, "reach_loopback", {std::to_string(listener.port())});
  EXPECT_EQ(result.status, Status::ok) << describe(result);
  EXPECT_EQ(result.stdout_data, "done\n") << describe(result);
  EXPECT_FALSE(listener.was_reached());
}

TEST_F(HostileNeighbours, AListedPortOpensNoOtherPort) {
  const Listener listener;
  Config config;
  config.capabilities = {Capability::net_http};
  config.allowed_hosts = {"http://127.0.0.1:" +
                          std::to_string(listener.port() == 1 ? 2 : listener.port() - 1)};
  Runtime runtime = runtime_for(config);
  const Result result = run_guest(runtime, "reach_loopback", {std::to_string(listener.port())});
  EXPECT_EQ(result.stdout_data, "done\n") << describe(result);
  EXPECT_FALSE(listener.was_reached());
}

}  // namespace
}  // namespace omnisandbox::hostile
