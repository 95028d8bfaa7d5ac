#include <fmt/format.h>
#include <gmock/gmock.h>

#include "guest_fixture.h"

namespace omnisandbox::hostile {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class HostileCalls : public HostileGuest {};

TEST_F(HostileCalls, EveryRangeOutsideTheMemoryEndsTheGuest) {
  Config config = files_config();
  config.capabilities = {Capability::fs_read, Capability::fs_write, Capability::net_http,
                         Capability::exec_run};
  Runtime runtime = runtime_for(config);
  int cases = 0;
  for (;; ++cases) {
    const Result result = run_guest(runtime, "bad_pointers", {std::to_string(cases)});
    if (result.stdout_data == "no such case\n") {
      break;
    }
    EXPECT_EQ(result.status, Status::trap) << "case " << cases << ": " << describe(result);
    EXPECT_EQ(result.stdout_data, "") << "case " << cases;
    ASSERT_LT(cases, 1000);
  }
  EXPECT_GE(cases, 17);
}

TEST_F(HostileCalls, WasiRefusesRangesOutsideTheMemory) {
  Runtime runtime = runtime_for(files_config());
  char choice = 'a';
  for (;; ++choice) {
    const Result result = run_guest(runtime, "wasi_bad_pointers", {std::string(1, choice)});
    if (result.stdout_data == "no such case\n") {
      break;
    }
    EXPECT_THAT(result.stdout_data, Not(HasSubstr("ACCEPTED"))) << describe(result);
    EXPECT_TRUE(result.status == Status::ok || result.status == Status::trap)
        << choice << ": " << describe(result);
    ASSERT_LT(choice, 'z');
  }
  EXPECT_EQ(choice, 'n');
}

TEST_F(HostileCalls, HandlesAreCheckedAndBounded) {
  Runtime runtime = runtime_for(files_config());
  const Result result = run_guest(runtime, "handle_abuse", {allowed() + "/note.txt"});
  EXPECT_EQ(result.status, Status::ok) << describe(result);
  EXPECT_EQ(result.stdout_data, "done\n");
}

TEST_F(HostileCalls, APointerWithoutAMemoryEndsTheGuest) {
  Runtime runtime = runtime_for(files_config());
  const std::string module = guest_bytes("no_memory");
  auto result = runtime.run(bytes_of(module), RunOptions{});
  // Refused when it is compiled, or ended when it calls.
  if (result) {
    EXPECT_EQ(result->status, Status::trap) << describe(*result);
  } else {
    EXPECT_EQ(result.error().kind, ErrorKind::invalid_argument) << result.error().message;
  }
}

TEST_F(HostileCalls, OnlyTheListedCommandIsEvenConsidered) {
  Config config;
  config.capabilities = {Capability::exec_run};
  config.allowed_commands = {"wc"};
  Runtime runtime = runtime_for(config);
  const Result result = run_guest(runtime, "run_other_commands");
  EXPECT_EQ(result.status, Status::ok) << describe(result);
  EXPECT_THAT(result.stdout_data, Not(HasSubstr("RAN"))) << describe(result);
  EXPECT_THAT(result.stdout_data, HasSubstr("answer -1: sh\n"));
  EXPECT_THAT(result.stdout_data, HasSubstr("answer -1: wc;id\n"));
  EXPECT_THAT(result.stdout_data, Not(HasSubstr("answer -8")))
      << "another name was taken for wc: " << describe(result);
}

TEST_F(HostileCalls, AnExitCodeIsEightBitsOrStaysWhatItWas) {
  Runtime runtime = runtime_for(Config{});
  const Result result = run_guest(runtime, "self_exit");
  EXPECT_NE(result.status, Status::ok) << describe(result);
  EXPECT_NE(result.exit_code, 0);
}

}  // namespace
}  // namespace omnisandbox::hostile
