// Containers through omnisandbox.h alone, in the engine that DOCKER_HOST names.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "c_api/test_handles.h"

namespace {

using namespace omnisandbox::c_api::test;
using testing::HasSubstr;
using testing::StartsWith;

void add_to(void* text, omnisandbox_bytes_t piece) {
  static_cast<std::string*>(text)->append(piece.data, piece.size);
}

void cancel(void* cancellation, omnisandbox_bytes_t) {
  omnisandbox_cancel(static_cast<omnisandbox_cancellation_t*>(cancellation));
}

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

class CDocker : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = "/tmp/c-docker-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    std::filesystem::permissions(folder_, std::filesystem::perms(0755));
    std::filesystem::create_directories(folder_ / "in");
    std::filesystem::create_directories(folder_ / "out");
    std::ofstream(folder_ / "in/note.txt") << "a note";
    std::ofstream(folder_ / "secret.txt") << "a secret";
    ASSERT_DONE(omnisandbox_settings_create(settings_.out()));
    ASSERT_DONE(
        omnisandbox_settings_set_engine(settings_, omnisandbox_text(::getenv("DOCKER_HOST"))));
    parse(policy_.out(), "docker: {image: 'test:1'}\n");
    ASSERT_DONE(omnisandbox_input_create(input_.out()));
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void parse(omnisandbox_policy_t** policy, const std::string& more) const {
    const std::string text =
        "version: 1\ncapabilities: [exec_run, fs_read, fs_write]\n"
        "allowed_commands: [cat, sh]\ntimeout: 60s\nallowed_paths:\n"
        "- {path: " +
        (folder_ / "in").string() +
        ", access: read}\n"
        "- {path: " +
        (folder_ / "out").string() + ", access: read_write}\n" + more;
    ASSERT_DONE(omnisandbox_policy_parse(bytes(text), omnisandbox_text("policy"), policy));
  }

  Failure create(const Policy& policy, const std::string& docker, DockerSandbox& sandbox) const {
    return taken(
        omnisandbox_docker_sandbox_create(policy, bytes(docker), settings_, sandbox.out()));
  }

  void make(DockerSandbox& sandbox) const {
    const Failure failure = create(policy_, "", sandbox);
    ASSERT_FALSE(failure.failed) << failure.message;
  }

  std::filesystem::path folder_;
  Settings settings_;
  Policy policy_;
  Input input_;
};

TEST_F(CDocker, ACommandRunsWithItsInputAndTellsItsImage) {
  DockerSandbox sandbox;
  make(sandbox);
  std::string heard;
  std::string errors;
  struct Both {
    std::string* out;
    std::string* err;
  } both{&heard, &errors};
  ASSERT_DONE(omnisandbox_input_add_argument(input_, omnisandbox_text("-c")));
  ASSERT_DONE(omnisandbox_input_add_argument(
      input_, omnisandbox_text("cat; echo \"$NAME\"; pwd; echo error >&2; exit 3")));
  ASSERT_DONE(omnisandbox_input_set_stdin(input_, omnisandbox_text("typed\n")));
  ASSERT_DONE(omnisandbox_input_add_environment(input_, omnisandbox_text("NAME"),
                                                omnisandbox_text("value")));
  ASSERT_DONE(omnisandbox_input_set_working_dir(input_, omnisandbox_text("/tmp")));
  ASSERT_DONE(omnisandbox_input_set_output(
      input_,
      [](void* data, omnisandbox_bytes_t piece) { add_to(static_cast<Both*>(data)->out, piece); },
      [](void* data, omnisandbox_bytes_t piece) { add_to(static_cast<Both*>(data)->err, piece); },
      &both));
  Result result;
  ASSERT_DONE(
      omnisandbox_docker_sandbox_run(sandbox, omnisandbox_text("sh"), input_, result.out()));
  EXPECT_EQ(omnisandbox_result_status(result), OMNISANDBOX_STATUS_EXITED);
  EXPECT_EQ(omnisandbox_result_exit_code(result), 3);
  EXPECT_EQ(str(omnisandbox_result_stdout(result)), "typed\nvalue\n/tmp\n");
  EXPECT_EQ(heard, "typed\nvalue\n/tmp\n");
  EXPECT_EQ(errors, "error\n");
  EXPECT_EQ(str(omnisandbox_result_sandbox_kind(result)), "docker");
  EXPECT_THAT(str(omnisandbox_result_image(result)), StartsWith("sha256:"));
  Buffer image;
  ASSERT_DONE(omnisandbox_docker_sandbox_prepare_image(sandbox, nullptr, image.out()));
  EXPECT_EQ(str(omnisandbox_buffer_bytes(image)), str(omnisandbox_result_image(result)));
}

TEST_F(CDocker, WhatThePolicyRefusesDoesNotRun) {
  DockerSandbox sandbox;
  make(sandbox);
  Result result;
  omnisandbox_error_t* error =
      omnisandbox_docker_sandbox_run(sandbox, omnisandbox_text("id"), nullptr, result.out());
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(result.get(), nullptr);
  EXPECT_EQ(omnisandbox_error_kind(error), OMNISANDBOX_ERROR_DENIED);
  const omnisandbox_denial_t* denial = omnisandbox_error_denial(error);
  ASSERT_NE(denial, nullptr);
  EXPECT_EQ(omnisandbox_denial_capability(denial), OMNISANDBOX_EXEC_RUN);
  EXPECT_EQ(str(omnisandbox_denial_resource(denial)), "id");
  EXPECT_THAT(str(omnisandbox_denial_remedy(denial)), HasSubstr("allowed_commands"));
  omnisandbox_error_free(error);
  // The container is the policy's to judge, too, and nothing is looked away from.
  DockerSandbox other;
  EXPECT_TRUE(create(policy_, "version: 1\ndocker: {image: 'test:1', network_mode: bridge}", other)
                  .has_denial);
  EXPECT_TRUE(create(policy_,
                     "version: 1\ndocker: {image: 'test:1', mounts: [{host_path: " +
                         (folder_ / "secret.txt").string() + ", container_path: /s}]}",
                     other)
                  .has_denial);
  EXPECT_EQ(other.get(), nullptr);
  const Failure more =
      create(policy_, "version: 1\ncapabilities: [net_http]\ndocker: {image: 'test:1'}", other);
  EXPECT_EQ(more.kind, OMNISANDBOX_ERROR_INVALID_ARGUMENT);
  EXPECT_THAT(more.message, HasSubstr("docker:2:1: `capabilities`"));
  EXPECT_EQ(create(policy_, "version: 1\n", other).kind, OMNISANDBOX_ERROR_INVALID_ARGUMENT);
  EXPECT_THAT(create(policy_, "version: 1\ndocker: {imag: x}", other).message,
              HasSubstr("docker:2:"));
  Policy without;
  parse(without.out(), "");
  EXPECT_THAT(create(without, "", other).message, HasSubstr("no `docker:` section"));
  ASSERT_FALSE(create(without, "version: 1\ndocker: {image: 'no-such-image:1'}", other).failed);
  EXPECT_EQ(
      taken(omnisandbox_docker_sandbox_run(other, omnisandbox_text("cat"), nullptr, result.out()))
          .kind,
      OMNISANDBOX_ERROR_NOT_FOUND);
}

TEST_F(CDocker, ANarrowerPolicyKeepsTheContainerOrHasAnother) {
  const std::string narrow = "version: 1\ncapabilities: [exec_run]\nallowed_commands: [cat]\n";
  Policy same;
  ASSERT_DONE(omnisandbox_policy_narrow(policy_, bytes(narrow), omnisandbox_text("n"), same.out()));
  DockerSandbox sandbox;
  ASSERT_FALSE(create(same, "", sandbox).failed);
  Result result;
  ASSERT_DONE(
      omnisandbox_docker_sandbox_run(sandbox, omnisandbox_text("cat"), nullptr, result.out()));
  EXPECT_EQ(omnisandbox_result_status(result), OMNISANDBOX_STATUS_OK);
  EXPECT_TRUE(taken(omnisandbox_docker_sandbox_run_shell(sandbox, omnisandbox_text("true"), nullptr,
                                                         result.out()))
                  .has_denial);
  Policy other;
  ASSERT_DONE(omnisandbox_policy_narrow(policy_,
                                        bytes(narrow + "docker: {image: 'no-such-image:1'}\n"),
                                        omnisandbox_text("n"), other.out()));
  ASSERT_FALSE(create(other, "", sandbox).failed);
  EXPECT_EQ(
      taken(omnisandbox_docker_sandbox_run(sandbox, omnisandbox_text("cat"), nullptr, result.out()))
          .kind,
      OMNISANDBOX_ERROR_NOT_FOUND);
}

TEST_F(CDocker, ARunIsCancelledFromACallback) {
  DockerSandbox sandbox;
  make(sandbox);
  Cancellation cancellation;
  ASSERT_DONE(omnisandbox_cancellation_create(cancellation.out()));
  ASSERT_DONE(omnisandbox_input_set_cancellation(input_, cancellation));
  ASSERT_DONE(omnisandbox_input_set_output(input_, cancel, nullptr, cancellation.get()));
  Result result;
  const auto start = std::chrono::steady_clock::now();
  ASSERT_DONE(omnisandbox_docker_sandbox_run_shell(
      sandbox, omnisandbox_text("echo begun; sleep 100"), input_, result.out()));
  EXPECT_EQ(omnisandbox_result_status(result), OMNISANDBOX_STATUS_CANCELLED);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30));
  // With a time of grace the command ends by itself.
  ASSERT_DONE(omnisandbox_cancellation_create(cancellation.out()));
  ASSERT_DONE(omnisandbox_input_set_cancellation(input_, cancellation));
  ASSERT_DONE(omnisandbox_input_set_output(input_, cancel, nullptr, cancellation.get()));
  ASSERT_DONE(omnisandbox_input_set_stop_grace(input_, 20'000));
  ASSERT_DONE(omnisandbox_docker_sandbox_run_shell(
      sandbox, omnisandbox_text("trap 'exit 5' TERM; echo begun; while :; do sleep 0.05; done"),
      input_, result.out()));
  EXPECT_EQ(omnisandbox_result_exit_code(result), 5);
}

TEST_F(CDocker, ASessionKeepsFilesAndCopiesWhatThePolicyOpens) {
  DockerSandbox sandbox;
  make(sandbox);
  DockerSession session;
  ASSERT_DONE(omnisandbox_docker_session_open(sandbox, 0, nullptr, session.out()));
  sandbox.out();  // the session outlives it
  omnisandbox_copied_files_t copied;
  ASSERT_DONE(omnisandbox_docker_session_copy_in(session, bytes((folder_ / "in").string()),
                                                 omnisandbox_text("/tmp/in"), &copied));
  EXPECT_EQ(copied.files, 1u);
  EXPECT_EQ(copied.bytes, 6u);
  Result result;
  ASSERT_DONE(omnisandbox_docker_session_run_shell(
      session, omnisandbox_text("cat /tmp/in/note.txt; echo made > /tmp/made"), nullptr,
      result.out()));
  EXPECT_EQ(str(omnisandbox_result_stdout(result)), "a note");
  ASSERT_DONE(omnisandbox_input_add_argument(input_, omnisandbox_text("/tmp/made")));
  ASSERT_DONE(
      omnisandbox_docker_session_run(session, omnisandbox_text("cat"), input_, result.out()));
  EXPECT_EQ(str(omnisandbox_result_stdout(result)), "made\n");
  EXPECT_THAT(str(omnisandbox_result_image(result)), StartsWith("sha256:"));
  ASSERT_DONE(omnisandbox_docker_session_copy_out(session, omnisandbox_text("/tmp/made"),
                                                  bytes((folder_ / "out/made").string()), nullptr));
  EXPECT_EQ(content_of(folder_ / "out/made"), "made\n");
  EXPECT_TRUE(
      taken(omnisandbox_docker_session_copy_in(session, bytes((folder_ / "secret.txt").string()),
                                               omnisandbox_text("/tmp/secret"), &copied))
          .has_denial);
  EXPECT_EQ(copied.files, 0u);
  EXPECT_TRUE(
      taken(omnisandbox_docker_session_copy_out(session, omnisandbox_text("/tmp/made"),
                                                bytes((folder_ / "in/made").string()), &copied))
          .has_denial);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "in/made"));
  EXPECT_TRUE(omnisandbox_docker_session_is_open(session));
  ASSERT_DONE(omnisandbox_docker_session_close(session));
  EXPECT_FALSE(omnisandbox_docker_session_is_open(session));
  ASSERT_DONE(omnisandbox_docker_session_close(session));
  EXPECT_EQ(
      taken(omnisandbox_docker_session_run(session, omnisandbox_text("cat"), nullptr, result.out()))
          .kind,
      OMNISANDBOX_ERROR_UNAVAILABLE);
}

TEST_F(CDocker, ASingleRunTakesCopiesAndASessionHasATimeToLive) {
  DockerSandbox sandbox;
  make(sandbox);
  ASSERT_DONE(omnisandbox_input_add_copy_in(input_, bytes((folder_ / "in/note.txt").string()),
                                            omnisandbox_text("/tmp/note")));
  ASSERT_DONE(omnisandbox_input_add_copy_out(input_, omnisandbox_text("/tmp/answer"),
                                             bytes((folder_ / "out/answer").string())));
  Result result;
  ASSERT_DONE(omnisandbox_docker_sandbox_run_shell(
      sandbox, omnisandbox_text("cat /tmp/note > /tmp/answer; echo ! >> /tmp/answer"), input_,
      result.out()));
  EXPECT_EQ(omnisandbox_result_status(result), OMNISANDBOX_STATUS_OK);
  EXPECT_EQ(content_of(folder_ / "out/answer"), "a note!\n");
  DockerSession session;
  EXPECT_EQ(
      taken(omnisandbox_docker_session_open(sandbox, UINT64_MAX, nullptr, session.out())).kind,
      OMNISANDBOX_ERROR_INVALID_ARGUMENT);
  ASSERT_DONE(omnisandbox_docker_session_open(sandbox, 1000, nullptr, session.out()));
  const Failure late = taken(omnisandbox_docker_session_run_shell(
      session, omnisandbox_text("sleep 100"), nullptr, result.out()));
  EXPECT_TRUE(late.failed || omnisandbox_result_status(result) == OMNISANDBOX_STATUS_TIMEOUT)
      << late.message;
}

TEST_F(CDocker, AnEngineThatIsNotThereIsTold) {
  ASSERT_DONE(
      omnisandbox_settings_set_engine(settings_, omnisandbox_text("unix:///nowhere/engine.sock")));
  DockerSandbox sandbox;
  make(sandbox);
  Result result;
  const Failure failure = taken(
      omnisandbox_docker_sandbox_run(sandbox, omnisandbox_text("cat"), nullptr, result.out()));
  EXPECT_EQ(failure.kind, OMNISANDBOX_ERROR_UNAVAILABLE);
  EXPECT_THAT(failure.message, HasSubstr("/nowhere/engine.sock"));
  ASSERT_DONE(omnisandbox_settings_set_container_init_program(settings_,
                                                              omnisandbox_text("/nowhere/init")));
  EXPECT_EQ(create(policy_, "", sandbox).kind, OMNISANDBOX_ERROR_UNAVAILABLE);
}

}  // namespace
