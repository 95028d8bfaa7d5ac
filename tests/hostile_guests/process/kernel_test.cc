// The kernel's interfaces: what reaches beyond a sandbox is refused, what programs need works.
#include <sys/socket.h>
#include <sys/un.h>

#include <thread>

#include "process_fixture.h"

namespace omnisandbox {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

using Kernel = ProcessTest;

TEST_F(Kernel, CallsThatReachBeyondAreRefused) {
  const Result result = attack({"system_calls", std::to_string(::getpid())});
  EXPECT_THAT(
      result.stdout_data,
      AllOf(HasSubstr("refused: ptrace: EPERM"), HasSubstr("refused: kill outside: ESRCH"),
            HasSubstr("refused: unshare: EPERM"), HasSubstr("refused: mount: EPERM"),
            HasSubstr("refused: io_uring_setup: ENOSYS"), HasSubstr("refused: lease: EPERM"),
            HasSubstr("refused: lease in a wide number: EPERM"),
            HasSubstr("refused: news of a folder: EPERM"), HasSubstr("refused: TIOCSTI: EPERM"),
            HasSubstr("refused: TIOCSETD: EPERM"),
            HasSubstr("refused: TIOCSETD with high bits: EPERM"),
            HasSubstr("refused: clone3: ENOSYS")));
}

TEST_F(Kernel, SocketsReachNothing) {
  const std::string name = path("work/engine.sock");
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ASSERT_LT(name.size(), sizeof address.sun_path);
  name.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listener, 1), 0);
  attack({"sockets", name});
  ::close(listener);
}

TEST_F(Kernel, NothingIsInherited) {
  const Result result = attack({"inherited"});
  EXPECT_THAT(result.stdout_data,
              AllOf(HasSubstr("CapEff:\t0000000000000000"), HasSubstr("CapPrm:\t0000000000000000"),
                    HasSubstr("CapBnd:\t0000000000000000"), HasSubstr("NoNewPrivs:\t1"),
                    HasSubstr("refused: core dumps")));
}

TEST_F(Kernel, TheHostIsNotInSight) {
  const Result result = attack({"look_around"});
  // Its own two processes, and no other.
  EXPECT_THAT(result.stdout_data,
              AllOf(HasSubstr("process 1\nprocess 2\n"), Not(HasSubstr("process 3"))));
}

TEST_F(Kernel, ASetuidProgramGainsNothing) {
  if (!std::filesystem::exists("/usr/bin/su")) {
    GTEST_SKIP() << "there is no su here";
  }
  const Result result =
      must_run(config({"su", "sh"}), "sh", {"-c", "su -c 'echo gained' </dev/null"});
  EXPECT_THAT(result.stdout_data, Not(HasSubstr("gained")));
}

TEST_F(Kernel, TerminalEscapesAndNulPassThroughAsBytes) {
  const Result result = must_run(config({"printf"}), "printf", {"a\\000b\\033[2Jc"});
  EXPECT_EQ(result.stdout_data, std::string("a\0b\033[2Jc", 8));
}

TEST_F(Kernel, WhatProgramsNeedWorks) {
  EXPECT_EQ(
      must_run(config(), hostile(), {"needed_calls"}).stdout_data,
      "socketpair: 0\npipe: 0\nkill self: 0\nproc: 1\nshared memory: 1\nexecutable memory: 1\n");
}

TEST_F(Kernel, ATerminalIsTheCommandsOwnAndTakesNoInjectedInput) {
  Config policy = config();
  const Result result = must_run(policy, hostile(), {"in_terminal"},
                                 {.stdin_data = "typed\n", .streams = CommandStreams::terminal});
  EXPECT_THAT(result.stdout_data,
              AllOf(HasSubstr("terminals: 111"), HasSubstr("foreground: 1"),
                    HasSubstr("read typed"), HasSubstr("end of input: 1"),
                    HasSubstr("refused: TIOCSTI"), HasSubstr("line discipline: 0"),
                    HasSubstr("refused: TIOCSETD"), Not(HasSubstr("ESCAPED"))));
  EXPECT_EQ(result.stderr_data, "");
  EXPECT_THAT(must_run(policy, hostile(), {"in_terminal"}).stdout_data,
              HasSubstr("terminals: 000"));
}

TEST_F(Kernel, WithNetHttpAndNoProxyThereIsNoNetwork) {
  Config policy = config({"sh"});
  policy.capabilities.push_back(Capability::net_http);
  policy.allowed_hosts = {"*"};
  const Result result = must_run(policy, hostile(), {"sockets"});
  EXPECT_THAT(result.stdout_data,
              AllOf(Not(HasSubstr("ESCAPED")), HasSubstr("refused: socket AF_INET")));
  EXPECT_THAT(
      result.sandbox.layers,
      testing::Contains("network namespace without network (no proxy is set up for net_http)"));
}

}  // namespace
}  // namespace omnisandbox
