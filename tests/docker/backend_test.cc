#include "base/random_id.h"
#include "docker/docker_fixture.h"
#include "runner/docker_backend.h"

namespace omnisandbox::docker::test {
namespace {

using Clock = std::chrono::steady_clock;

runner::RunRequest request(const std::string& script) {
  return {.sandbox = runner::SandboxKind::docker,
          .target = "sh",
          .args = {"-c", script},
          .deadline = Clock::now() + seconds(60),
          .container = image(),
          .run_id = base::random_id()};
}

TEST(DockerBackend, WhatAPoolHoldsServesTheNextRunOfTheSameRunner) {
  ::setenv("DOCKER_HOST", test_engine().address().c_str(), 1);
  {
    const runner::DockerBackend backend(1);
    const auto policy = Policy::compile(allowing({"sh"}));
    const auto cold_start = Clock::now();
    const runner::RunRequest first = request("echo cold");
    const Result cold = must(backend.run(*policy, first, nullptr));
    const auto cold_time = Clock::now() - cold_start;
    EXPECT_EQ(cold.stdout_data, "cold\n") << told(cold);
    // The first run has told the pool what is wanted.
    for (int tries = 0; tries < 3000; ++tries) {
      bool is_running = false;
      for (const auto& each : our_containers()) {
        const auto state = test_engine().engine().state(each.id, soon());
        is_running = is_running || (state && state->is_running &&
                                    each.labels.at("omnisandbox.run") != first.run_id);
      }
      if (is_running) break;
      std::this_thread::sleep_for(milliseconds(20));
    }
    // The engine has it running before its pool has looked it over.
    std::this_thread::sleep_for(milliseconds(200));
    const auto warm_start = Clock::now();
    const Result warm = must(backend.run(*policy, request("echo warm"), nullptr));
    EXPECT_EQ(warm.stdout_data, "warm\n") << told(warm);
    EXPECT_LT(Clock::now() - warm_start, cold_time);
    // Another container is made anew.
    runner::RunRequest other = request("cat /proc/self/limits");
    other.container.pids_limit = 5;
    EXPECT_EQ(must(backend.run(*policy, other, nullptr)).exit_code, 0);
  }
  EXPECT_EQ(containers_left(), 0U);
  ::unsetenv("DOCKER_HOST");
}

TEST(DockerBackend, ARefusalComesBeforeInputIsReadOrAProgramMissed) {
  const runner::DockerBackend backend;
  const auto policy = Policy::compile(allowing({"sh"}));
  runner::RunRequest refused = request("true");
  refused.container.mounts = {{.host_path = "/etc", .container_path = "/data"}};
  refused.read_stdin = []() -> Expected<std::string> {
    ADD_FAILURE() << "input was read";
    return std::string();
  };
  const auto result = backend.run(*policy, refused, nullptr);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::denied);
}

}  // namespace
}  // namespace omnisandbox::docker::test
