#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <thread>

#include "docker/docker_fixture.h"

namespace omnisandbox::docker::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// Answers every HTTP request on a free port of the host's loopback.
class WebServer {
 public:
  explicit WebServer(std::string body) : body_(std::move(body)) {
    socket_ = linux_::Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(socket_.get(), 8) != 0 ||
        ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      throw std::runtime_error("web server");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this] { serve(); });
  }
  ~WebServer() { ::shutdown(socket_.get(), SHUT_RDWR); }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/"; }
  int requests() const { return requests_; }

 private:
  void serve() {
    for (;;) {
      const linux_::Fd client(::accept(socket_.get(), nullptr, nullptr));
      if (!client.is_open()) return;
      ++requests_;
      char buffer[4096];
      if (::recv(client.get(), buffer, sizeof buffer, 0) < 0) continue;
      const std::string answer = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " +
                                 std::to_string(body_.size()) + "\r\n\r\n" + body_;
      ::send(client.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    }
  }
  std::string body_;
  linux_::Fd socket_;
  int port_ = 0;
  std::atomic<int> requests_ = 0;
  std::jthread thread_;
};

TEST(DockerNetwork, ABridgeReachesAllowedHostsThroughTheProxyAndNothingElse) {
  WebServer allowed("the allowed answer");
  WebServer other("the other answer");
  Config config = allowing({"sh"});
  config.capabilities.push_back(Capability::net_http);
  config.allowed_hosts = {HostRule(allowed.url())};
  DockerConfig docker_config = image();
  docker_config.network_mode = NetworkMode::bridge;
  std::vector<AuditRecord> records;
  std::mutex mutex;
  auto docker =
      sandbox(docker_config, config, {.audit = make_callback_audit([&](const auto& record) {
                                        const std::lock_guard lock(mutex);
                                        records.push_back(record);
                                      })});
  const Result result = must(docker.run("sh", {"-c", R"(
wget -q -O - "$1"; echo " status $?"
wget -q -O - "$2"; echo " status $?"
unset http_proxy HTTP_PROXY
wget -q -O - "$1"; echo " without proxy $?"
wget -q -O - http://10.0.0.1/; echo " other address $?"
wget -q -O - http://allowed.example/; echo " name $?"
cat /proc/net/dev | grep -v lo | wc -l
ls -la /.omnisandbox/; nc -w 1 local:/.omnisandbox/listener </dev/null; exit 0)",
                                               "x", allowed.url(), other.url()}));
  EXPECT_THAT(result.stdout_data,
              AllOf(HasSubstr("the allowed answer status 0"), HasSubstr(" without proxy 1\n"),
                    HasSubstr(" other address 1\n"), HasSubstr(" name 1\n"),
                    Not(HasSubstr("the other answer"))))
      << told(result);
  EXPECT_EQ(allowed.requests(), 1);
  EXPECT_EQ(other.requests(), 0);
  EXPECT_EQ(result.denial_count, 1U);
  EXPECT_THAT(result.sandbox.layers,
              testing::Contains("network namespace with the policy's proxy only"));
  EXPECT_TRUE(std::any_of(records.begin(), records.end(), [](const AuditRecord& record) {
    return record.sandbox == "docker" && record.capability == Capability::net_http &&
           !record.granted;
  }));
}

TEST(DockerNetwork, WithoutABridgeNotEvenTheProxyIsThere) {
  WebServer server("never");
  Config config = allowing({"sh"});
  config.capabilities.push_back(Capability::net_http);
  config.allowed_hosts = {HostRule(server.url())};
  const Result result =
      must(sandbox(image(), config)
               .run("sh", {"-c",
                           "wget -q -O - \"$1\"; http_proxy=http://127.0.0.1:3128 "
                           "wget -q -O - \"$1\"; exit 0",
                           "x", server.url()}));
  EXPECT_THAT(result.stderr_data, HasSubstr("Connection refused")) << told(result);
  EXPECT_EQ(server.requests(), 0);
}

TEST(DockerNetwork, TheHostsNetworkIsForPoliciesThatAllowEveryHost) {
  Config config = allowing({"true"});
  config.capabilities.push_back(Capability::net_http);
  config.allowed_hosts = {"*"};
  DockerConfig docker = image();
  docker.network_mode = NetworkMode::host;
  const Result result = must(sandbox(docker, config).run("true"));
  EXPECT_EQ(result.status, Status::ok) << told(result);
  EXPECT_THAT(result.sandbox.layers, testing::Contains(HasSubstr("weaker: no list of hosts")));
}

}  // namespace
}  // namespace omnisandbox::docker::test
