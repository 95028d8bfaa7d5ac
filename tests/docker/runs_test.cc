#include <thread>

#include "docker/docker_fixture.h"
#include "omnisandbox/docker_session.h"

namespace omnisandbox::docker::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using Clock = std::chrono::steady_clock;

TEST(DockerRun, TheContainerIsHardenedByDefault) {
  auto docker = sandbox(image(), allowing({"sh"}));
  const Result result = must(docker.run_shell(R"(
id
grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status
touch /here 2>&1
echo data > /tmp/file && cat /tmp/file
cat /proc/net/dev | wc -l
cat /.omnisandbox/init > /tmp/x 2>/dev/null && echo init is readable
cat /proc/1/environ 2>&1 | head -c 60
echo to stderr >&2
exit 3)"));
  EXPECT_EQ(result.status, Status::exited) << told(result);
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.stdout_data,
              AllOf(HasSubstr("uid=65534"), HasSubstr("CapEff:\t0000000000000000"),
                    HasSubstr("CapBnd:\t0000000000000000"), HasSubstr("NoNewPrivs:\t1"),
                    HasSubstr("Seccomp:\t2"), HasSubstr("Read-only file system"),
                    HasSubstr("data\n"), HasSubstr("\n3\n"),  // two lines of title, and lo
                    HasSubstr("Permission denied")));
  EXPECT_EQ(result.stderr_data, "to stderr\n");
  EXPECT_EQ(result.sandbox.kind, "docker");
  EXPECT_THAT(result.sandbox.layers, testing::Contains("no network"));
  EXPECT_THAT(result.sandbox.layers, testing::Contains(HasSubstr("sha256:")));
  EXPECT_GT(result.peak_memory_bytes, 0U);
  EXPECT_EQ(containers_left(), 0U);
}

TEST(DockerRun, InputArgumentsAndEnvironmentArriveAsBytesAndStayPrivate) {
  Config config = allowing({"cat", "env", "sh"});
  config.environment = {{"FROM_POLICY", "one"}};
  DockerConfig docker_config = image();
  docker_config.env = {{"FROM_DOCKER", "two"}, {"FROM_POLICY", "zero"}};
  auto docker = sandbox(docker_config, config);
  std::string data(300'000, 'x');
  data[1234] = '\0';
  const Result copied = must(docker.run_with_stdin("cat", {}, data));
  EXPECT_EQ(copied.stdout_data, data);
  // Nobody who may ask the engine sees the secret.
  std::string seen;
  std::string inspected;
  const Result result = must(
      docker.run("sh", {"-c", "env; echo \"$1\"; sleep 0.3", "x", "a b;$(id)`id`\n*"},
                 {.environment = {{"SECRET", "hunter2"}}, .on_stdout = [&](std::string_view piece) {
                    seen += piece;
                    for (const auto& container : our_containers()) {
                      inspected += test_engine().engine().inspect(container.id, soon())->dump();
                    }
                  }}));
  EXPECT_THAT(result.stdout_data,
              AllOf(HasSubstr("FROM_POLICY=one"), HasSubstr("FROM_DOCKER=two"),
                    HasSubstr("SECRET=hunter2"), HasSubstr("a b;$(id)`id`\n*\n")));
  EXPECT_EQ(seen, result.stdout_data);
  EXPECT_THAT(inspected, AllOf(HasSubstr("omnisandbox.owner"), Not(HasSubstr("hunter2"))));
}

TEST(DockerRun, EndingsAreToldAsTheyWere) {
  auto docker = sandbox(image(), allowing({"sh", "missing", "not_a_program", "true"}));
  const Result killed = must(docker.run_shell("kill -TERM $$"));
  EXPECT_EQ(killed.status, Status::exited) << told(killed);
  EXPECT_EQ(killed.exit_code, 128 + 15);
  const Result missing = must(docker.run("missing"));
  EXPECT_EQ(missing.status, Status::failed);
  EXPECT_EQ(missing.exit_code, 127);
  EXPECT_EQ(missing.error->kind, ErrorKind::not_found);
  const Result broken = must(docker.run("not_a_program"));
  EXPECT_EQ(broken.exit_code, 126) << told(broken);
  const Result folder = must(docker.run("true", {}, {.working_dir = "/nowhere"}));
  EXPECT_EQ(folder.exit_code, 126) << told(folder);
  EXPECT_THAT(folder.error->message, HasSubstr("/nowhere"));
  const auto proc = docker.run("true", {}, {.working_dir = "/proc/self/fd/7"});
  ASSERT_FALSE(proc);
  EXPECT_EQ(proc.error().kind, ErrorKind::denied);
}

TEST(DockerRun, AnUnlistedCommandNeverReachesTheEngine) {
  auto docker = sandbox(image(), allowing({"true"}));
  const auto result = docker.run("sh", {"-c", "true"});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::denied);
  DockerConfig config = image("no-such-image:1");
  const auto missing = sandbox(config, allowing({"true"})).run("true");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::not_found);
  EXPECT_EQ(containers_left(), 0U);
}

TEST(DockerRun, ADeadlineEndsEverythingInTheContainer) {
  auto docker = sandbox(image(), allowing({"sh"}));
  const auto start = Clock::now();
  const Result result =
      must(docker.run_shell("trap '' TERM; (setsid sleep 120 &) ; echo begun; sleep 120",
                            {.timeout = milliseconds(6000)}));
  EXPECT_EQ(result.status, Status::timeout) << told(result);
  EXPECT_EQ(result.stdout_data, "begun\n");
  EXPECT_LT(Clock::now() - start, seconds(40));
  EXPECT_EQ(containers_left(), 0U);
}

// A command that writes as long as it lives, while its caller is held up by its first output.
void expect_end_during_callback(const SharedFolder& folder, bool is_stopped, const auto& run,
                                const auto& is_over) {
  folder.write("ticks", "");
  fs::permissions(folder.path() / "ticks", fs::perms(0666));
  std::stop_source stop;
  int calls = 0;
  bool has_ended = false;
  DockerRunOptions options{.stop = stop.get_token(), .on_stdout = [&](std::string_view) {
                             ++calls;
                             if (is_stopped) stop.request_stop();
                             const auto give_up = Clock::now() + seconds(25);
                             for (std::uintmax_t before = 0;
                                  !has_ended && Clock::now() < give_up;) {
                               std::this_thread::sleep_for(milliseconds(600));
                               const auto now = fs::file_size(folder.path() / "ticks");
                               has_ended = now > 0 && now == before && is_over();
                               before = now;
                             }
                           }};
  options.timeout = milliseconds(is_stopped ? 60'000 : 6000);
  const Result result =
      must(run("echo hi; while :; do echo x >> /data/ticks; sleep 0.05; echo more; done",
               std::move(options)));
  EXPECT_TRUE(has_ended);
  EXPECT_EQ(result.status, is_stopped ? Status::cancelled : Status::timeout) << told(result);
  EXPECT_THAT(result.stdout_data, testing::StartsWith("hi\n"));
  EXPECT_EQ(calls, 1);
}

TEST(DockerRun, ACallbackThatBlocksHoldsUpNeitherDeadlineNorStop) {
  SharedFolder folder;
  auto docker = sandbox(mounting(folder.path(), false), opening(folder.path(), true));
  for (const bool is_stopped : {false, true}) {
    expect_end_during_callback(
        folder, is_stopped,
        [&](const char* script, DockerRunOptions options) {
          return docker.run_shell(script, std::move(options));
        },
        [] {
          for (const auto& each : our_containers()) {
            const auto state = test_engine().engine().state(each.id, soon());
            if (state && state->is_running) return false;
          }
          return true;
        });
  }
  EXPECT_EQ(containers_left(), 0U);
  // In a session the command ends, and the next one has the container.
  auto session = docker.open_session({});
  ASSERT_TRUE(session) << session.error().message;
  for (const bool is_stopped : {false, true}) {
    expect_end_during_callback(
        folder, is_stopped,
        [&](const char* script, DockerRunOptions options) {
          return session->run_shell(script, std::move(options));
        },
        [] { return true; });
    EXPECT_EQ(must(session->run_shell("echo next")).stdout_data, "next\n");
  }
}

TEST(DockerRun, AStopLetsTheCommandEndByItself) {
  auto docker = sandbox(image(), allowing({"sh"}));
  std::stop_source stop;
  const Result result = must(docker.run_shell(
      "trap 'echo cleaned up; exit 5' TERM; echo begun; while :; do sleep 0.05; done",
      {.stop = stop.get_token(),
       .on_stdout = [&](std::string_view) { stop.request_stop(); },
       .stop_grace = seconds(20)}));
  EXPECT_THAT(result.stdout_data, HasSubstr("cleaned up")) << told(result);
  EXPECT_EQ(result.exit_code, 5);
}

TEST(DockerRun, ABackgroundChildDoesNotHoldTheEnd) {
  auto docker = sandbox(image(), allowing({"sh"}));
  const auto start = Clock::now();
  const Result result = must(docker.run_shell("(setsid sleep 50 &) ; echo done"));
  EXPECT_EQ(result.status, Status::ok) << told(result);
  EXPECT_EQ(result.stdout_data, "done\n");
  EXPECT_LT(Clock::now() - start, seconds(45));
}

TEST(DockerRun, OutputIsBoundedAndCounted) {
  Config config = allowing({"sh"});
  config.max_output_bytes = 10'000;
  auto docker = sandbox(image(), config);
  const Result result = must(docker.run_shell(
      "echo first; dd if=/dev/zero bs=1M count=60 2>/dev/null; echo last; echo error >&2"));
  EXPECT_EQ(result.status, Status::ok) << told(result);
  EXPECT_TRUE(result.stdout_truncated);
  EXPECT_EQ(result.stdout_bytes, 60U * 1024 * 1024 + 11);
  EXPECT_LE(result.stdout_data.size(), 10'000U);
  EXPECT_TRUE(result.stdout_data.starts_with("first\n"));
  EXPECT_TRUE(result.stdout_data.ends_with("last\n"));
  EXPECT_FALSE(result.stderr_truncated);
  EXPECT_EQ(result.stderr_data, "error\n");
}

TEST(DockerRun, MemoryAndProcessLimitsAreToldAsSuch) {
  DockerConfig config = image();
  config.memory_limit = 24 * 1024 * 1024;
  config.pids_limit = 20;
  auto docker = sandbox(config, allowing({"sh"}));
  const Result memory = must(docker.run_shell("tail /dev/zero; echo survived"));
  EXPECT_EQ(memory.status, Status::memory_limit) << told(memory);
  EXPECT_EQ(memory.error->kind, ErrorKind::memory);
  const Result bomb = must(docker.run_shell("b() { b | b & }; b; sleep 1", {}));
  EXPECT_EQ(bomb.status, Status::process_limit) << told(bomb);
  EXPECT_EQ(containers_left(), 0U);
}

TEST(DockerRun, CpuTimeIsLimited) {
  Config config = allowing({"sh"});
  config.cpu_time_limit = milliseconds(300);
  const Result result = must(sandbox(image(), config).run_shell("while :; do :; done"));
  EXPECT_EQ(result.status, Status::timeout) << told(result);
  EXPECT_THAT(result.error->message, HasSubstr("CPU time"));
}

TEST(DockerRun, AContainerThatSomebodyElseEndsIsToldAsSuch) {
  auto docker = sandbox(image(), allowing({"sh"}));
  const auto result = docker.run_shell(
      "echo begun; sleep 60", {.on_stdout = [](std::string_view) {
        for (const auto& each : our_containers()) {
          EXPECT_TRUE(test_engine().engine().send_signal(each.id, "SIGKILL", soon()));
        }
      }});
  const Result ended = must(result);
  EXPECT_EQ(ended.status, Status::failed) << told(ended);
  EXPECT_THAT(ended.error->message, HasSubstr("ended from outside"));
}

TEST(DockerRun, SurprisesOfAnImageAreNeutralised) {
  test_engine().make_image("surprising:1", "VOLUME /data");
  test_engine().make_image("surprising:2", "ENTRYPOINT [\"/bin/echo\", \"entry point\"]");
  test_engine().make_image("surprising:3", "WORKDIR /proc/self/fd/7");
  test_engine().make_image("surprising:4", "VOLUME /proc/here");
  const Config config = allowing({"sh", "true"});
  const Result volume =
      must(sandbox(image("surprising:1"), config).run_shell("grep ' /data ' /proc/mounts; exit 0"));
  EXPECT_THAT(volume.stdout_data, HasSubstr("tmpfs /data tmpfs")) << told(volume);
  const auto volumes = test_engine().engine().call_json({.target = "/volumes"}, soon(), "list");
  ASSERT_TRUE(volumes);
  EXPECT_TRUE((*volumes)["Volumes"].empty()) << volumes->dump();
  const Result entry = must(sandbox(image("surprising:2"), config).run_shell("echo mine"));
  EXPECT_EQ(entry.stdout_data, "mine\n");
  const auto folder = sandbox(image("surprising:3"), config).run("true");
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().kind, ErrorKind::denied);
  const auto place = sandbox(image("surprising:4"), config).run("true");
  ASSERT_FALSE(place);
  EXPECT_EQ(place.error().kind, ErrorKind::denied);
}

TEST(DockerRun, SeveralRunAtOnce) {
  auto docker = sandbox(image(), allowing({"echo"}));
  std::vector<std::jthread> threads;
  std::array<std::string, 6> outputs;
  for (std::size_t index = 0; index < outputs.size(); ++index) {
    threads.emplace_back([&, index] {
      outputs[index] = must(docker.run("echo", {std::to_string(index)})).stdout_data;
    });
  }
  threads.clear();
  for (std::size_t index = 0; index < outputs.size(); ++index) {
    EXPECT_EQ(outputs[index], std::to_string(index) + "\n");
  }
  EXPECT_EQ(containers_left(), 0U);
}

}  // namespace
}  // namespace omnisandbox::docker::test
