#include <gmock/gmock.h>

#include <limits>

#include "wasm/abi/abi_test_run.h"
#include "wasm/abi/handle_table.h"
#include "wasm/abi/limits.h"

namespace omnisandbox::wasm::abi {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// ---- Results ----

TEST(AbiResults, UnknownHandlesPartsAndOffsetsAreInvalid) {
  AbiTestRun guest({});
  guest.run.handles = std::make_unique<HandleTable>(guest.run.context.limits());
  StoredResult result;
  result.parts.push_back(whole("abc"));
  const std::int32_t handle = *guest.run.handles->add(std::move(result));
  GuestCall call = guest.call();
  for (const std::int32_t wrong : {0, -1, handle + 1, std::numeric_limits<std::int32_t>::min()}) {
    EXPECT_EQ(result_size(call, wrong, 0), code(ErrorCode::invalid));
    EXPECT_EQ(result_total_size(call, wrong, 0), code(ErrorCode::invalid));
    EXPECT_EQ(result_read(call, wrong, 0, 0, 0, 8), code(ErrorCode::invalid));
    EXPECT_EQ(result_status(call, wrong), code(ErrorCode::invalid));
    EXPECT_EQ(result_drop(call, wrong), code(ErrorCode::invalid));
    EXPECT_THAT(guest.error(), HasSubstr("not a live result handle"));
  }
  for (const std::int32_t wrong : {-1, 1, std::numeric_limits<std::int32_t>::max()}) {
    EXPECT_EQ(result_size(call, handle, wrong), code(ErrorCode::invalid));
    EXPECT_EQ(result_read(call, handle, wrong, 0, 0, 8), code(ErrorCode::invalid));
  }
  for (const std::int64_t wrong :
       {std::int64_t{-1}, std::int64_t{4}, std::numeric_limits<std::int64_t>::max(),
        std::numeric_limits<std::int64_t>::min()}) {
    EXPECT_EQ(result_read(call, handle, 0, wrong, 0, 8), code(ErrorCode::invalid));
  }
  EXPECT_EQ(call.end, GuestCall::End::none);
  EXPECT_EQ(result_drop(call, handle), 0);
  EXPECT_EQ(result_drop(call, handle), code(ErrorCode::invalid));
  EXPECT_EQ(result_size(call, handle, 0), code(ErrorCode::invalid));
}

TEST(AbiResults, TellsItsVersion) {
  AbiTestRun guest({});
  GuestCall call = guest.call();
  EXPECT_EQ(abi_version(call), 1);
}

// ---- Commands ----

class RecordingRunner final : public CommandRunner {
 public:
  Expected<Result> run(const Policy&, const CommandRequest& request,
                       std::chrono::steady_clock::time_point, std::stop_token) override {
    requests.push_back(request);
    return answer;
  }
  std::vector<CommandRequest> requests;
  Result answer;
};

Config with_cat() {
  Config config;
  config.capabilities = {Capability::exec_run};
  config.allowed_commands = {"cat"};
  return config;
}

std::int32_t exec(AbiTestRun& guest, std::string_view command, std::string_view args,
                  std::string_view input) {
  GuestCall call = guest.call();
  const std::uint32_t command_at = guest.put(command);
  const std::uint32_t args_at = guest.put(args);
  const std::uint32_t input_at = guest.put(input);
  return exec_run(call, command_at, static_cast<std::uint32_t>(command.size()), args_at,
                  static_cast<std::uint32_t>(args.size()), input_at,
                  static_cast<std::uint32_t>(input.size()));
}

TEST(AbiCommands, PassesArgumentsAsPlainBytesAndGivesAllParts) {
  auto runner = std::make_shared<RecordingRunner>();
  runner->answer.status = Status::exited;
  runner->answer.exit_code = 3;
  runner->answer.stdout_data = "out";
  runner->answer.stdout_bytes = 1'000;
  runner->answer.stderr_data = "err";
  runner->answer.stderr_bytes = 3;
  AbiTestRun guest(with_cat(), {.commands = runner});
  const std::int32_t handle = exec(guest, "cat", std::string_view("a b\0\0$(x); y\0", 13), "stdin");
  ASSERT_GE(handle, 1) << guest.error();
  ASSERT_EQ(runner->requests.size(), 1u);
  EXPECT_EQ(runner->requests[0].command, "cat");
  EXPECT_THAT(runner->requests[0].args, ElementsAre("a b", "", "$(x); y"));
  EXPECT_EQ(runner->requests[0].stdin_data, "stdin");
  GuestCall call = guest.call();
  EXPECT_EQ(result_status(call, handle), 3);
  EXPECT_EQ(guest.part(handle, 0), "out");
  EXPECT_EQ(result_total_size(call, handle, 0), 1'000);
  EXPECT_EQ(guest.part(handle, 1), "err");
  EXPECT_EQ(guest.part(handle, 2), "exited");
}

TEST(AbiCommands, RefusesArgumentsWithoutAnEnd) {
  auto runner = std::make_shared<RecordingRunner>();
  AbiTestRun guest(with_cat(), {.commands = runner});
  EXPECT_EQ(exec(guest, "cat", "unended", ""), code(ErrorCode::invalid));
  EXPECT_EQ(exec(guest, "cat", std::string(max_argument_count + 1, '\0'), ""),
            code(ErrorCode::too_large));
  EXPECT_TRUE(runner->requests.empty());
  EXPECT_GE(exec(guest, "cat", "", ""), 1);
  EXPECT_TRUE(runner->requests.back().args.empty());
}

TEST(AbiCommands, NeedsARunnerAndTheCapability) {
  AbiTestRun without_runner(with_cat());
  EXPECT_EQ(exec(without_runner, "cat", "", ""), code(ErrorCode::unavailable));
  auto runner = std::make_shared<RecordingRunner>();
  AbiTestRun without_capability({}, {.commands = runner});
  EXPECT_EQ(exec(without_capability, "cat", "", ""), code(ErrorCode::denied));
  AbiTestRun other_command(with_cat(), {.commands = runner});
  EXPECT_EQ(exec(other_command, "ls", "", ""), code(ErrorCode::denied));
  EXPECT_TRUE(runner->requests.empty());
}

TEST(AbiCommands, ChecksTheRoomForTheAnswerBeforeTheCommandRuns) {
  auto runner = std::make_shared<RecordingRunner>();
  AbiTestRun guest(with_cat(), {.commands = runner});
  for (std::size_t count = 0; count < max_live_handles; ++count) {
    ASSERT_GE(exec(guest, "cat", "", ""), 1);
  }
  const std::size_t before = runner->requests.size();
  EXPECT_EQ(exec(guest, "cat", "", ""), code(ErrorCode::limit));
  EXPECT_EQ(runner->requests.size(), before);
}

// ---- HTTP ----

std::int32_t fetch(AbiTestRun& guest, std::string_view method, std::string_view url,
                   std::string_view headers) {
  GuestCall call = guest.call();
  const std::uint32_t method_at = guest.put(method);
  const std::uint32_t url_at = guest.put(url);
  const std::uint32_t headers_at = guest.put(headers);
  return http_fetch(call, method_at, static_cast<std::uint32_t>(method.size()), url_at,
                    static_cast<std::uint32_t>(url.size()), headers_at,
                    static_cast<std::uint32_t>(headers.size()), 0, 0);
}

TEST(AbiHttp, IsDeniedWithoutTheCapability) {
  AbiTestRun guest({});
  EXPECT_EQ(fetch(guest, "", "https://example.com/", ""), code(ErrorCode::denied));
  EXPECT_EQ(guest.run.context.denials().at(0).capability, Capability::net_http);
}

TEST(AbiHttp, RefusesHeadersWithoutAColon) {
  AbiTestRun guest({});
  EXPECT_EQ(fetch(guest, "GET", "https://example.com/", "Accept: x\nbroken\n"),
            code(ErrorCode::invalid));
  EXPECT_THAT(guest.error(), HasSubstr("broken"));
  std::string many;
  for (std::size_t count = 0; count <= max_header_count; ++count) {
    many += "a:b\n";
  }
  EXPECT_EQ(fetch(guest, "GET", "https://example.com/", many), code(ErrorCode::too_large));
  EXPECT_EQ(guest.run.context.denial_count(), 0u);
}

// ---- Time ----

TEST(AbiTime, ACallAfterTheDeadlineEndsTheGuest) {
  AbiTestRun late({}, {.deadline = std::chrono::steady_clock::now() - std::chrono::seconds(1)});
  GuestCall call = late.call();
  fs_read(call, late.put("/x"), 2, 0, -1);
  EXPECT_EQ(call.end, GuestCall::End::timeout);
}

TEST(AbiTime, ACallAfterAStopEndsTheGuest) {
  std::stop_source source;
  source.request_stop();
  AbiTestRun stopped({}, {.stop = source.get_token()});
  GuestCall call = stopped.call();
  fs_read(call, stopped.put("/x"), 2, 0, -1);
  EXPECT_EQ(call.end, GuestCall::End::cancelled);
}

}  // namespace
}  // namespace omnisandbox::wasm::abi
