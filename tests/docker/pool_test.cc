#include <algorithm>
#include <thread>

#include "docker/docker_fixture.h"
#include "docker/owner.h"

namespace omnisandbox::docker::test {
namespace {

using testing::HasSubstr;
using testing::Not;
using Clock = std::chrono::steady_clock;

TEST(DockerPool, EachWaitingContainerServesOneRunAndNothingIsLeft) {
  {
    auto docker = sandbox(image(), allowing({"sh"}), {.warm_containers = 2});
    ASSERT_TRUE(wait_for_running(2));
    const auto start = Clock::now();
    const Result first = must(docker.run_shell("echo state > /tmp/left; echo $NAME; exit 4",
                                               {.environment = {{"NAME", "first"}}}));
    const auto warm = Clock::now() - start;
    EXPECT_EQ(first.exit_code, 4) << told(first);
    EXPECT_EQ(first.stdout_data, "first\n");
    const Result second = must(docker.run_with_stdin("sh", {}, "cat /tmp/left; echo $NAME; cat"));
    EXPECT_THAT(second.stdout_data, Not(HasSubstr("state")));
    EXPECT_THAT(second.stdout_data, Not(HasSubstr("first")));
    // A new one takes many times as long; the figures are the benchmark's.
    const auto cold_start = Clock::now();
    must(sandbox(image(), allowing({"sh"})).run_shell("true"));
    EXPECT_LT(warm, Clock::now() - cold_start);
    EXPECT_TRUE(wait_for_running(2));  // refilled
  }
  EXPECT_EQ(containers_left(), 0U);
}

TEST(DockerPool, WhatChangedOnTheHostIsSeen) {
  SharedFolder folder;
  folder.write("file", "plain");
  auto docker = sandbox(mounting(folder.path()), opening(folder.path()), {.warm_containers = 1});
  ASSERT_TRUE(wait_for_running(1));
  // The waiting container was made before there was a secret to be hidden.
  folder.write(".env", "a secret");
  const Result result = must(docker.run_shell("cat /data/file /data/.env; exit 0"));
  EXPECT_THAT(result.stdout_data, HasSubstr("plain")) << told(result);
  EXPECT_THAT(result.stdout_data, Not(HasSubstr("secret")));
}

TEST(DockerPool, WhatIsHiddenNoMoreInAWaitingContainerIsNotSeen) {
  SharedFolder folder;
  folder.write("file", "plain");
  folder.write("sub/.env", "a secret");
  auto docker = sandbox(mounting(folder.path()), opening(folder.path()), {.warm_containers = 1});
  ASSERT_TRUE(wait_for_running(1));
  folder.replace("sub/.env");
  for (int run = 0; run < 2; ++run) {
    const Result result = must(docker.run_shell("cat /data/file /data/sub/.env; exit 0"));
    EXPECT_THAT(result.stdout_data, HasSubstr("plain")) << told(result);
    EXPECT_THAT(result.stdout_data, Not(HasSubstr("secret")));
    EXPECT_TRUE(wait_for_running(1));  // refilled
  }
}

TEST(DockerPool, AWaitingContainerThatDiedIsReplaced) {
  auto docker = sandbox(image(), allowing({"sh"}), {.warm_containers = 1});
  ASSERT_TRUE(wait_for_running(1));
  for (const auto& each : our_containers()) {
    ASSERT_TRUE(test_engine().engine().send_signal(each.id, "SIGKILL", soon()));
    ASSERT_TRUE(test_engine().engine().wait(each.id, soon()));
  }
  const Result result = must(docker.run_shell("echo served"));
  EXPECT_EQ(result.stdout_data, "served\n") << told(result);
}

TEST(DockerPool, APooledBridgeHasTheRunsOwnProxy) {
  Config config = allowing({"sh"});
  config.capabilities.push_back(Capability::net_http);
  config.allowed_hosts = {"api.example.com"};
  DockerConfig docker_config = image();
  docker_config.network_mode = NetworkMode::bridge;
  auto docker = sandbox(docker_config, config, {.warm_containers = 1});
  ASSERT_TRUE(wait_for_running(1));
  const Result result = must(docker.run_shell("wget -O - http://other.example/; exit 0"));
  EXPECT_EQ(result.denial_count, 1U) << told(result);
  EXPECT_THAT(result.stderr_data, HasSubstr("403"));
}

}  // namespace
}  // namespace omnisandbox::docker::test
