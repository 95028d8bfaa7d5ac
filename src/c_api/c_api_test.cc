// Uses the library as a program in C does: through omnisandbox.h alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "c_api/test_handles.h"

namespace {

using namespace omnisandbox::c_api::test;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr const char* endless = R"((module (func (export "_start") (loop $again (br $again)))))";

class CApi : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "c-api-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder = name;
    std::filesystem::create_directory(folder + "/open");
    std::ofstream(folder + "/open/note.txt") << "a note";
    std::ofstream(folder + "/closed.txt") << "a secret";
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  Policy policy(const std::string& more = "") const {
    Policy made;
    const std::string text = "version: 1\ncapabilities: [fs_read, fs_write]\nallowed_paths: [" +
                             folder + "/open]\ntimeout: 20s\n" + more;
    const Failure failure =
        taken(omnisandbox_policy_parse(bytes(text), omnisandbox_text("test"), made.out()));
    EXPECT_FALSE(failure.failed) << failure.message;
    return made;
  }

  std::string folder;
};

TEST_F(CApi, FilesThatThePolicyOpensAreReadWrittenListedAndRemoved) {
  const Policy rules = policy();
  Functions functions;
  ASSERT_DONE(omnisandbox_functions_create(rules, nullptr, nullptr, functions.out()));
  Buffer content;
  const std::string note = folder + "/open/note.txt";
  ASSERT_DONE(omnisandbox_fs_read(functions, bytes(note), 2, 3, content.out()));
  EXPECT_EQ(str(omnisandbox_buffer_bytes(content)), "not");
  const std::string made = folder + "/open/new.bin";
  ASSERT_DONE(omnisandbox_fs_write(functions, bytes(made), bytes(std::string("a\0b", 3)),
                                   OMNISANDBOX_WRITE_CREATE_NEW, true));
  EXPECT_EQ(taken(omnisandbox_fs_write(functions, bytes(made), bytes("c"),
                                       OMNISANDBOX_WRITE_CREATE_NEW, false))
                .kind,
            OMNISANDBOX_ERROR_ALREADY_EXISTS);
  omnisandbox_file_info_t info;
  ASSERT_DONE(omnisandbox_fs_stat(functions, bytes(made), &info));
  EXPECT_EQ(info.size_bytes, 3u);
  EXPECT_EQ(info.type, static_cast<uint32_t>(OMNISANDBOX_FILE_REGULAR));
  omnisandbox_listing_t* listing = nullptr;
  ASSERT_DONE(omnisandbox_fs_list(functions, bytes(folder + "/open"), &listing));
  ASSERT_EQ(omnisandbox_listing_count(listing), 2u);
  EXPECT_EQ(str(omnisandbox_listing_name(listing, 0)), "new.bin");
  EXPECT_EQ(str(omnisandbox_listing_name(listing, 2)), "");
  omnisandbox_listing_free(listing);
  ASSERT_DONE(omnisandbox_fs_delete(functions, bytes(made)));
  EXPECT_FALSE(std::filesystem::exists(made));
}

TEST_F(CApi, ADenialHasEveryField) {
  const Policy rules = policy();
  Functions functions;
  ASSERT_DONE(omnisandbox_functions_create(rules, nullptr, nullptr, functions.out()));
  const std::string closed = folder + "/closed.txt";
  Buffer content;
  omnisandbox_error_t* error =
      omnisandbox_fs_read(functions, bytes(closed), 0, UINT64_MAX, content.out());
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(content.get(), nullptr);
  EXPECT_STREQ(omnisandbox_error_kind_name(omnisandbox_error_kind(error)), "denied");
  EXPECT_THAT(str(omnisandbox_error_message(error)), HasSubstr(closed));
  const omnisandbox_denial_t* denial = omnisandbox_error_denial(error);
  ASSERT_NE(denial, nullptr);
  EXPECT_EQ(omnisandbox_denial_capability(denial), OMNISANDBOX_FS_READ);
  EXPECT_EQ(str(omnisandbox_denial_resource(denial)), closed);
  EXPECT_THAT(str(omnisandbox_denial_reason(denial)), Not(IsEmpty()));
  EXPECT_THAT(str(omnisandbox_denial_remedy(denial)), HasSubstr("allowed_paths"));
  omnisandbox_error_free(error);
  EXPECT_EQ(omnisandbox_functions_denial_count(functions), 1u);
}

// A path is bytes with a size: what stands behind a NUL is not lost, and not looked away from.
TEST_F(CApi, APathWithANulIsNotCutThere) {
  const Policy rules = policy();
  Functions functions;
  ASSERT_DONE(omnisandbox_functions_create(rules, nullptr, nullptr, functions.out()));
  const std::string path = folder + "/open/note.txt" + std::string("\0.png", 5);
  Buffer content;
  EXPECT_TRUE(
      taken(omnisandbox_fs_read(functions, bytes(path), 0, UINT64_MAX, content.out())).failed);
}

TEST_F(CApi, NullAndNonsenseAreErrors) {
  const Policy rules = policy();
  Runtime runtime;
  EXPECT_EQ(taken(omnisandbox_runtime_create(nullptr, nullptr, runtime.out())).kind,
            OMNISANDBOX_ERROR_INVALID_ARGUMENT);
  EXPECT_THAT(taken(omnisandbox_runtime_create(rules, nullptr, nullptr)).message,
              HasSubstr("`runtime` is NULL"));
  Policy other;
  EXPECT_EQ(taken(omnisandbox_policy_parse({nullptr, 7}, {nullptr, 0}, other.out())).kind,
            OMNISANDBOX_ERROR_INVALID_ARGUMENT);
  omnisandbox_explanation_t* explanation = nullptr;
  const int nonsense = std::atoi("9");  // as a program in C could pass it
  EXPECT_EQ(taken(omnisandbox_policy_explain(rules, static_cast<omnisandbox_capability_t>(nonsense),
                                             omnisandbox_text("/"), &explanation))
                .kind,
            OMNISANDBOX_ERROR_INVALID_ARGUMENT);
  omnisandbox_error_free(nullptr);
  omnisandbox_policy_free(nullptr);
  omnisandbox_result_free(nullptr);
}

TEST_F(CApi, APolicyErrorSaysWhere) {
  Policy made;
  const Failure failure =
      taken(omnisandbox_policy_parse(omnisandbox_text("version: 1\ncapabilties: [fs_read]\n"),
                                     omnisandbox_text("p.yaml"), made.out()));
  EXPECT_EQ(failure.kind, OMNISANDBOX_ERROR_INVALID_ARGUMENT);
  EXPECT_THAT(failure.message, HasSubstr("p.yaml:2:1: "));
  EXPECT_EQ(made.get(), nullptr);
}

TEST_F(CApi, ExplainAndNarrow) {
  const Policy rules = policy();
  Policy narrower;
  ASSERT_DONE(omnisandbox_policy_narrow(
      rules, omnisandbox_text("version: 1\ncapabilities: [fs_read]\nallowed_paths: ['*']\n"),
      omnisandbox_text("narrower"), narrower.out()));
  const std::string note = folder + "/open/note.txt";
  const auto allowed = [&](const Policy& which, omnisandbox_capability_t capability) {
    omnisandbox_explanation_t* explanation = nullptr;
    EXPECT_FALSE(
        taken(omnisandbox_policy_explain(which, capability, bytes(note), &explanation)).failed);
    const bool answer = omnisandbox_explanation_allowed(explanation);
    EXPECT_NE(str(omnisandbox_explanation_reason(explanation)), "");
    omnisandbox_explanation_free(explanation);
    return answer;
  };
  EXPECT_TRUE(allowed(rules, OMNISANDBOX_FS_WRITE));
  EXPECT_TRUE(allowed(narrower, OMNISANDBOX_FS_READ));
  EXPECT_FALSE(allowed(narrower, OMNISANDBOX_FS_WRITE));
}

TEST_F(CApi, ARunIsCancelledFromAnotherThread) {
  const Policy rules = policy();
  for (const auto isolation : {OMNISANDBOX_IN_PROCESS, OMNISANDBOX_WORKER}) {
    Settings settings;
    ASSERT_DONE(omnisandbox_settings_create(settings.out()));
    ASSERT_DONE(omnisandbox_settings_set_isolation(settings, isolation));
    Runtime runtime;
    ASSERT_DONE(omnisandbox_runtime_create(rules, settings, runtime.out()));
    Cancellation cancellation;
    ASSERT_DONE(omnisandbox_cancellation_create(cancellation.out()));
    Input input;
    ASSERT_DONE(omnisandbox_input_create(input.out()));
    ASSERT_DONE(omnisandbox_input_set_cancellation(input, cancellation));
    const std::jthread canceller([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      omnisandbox_cancel(cancellation);
    });
    Result result;
    ASSERT_DONE(omnisandbox_runtime_run(runtime, omnisandbox_text(endless), input, result.out()));
    EXPECT_EQ(omnisandbox_result_status(result), OMNISANDBOX_STATUS_CANCELLED);
    ASSERT_NE(omnisandbox_result_error(result), nullptr);
    EXPECT_EQ(omnisandbox_error_kind(omnisandbox_result_error(result)),
              OMNISANDBOX_ERROR_CANCELLED);
    EXPECT_EQ(str(omnisandbox_result_sandbox_kind(result)), "wasm");
    EXPECT_EQ(str(omnisandbox_result_layer(result, 1)),
              isolation == OMNISANDBOX_WORKER ? "wasm:worker" : "wasm:in-process");
  }
}

TEST_F(CApi, ExportedFunctionsTakeAndGiveJson) {
  const Policy rules = policy();
  constexpr const char* add = R"((module (func (export "add") (param i32 i32) (result i32)
    (i32.add (local.get 0) (local.get 1)))))";
  omnisandbox_exports_t* exports = nullptr;
  ASSERT_DONE(omnisandbox_exports_load(rules, omnisandbox_text("add"), omnisandbox_text(add),
                                       nullptr, &exports));
  ASSERT_EQ(omnisandbox_exports_count(exports), 1u);
  EXPECT_EQ(str(omnisandbox_exports_signature(exports, 0)), "add: func(i32, i32) -> i32");
  const omnisandbox_bytes_t arguments[] = {omnisandbox_text("2"), omnisandbox_text("40")};
  Result result;
  ASSERT_DONE(omnisandbox_exports_call(exports, omnisandbox_text("add"), arguments, 2, nullptr,
                                       result.out()));
  omnisandbox_bytes_t value{};
  ASSERT_TRUE(omnisandbox_result_value(result, &value));
  EXPECT_EQ(str(value), "42");
  EXPECT_FALSE(omnisandbox_result_value_is_truncated(result));
  EXPECT_EQ(taken(omnisandbox_exports_call(exports, omnisandbox_text("sub"), arguments, 2, nullptr,
                                           result.out()))
                .kind,
            OMNISANDBOX_ERROR_NOT_FOUND);
  omnisandbox_exports_free(exports);
}

struct Heard {
  std::atomic<int> lines = 0;
  std::atomic<int> released = 0;
  std::string last;
};

void hear(void* user_data, omnisandbox_bytes_t line) {
  auto& heard = *static_cast<Heard*>(user_data);
  heard.last = str(line);
  ++heard.lines;
}

void release(void* user_data) { ++static_cast<Heard*>(user_data)->released; }

TEST_F(CApi, AnAuditLogIsReleasedWhenItsLastUserIsGone) {
  Heard heard;
  {
    const Policy rules = policy("audit_required: true\n");
    Functions functions;
    EXPECT_EQ(taken(omnisandbox_functions_create(rules, nullptr, nullptr, functions.out())).kind,
              OMNISANDBOX_ERROR_UNAVAILABLE);
    {
      Audit audit;
      Settings settings;
      ASSERT_DONE(omnisandbox_audit_call(hear, &heard, release, audit.out()));
      ASSERT_DONE(omnisandbox_settings_create(settings.out()));
      ASSERT_DONE(omnisandbox_settings_set_audit(settings, audit));
      ASSERT_DONE(omnisandbox_functions_create(rules, settings, nullptr, functions.out()));
    }
    EXPECT_EQ(heard.released, 0);
    Buffer content;
    EXPECT_TRUE(taken(omnisandbox_fs_read(functions, bytes(folder + "/closed.txt"), 0, UINT64_MAX,
                                          content.out()))
                    .has_denial);
    EXPECT_EQ(heard.lines, 1);
    EXPECT_THAT(heard.last, HasSubstr("\"answer\":\"denial\""));
  }
  EXPECT_EQ(heard.released, 1);
  omnisandbox_audit_t* none = nullptr;
  EXPECT_TRUE(taken(omnisandbox_audit_call(nullptr, &heard, release, &none)).failed);
  EXPECT_EQ(heard.released, 2);
}

TEST_F(CApi, ACommandIsToldWhatItWasRefused) {
  Policy with_commands;
  const std::string text = "version: 1\ncapabilities: [exec_run, fs_read]\nallowed_paths: [" +
                           folder + "/open]\nallowed_commands: [cat]\ntimeout: 20s\n";
  ASSERT_DONE(omnisandbox_policy_parse(bytes(text), omnisandbox_text("test"), with_commands.out()));
  ProcessSandbox sandbox;
  ASSERT_DONE(omnisandbox_process_sandbox_create(with_commands, nullptr, sandbox.out()));
  Input input;
  ASSERT_DONE(omnisandbox_input_create(input.out()));
  ASSERT_DONE(omnisandbox_input_add_argument(input, bytes(folder + "/closed.txt")));
  Result result;
  const Failure unavailable =
      taken(omnisandbox_process_sandbox_run(sandbox, omnisandbox_text("cat"), input, result.out()));
  if (unavailable.kind == OMNISANDBOX_ERROR_UNAVAILABLE) {
    GTEST_SKIP() << unavailable.message;
  }
  ASSERT_FALSE(unavailable.failed) << unavailable.message;
  EXPECT_NE(omnisandbox_result_exit_code(result), 0);
  EXPECT_FALSE(omnisandbox_result_is_explained(result));
  EXPECT_EQ(omnisandbox_result_kept_refusal_count(result), 0u);

  ASSERT_DONE(omnisandbox_input_set_explain(input, true));
  ASSERT_DONE(
      omnisandbox_process_sandbox_run(sandbox, omnisandbox_text("cat"), input, result.out()));
  ASSERT_TRUE(omnisandbox_result_is_explained(result));
  ASSERT_EQ(omnisandbox_result_kept_refusal_count(result), 1u);
  EXPECT_EQ(omnisandbox_result_refusal_count(result), 1u);
  EXPECT_FALSE(omnisandbox_result_refusals_are_cut(result));
  const omnisandbox_refusal_t* refusal = omnisandbox_result_refusal(result, 0);
  EXPECT_STREQ(omnisandbox_refused_thing_name(omnisandbox_refusal_thing(refusal)), "path");
  EXPECT_EQ(str(omnisandbox_refusal_action(refusal)), "read");
  EXPECT_EQ(str(omnisandbox_refusal_name(refusal)), folder + "/closed.txt");
  EXPECT_EQ(str(omnisandbox_refusal_layer(refusal)), "file view");
  EXPECT_EQ(str(omnisandbox_refusal_rule(refusal)), "");
  EXPECT_THAT(str(omnisandbox_refusal_reason(refusal)), Not(IsEmpty()));
  EXPECT_THAT(str(omnisandbox_refusal_remedy(refusal)), HasSubstr("allowed_paths"));
  EXPECT_EQ(omnisandbox_refusal_count(refusal), 1u);
  EXPECT_EQ(omnisandbox_result_refusal(result, 1), nullptr);
}

bool stop_at_once(void* user_data, omnisandbox_bytes_t) {
  ++*static_cast<int*>(user_data);
  return false;
}

TEST_F(CApi, ARequestIsJudged) {
  const Policy rules = policy();
  Functions functions;
  ASSERT_DONE(omnisandbox_functions_create(rules, nullptr, nullptr, functions.out()));
  omnisandbox_request_t* request = nullptr;
  ASSERT_DONE(omnisandbox_request_create(omnisandbox_text("http://169.254.169.254/"), &request));
  ASSERT_DONE(omnisandbox_request_set_method(request, omnisandbox_text("POST")));
  ASSERT_DONE(
      omnisandbox_request_add_header(request, omnisandbox_text("A"), omnisandbox_text("b")));
  ASSERT_DONE(omnisandbox_request_set_body(request, omnisandbox_text("data")));
  int pieces = 0;
  ASSERT_DONE(omnisandbox_request_set_body_callback(request, stop_at_once, &pieces));
  omnisandbox_response_t* response = nullptr;
  EXPECT_TRUE(taken(omnisandbox_http_fetch(functions, request, &response)).has_denial);
  EXPECT_EQ(response, nullptr);
  EXPECT_EQ(pieces, 0);
  omnisandbox_request_free(request);
}

TEST_F(CApi, ManyThreadsUseOneRuntime) {
  const Policy rules = policy();
  Settings settings;
  ASSERT_DONE(omnisandbox_settings_create(settings.out()));
  ASSERT_DONE(omnisandbox_settings_set_isolation(settings, OMNISANDBOX_IN_PROCESS));
  Runtime runtime;
  ASSERT_DONE(omnisandbox_runtime_create(rules, settings, runtime.out()));
  ASSERT_DONE(omnisandbox_runtime_compile(runtime, omnisandbox_text("nothing"),
                                          omnisandbox_text("(module (func (export \"_start\")))")));
  std::atomic<int> done = 0;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&] {
        for (int run = 0; run < 50; ++run) {
          Result result;
          if (!taken(omnisandbox_runtime_execute(runtime, omnisandbox_text("nothing"), nullptr,
                                                 result.out()))
                   .failed &&
              omnisandbox_result_status(result) == OMNISANDBOX_STATUS_OK) {
            ++done;
          }
        }
      });
    }
  }
  EXPECT_EQ(done, 200);
}

// The parent's objects are not the child's; what the child makes is.
TEST_F(CApi, AForkedChildMakesItsOwn) {
  const Policy rules = policy();
  Runtime runtime;
  ASSERT_DONE(omnisandbox_runtime_create(rules, nullptr, runtime.out()));
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    Result result;
    const bool refused =
        taken(omnisandbox_runtime_run(runtime, omnisandbox_text(endless), nullptr, result.out()))
            .kind == OMNISANDBOX_ERROR_UNAVAILABLE;
    Runtime own;
    const bool ran =
        !taken(omnisandbox_runtime_create(rules, nullptr, own.out())).failed &&
        !taken(omnisandbox_runtime_run(own, omnisandbox_text("(module (func (export \"_start\")))"),
                                       nullptr, result.out()))
             .failed;
    _exit(refused && ran ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
