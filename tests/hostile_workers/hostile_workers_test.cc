// What a worker process may do that a guest has taken over, and what its parent does about it: the
// run fails, or the worker gets what a guest would get, and the next run is served by another
// worker.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <omnisandbox/omnisandbox.hh>
#include <string_view>
#include <thread>

namespace omnisandbox {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr std::string_view module_text = R"((module (func (export "_start"))))";

class HostileWorker : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "omnisandbox-worker-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = fs::canonical(pattern);
    fs::create_directories(folder_ / "allowed");
    fs::create_directories(folder_ / "outside");
    std::ofstream(folder_ / "outside/secret.txt") << "secret";
  }
  void TearDown() override { fs::remove_all(folder_); }

  Config config() const {
    Config config;
    config.capabilities = {Capability::fs_read, Capability::fs_write};
    config.allowed_paths = {PathRule(folder_ / "allowed", PathAccess::read_write)};
    config.timeout = 10s;
    return config;
  }
  Runtime runtime(std::string_view role, Config config) const {
    const fs::path program = folder_ / role;
    fs::copy_file(OMNISANDBOX_HOSTILE_WORKER, program, fs::copy_options::overwrite_existing);
    auto made = Runtime::create(
        std::move(config), {.isolation = Isolation::worker, .worker_program = program.string()});
    if (!made) {
      ADD_FAILURE() << made.error().message;
      std::abort();
    }
    return std::move(*made);
  }
  Runtime runtime(std::string_view role) const { return runtime(role, config()); }
  ModuleExports load_exports(std::string_view role) const {
    const fs::path program = folder_ / role;
    fs::copy_file(OMNISANDBOX_HOSTILE_WORKER, program, fs::copy_options::overwrite_existing);
    auto made = ModuleExports::load(
        *Policy::compile(config()), "test", std::as_bytes(std::span(module_text)),
        {.isolation = Isolation::worker, .worker_program = program.string()});
    if (!made) {
      ADD_FAILURE() << made.error().message;
      std::abort();
    }
    return std::move(*made);
  }
  /// Compiling is played by the hostile worker too: the module's code is never looked at.
  static Result run(Runtime& runtime, RunOptions options = {}) {
    auto result = runtime.run(std::as_bytes(std::span(module_text)), std::move(options));
    if (!result) {
      Result failed;
      failed.error = result.error();
      return failed;
    }
    return std::move(*result);
  }
  static std::string message(const Result& result) {
    return result.error ? result.error->message : "";
  }

  fs::path folder_;
};

std::size_t open_descriptors() {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator()));
}

TEST_F(HostileWorker, ThatDoesNotStartProperlyIsRefused) {
  for (const auto& [role, reason] : {std::pair{"exits", "did not start"},
                                     {"of_another_build", "another build"},
                                     {"unconfined", "without seccomp"}}) {
    Runtime made = runtime(role);
    const Result result = run(made);
    ASSERT_TRUE(result.error) << role;
    EXPECT_EQ(result.error->kind, ErrorKind::unavailable) << role << ": " << message(result);
    EXPECT_NE(message(result).find(reason), std::string::npos) << message(result);
  }
}

TEST_F(HostileWorker, ThatNeverAnswersEndsAtTheDeadline) {
  Config quick = config();
  quick.timeout = 500ms;
  for (const char* role :
       {"silent", "never_finishes", "stops_itself", "half_a_message", "endless_calls"}) {
    Runtime made = runtime(role, quick);
    const auto start = Clock::now();
    const Result result = run(made);
    EXPECT_EQ(result.error ? result.error->kind : ErrorKind::internal, ErrorKind::timeout)
        << role << ": " << message(result);
    EXPECT_GE(Clock::now() - start, 400ms) << role;
    EXPECT_LT(Clock::now() - start, 5s) << role;
  }
}

TEST_F(HostileWorker, ThatStopsAnsweringEndsSoonAfterAStop) {
  Runtime made = runtime("never_finishes");
  std::stop_source stop;
  std::jthread stopper([&] {
    std::this_thread::sleep_for(200ms);
    stop.request_stop();
  });
  const auto start = Clock::now();
  const Result result = run(made, {.stop = stop.get_token()});
  EXPECT_EQ(result.status, Status::cancelled) << message(result);
  EXPECT_LT(Clock::now() - start, 5s);
}

TEST_F(HostileWorker, ThatTalksNonsenseFailsTheRunAndNothingElse) {
  for (const char* role :
       {"garbage", "huge_message", "unknown_type", "claims_denied", "claims_ok_with_error",
        "claims_ok_with_code", "unknown_function", "stdin_beyond_its_end", "crashes"}) {
    Runtime made = runtime(role);
    for (int round = 0; round < 3; ++round) {
      const Result result = run(made);
      EXPECT_EQ(result.status, Status::failed) << role;
      EXPECT_EQ(result.error ? result.error->kind : ErrorKind::timeout, ErrorKind::internal)
          << role << ": " << message(result);
      EXPECT_TRUE(result.denials.empty());
    }
  }
}

TEST_F(HostileWorker, CannotForgeLinesInMessages) {
  Runtime made = runtime("escapes_in_message");
  const Result result = run(made);
  EXPECT_EQ(result.status, Status::trap);
  EXPECT_EQ(message(result).find_first_of("\x1b\n"), std::string::npos) << message(result);
}

TEST_F(HostileWorker, GetsNothingThatTheGuestMayNotHave) {
  Runtime made = runtime("asks_for_everything");
  const std::string secret = folder_ / "outside/secret.txt";
  const Result denied = run(made, {.args = {secret}});
  EXPECT_EQ(denied.stdout_data.substr(0, 9), "-1 -1 -1 ") << denied.stdout_data;
  EXPECT_EQ(denied.stdout_data.find(" 0 "), std::string::npos) << denied.stdout_data;
  EXPECT_GE(denied.denial_count, 6U);
  std::ifstream file(secret);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "secret");
  EXPECT_FALSE(fs::exists(secret + "-new"));

  // The same worker's requests for what is allowed are served: it is the policy that decides.
  const std::string own = folder_ / "allowed/own.txt";
  std::ofstream(own) << "own";
  const Result allowed = run(made, {.args = {own}});
  EXPECT_EQ(allowed.stdout_data.substr(0, 6), "1 0 0 ") << allowed.stdout_data;
}

TEST_F(HostileWorker, GetsNothingMoreByAComponentsRequests) {
  Runtime made = runtime("asks_by_requests");
  const std::string secret = folder_ / "outside/secret.txt";
  const Result denied = run(made, {.args = {secret}});
  EXPECT_EQ(denied.stdout_data, "denied denied denied denied denied denied denied denied ");
  EXPECT_EQ(denied.denial_count, 8U);
  std::ifstream file(secret);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "secret");

  const std::string own = folder_ / "allowed/own.txt";
  std::ofstream(own) << "own";
  const Result allowed = run(made, {.args = {own}});
  EXPECT_EQ(allowed.stdout_data, "ok ok ok not_found ok ok denied denied ");
  EXPECT_TRUE(fs::is_directory(own));
}

TEST_F(HostileWorker, ThatUsedUpItsMemoryIsReportedAsThat) {
  Runtime made = runtime("runs_out_of_memory");
  const Result result = run(made);
  EXPECT_EQ(result.status, Status::memory_limit) << message(result);
  EXPECT_EQ(result.exit_code, 137);
  Runtime babbling = runtime("babbles");
  const Result babbled = run(babbling);
  EXPECT_EQ(babbled.status, Status::failed);
  EXPECT_EQ(message(babbled).find('\x1b'), std::string::npos);
}

TEST_F(HostileWorker, CannotReturnWhatIsNoValue) {
  for (const std::string_view role : {"garbage_request", "value_of_a_command"}) {
    Runtime made = runtime(role);
    const Result result = run(made);
    EXPECT_EQ(result.status, Status::failed) << role;
  }
  for (const std::string_view role : {"value_that_is_no_json", "value_that_is_too_large"}) {
    auto exports = load_exports(role);
    const auto called = exports.call("f", {});
    ASSERT_TRUE(called) << role;
    EXPECT_EQ(called->result.status, Status::failed) << role;
    EXPECT_FALSE(called->value_json) << role;
  }
}

TEST_F(HostileWorker, CannotPutEscapesIntoAList) {
  auto exports = load_exports("lists_escapes");
  const auto lines = exports.list();
  ASSERT_TRUE(lines) << lines.error().message;
  ASSERT_EQ(lines->size(), 1U);
  EXPECT_EQ(lines->front().find_first_of("\x1b\n"), std::string::npos) << lines->front();
}

TEST_F(HostileWorker, CannotReachTheParentsMemory) {
  Runtime made = runtime("bad_pointers");
  EXPECT_EQ(run(made).stdout_data, "alive");
}

TEST_F(HostileWorker, CannotWriteMoreThanTheQuota) {
  Config small = config();
  small.max_write_bytes = 1'000'000;
  Runtime made = runtime("writes_without_end", small);
  const std::string target = folder_ / "allowed/large.txt";
  const Result result = run(made, {.args = {target}});
  EXPECT_EQ(result.stdout_data, "15 -7");
  EXPECT_EQ(fs::file_size(target), 15U * 64 * 1024);
}

TEST_F(HostileWorker, CannotMakeTheParentKeepMoreOutputThanTheLimit) {
  Runtime made = runtime("floods");
  const Result result = run(made);
  EXPECT_EQ(result.status, Status::ok) << message(result);
  EXPECT_EQ(result.stdout_data.size(), 1U << 20);
  EXPECT_TRUE(result.stdout_truncated);
  EXPECT_EQ(result.stdout_bytes, UINT64_MAX);
}

TEST_F(HostileWorker, CannotFillTheParentsDescriptors) {
  Runtime made = runtime("sends_descriptors");
  run(made);
  const std::size_t before = open_descriptors();
  for (int round = 0; round < 5; ++round) {
    EXPECT_EQ(run(made).status, Status::ok);
  }
  EXPECT_LE(open_descriptors(), before + 4);  // a worker more, at most
}

TEST_F(HostileWorker, ThatAnswersTwiceDoesNotAnswerTheNextRun) {
  Runtime made = runtime("answers_twice");
  for (int round = 0; round < 5; ++round) {
    const Result result = run(made);
    EXPECT_EQ(result.status, Status::ok) << message(result);
    std::this_thread::sleep_for(20ms);  // until the second answer has come
  }
}

}  // namespace
}  // namespace omnisandbox
