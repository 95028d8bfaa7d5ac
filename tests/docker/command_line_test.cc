#include "docker/command_line.h"

#include <sys/prctl.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "docker/docker_fixture.h"
#include "docker/owner.h"

namespace omnisandbox::docker::test {
namespace {

using testing::HasSubstr;

TEST(DockerCommandLine, RunsWithTheImageOrTheDockerSection) {
  SharedFolder folder;
  folder.write("data/file", "mounted content");
  const std::string plain = policy_file(folder, "");
  const Ran ran = omnisandbox_command(
      "run " + plain + "--image test:1 --env A=b -- sh -c 'echo $A; echo problem >&2; exit 7'");
  EXPECT_EQ(ran.code, 7) << ran.output;
  EXPECT_THAT(ran.output, testing::AllOf(HasSubstr("b\n"), HasSubstr("problem\n")));
  EXPECT_EQ(omnisandbox_command("run " + plain + "--image test:1 -- missing").code, 127);
  EXPECT_EQ(omnisandbox_command("run " + plain + "--image none:1 -- sh -c true").code, 127);
  EXPECT_EQ(omnisandbox_command("run " + plain + "--image test:1 -- cat /etc/passwd").code, 126);
  EXPECT_EQ(
      omnisandbox_command("run " + plain + "--image test:1 --network bridge -- sh -c true").code,
      126);

  const std::string data = (folder.path() / "data").string();
  const std::string mounted =
      policy_file(folder, "allowed_paths: [" + data +
                              "]\ndocker:\n  image: test:1\n  mounts:\n    - {host_path: " + data +
                              ", container_path: /data}\n");
  const Ran report =
      omnisandbox_command("run " + mounted + "--sandbox docker --json -- sh -c 'cat /data/file'");
  const auto json = nlohmann::json::parse(report.output);
  EXPECT_EQ(json["status"], "ok") << report.output;
  EXPECT_EQ(json["stdout"], "mounted content");
  EXPECT_EQ(json["sandbox"]["kind"], "docker");

  // Refused before an engine is looked for.
  const std::string refused = policy_file(
      folder, "docker: {image: \"test:1\", mounts: [{host_path: /etc, container_path: /data}]}\n");
  const Ran denied = omnisandbox_command("run " + refused + "--sandbox docker -- sh -c true");
  EXPECT_EQ(denied.code, 126) << denied.output;
  const std::string wrong = policy_file(folder, "docker: {image: \"test:1\", privileged: true}\n");
  EXPECT_EQ(omnisandbox_command("run " + wrong + "--sandbox docker -- sh -c true").code, 2);
  EXPECT_EQ(containers_left(), 0U);
}

TEST(DockerCommandLine, AnAgentRunsCommandsInContainers) {
  SharedFolder folder;
  const std::string policy = policy_file(folder, "docker: {image: \"test:1\"}\n");
  const auto call = [](int id, const std::string& command) {
    return R"({"jsonrpc":"2.0","id":)" + std::to_string(id) +
           R"(,"method":"tools/call","params":{"name":"run_container","arguments":{"command":")" +
           command + R"(","args":["-c","cat /etc/hostname; echo inside"]}}})" + "\n";
  };
  folder.write("ask.jsonl", R"({"jsonrpc":"2.0","id":1,"method":"initialize",)"
                            R"("params":{"protocolVersion":"2025-11-25","capabilities":{}}})"
                            "\n"
                            R"({"jsonrpc":"2.0","id":2,"method":"tools/list"})"
                            "\n" +
                                call(3, "sh") + call(4, "cat"));
  // Its input stays open until it has answered, in whatever order, as that of an agent does.
  const std::string answers = (folder.path() / "answers").string();
  const std::string asking =
      "(cat " + (folder.path() / "ask.jsonl").string() + "; while ! grep -q '\"id\":3' " + answers +
      " 2> /dev/null || ! grep -q '\"id\":4' " + answers + " 2> /dev/null; do sleep 0.05; done) | ";
  const auto serve = [&](const std::string& engine) {
    fs::remove(answers);
    const Ran ran = omnisandbox_command("mcp " + policy + "> " + answers, engine, asking);
    return Ran{.code = ran.code, .output = ran.output + folder.read("answers")};
  };
  const Ran ran = serve(test_engine().address());
  EXPECT_EQ(ran.code, 0) << ran.output;
  EXPECT_THAT(ran.output,
              testing::AllOf(HasSubstr("container of the image test:1"), HasSubstr("inside\\n"),
                             HasSubstr(R"("kind":"docker")"), HasSubstr("denied: exec_run cat")));
  EXPECT_EQ(containers_left(), 0U);
  // Without an engine it is not offered, and says why.
  const Ran without = serve("unix:///nonexistent");
  EXPECT_THAT(without.output, HasSubstr("run_container is not offered: "));
  EXPECT_THAT(without.output, HasSubstr("there is no tool \\\"run_container\\\""));
}

TEST(DockerCommandLine, AutomaticSaysWhyAndPullingOnlyNarrows) {
  SharedFolder folder;
  const std::string plain = policy_file(folder, "");
  const Ran told =
      omnisandbox_command("run " + plain + "--sandbox auto --image test:1 -- sh -c 'echo out'");
  EXPECT_EQ(told.code, 0) << told.output;
  EXPECT_THAT(told.output,
              testing::AllOf(HasSubstr("omnisandbox: sandbox docker: "), HasSubstr("out\n")));
  const auto report = nlohmann::json::parse(
      omnisandbox_command("run " + plain + "--sandbox auto --json --image test:1 -- sh -c true")
          .output);
  EXPECT_EQ(report["sandbox"]["kind"], "docker");
  EXPECT_THAT(report["sandbox"]["reason"].get<std::string>(), HasSubstr("dependencies"));
  // What was not asked for is not told.
  const auto usual = nlohmann::json::parse(
      omnisandbox_command("run " + plain + "--json --image test:1 -- sh -c true").output);
  EXPECT_FALSE(usual["sandbox"].contains("reason"));
  // Without an engine there is nothing that would do.
  const Ran nothing =
      omnisandbox_command("run " + plain + "--sandbox auto --image test:1 -- sh -c true",
                          "unix:///tmp/omnisandbox-no-engine.sock");
  EXPECT_EQ(nothing.code, 125) << nothing.output;
  EXPECT_THAT(nothing.output, HasSubstr("no container engine answers"));

  const Ran wider =
      omnisandbox_command("run " + plain + "--image 127.0.0.1:9/x:1 --pull missing -- sh -c true");
  EXPECT_EQ(wider.code, 2) << wider.output;
  EXPECT_THAT(wider.output, HasSubstr("pull: missing"));
  // Nobody listens there; with --pull never, nobody asks.
  const std::string fetching =
      policy_file(folder, "docker: {image: \"127.0.0.1:9/x:1\", pull: missing}\n");
  const Ran unreachable = omnisandbox_command("run " + fetching + "--sandbox docker -- sh -c true");
  EXPECT_EQ(unreachable.code, 125) << unreachable.output;
  EXPECT_THAT(unreachable.output, HasSubstr("cannot fetch the image 127.0.0.1:9/x:1"));
  const Ran narrowed =
      omnisandbox_command("run " + fetching + "--sandbox docker --pull never -- sh -c true");
  EXPECT_EQ(narrowed.code, 127) << narrowed.output;
  EXPECT_EQ(omnisandbox_command("run " + plain + "--pull never -- true").code, 2);
}

TEST(DockerCommandLine, FilesAreCopiedAroundACommand) {
  SharedFolder folder;
  folder.write("in/data", "from this machine");
  folder.write("closed/data", "never");
  fs::create_directories(folder.path() / "out");
  folder.write("policy.yaml",
               "version: 1\ncapabilities: [exec_run, fs_read, fs_write]\n"
               "allowed_commands: [sh]\nallowed_paths:\n  - {path: " +
                   (folder.path() / "in").string() + ", access: read}\n  - {path: " +
                   (folder.path() / "out").string() + ", access: read_write}\n");
  const std::string start = "cd " + folder.path().string() + " && ";
  const auto run = [&](const std::string& copies, const std::string& script) {
    return omnisandbox_command(
        "run --policy policy.yaml --image test:1 " + copies + " -- sh -c '" + script + "'",
        test_engine().address(), start);
  };
  // Relative to the working folder, as all paths of the command line.
  const Ran ran = run("--copy-in in:/tmp/work --copy-out /tmp/work/made:out/made",
                      "cat /tmp/work/data; mkdir /tmp/work/made; echo result > /tmp/work/made/x; "
                      "exit 4");
  EXPECT_EQ(ran.code, 4) << ran.output;
  EXPECT_EQ(ran.output, "from this machine");
  EXPECT_EQ(folder.read("out/made/x"), "result\n");
  const Ran denied = run("--copy-in closed:/tmp/work", "echo it ran");
  EXPECT_EQ(denied.code, 126) << denied.output;
  EXPECT_THAT(denied.output, testing::Not(HasSubstr("it ran")));
  const Ran kept = run("--copy-out /tmp/x:closed/data", "echo x > /tmp/x; echo it ran");
  EXPECT_EQ(kept.code, 126) << kept.output;
  EXPECT_THAT(kept.output, testing::AllOf(HasSubstr("it ran"), HasSubstr("closed/data is denied")));
  EXPECT_EQ(folder.read("closed/data"), "never");
  EXPECT_EQ(run("--copy-in in", "true").code, 2);
  EXPECT_EQ(omnisandbox_command("run --copy-in a:/b -- true").code, 2);
  EXPECT_EQ(containers_left(), 0U);
}

TEST(DockerCommandLine, AfterAKillEverythingInTheContainerEndsAndTheNextRunRemovesIt) {
  SharedFolder folder;
  const std::string policy = policy_file(folder, "");
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::setenv("DOCKER_HOST", test_engine().address().c_str(), 1);
    ::execl(OMNISANDBOX_COMMAND, "omnisandbox", "run", "--policy",
            (folder.path() / "policy.yaml").c_str(), "--image", "test:1", "--", "sh", "-c",
            "sleep 50", static_cast<char*>(nullptr));
    ::_exit(127);
  }
  Engine& engine = test_engine().engine();
  const auto running = [&]() -> std::string {
    for (const auto& each : our_containers()) {
      const auto state = engine.state(each.id, soon());
      if (state && state->is_running) return each.id;
    }
    return {};
  };
  std::string id;
  for (int tries = 0; tries < 1500 && id.empty(); ++tries) {
    std::this_thread::sleep_for(milliseconds(20));
    id = running();
  }
  ASSERT_FALSE(id.empty());
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  for (int tries = 0; tries < 500 && !running().empty(); ++tries) {
    std::this_thread::sleep_for(milliseconds(20));
  }
  EXPECT_TRUE(running().empty());
  // What is left of it names an owner that is gone, and any later run removes it.
  for (const auto& each : our_containers()) {
    EXPECT_EQ(is_alive(each.labels.at("omnisandbox.owner")), false);
  }
  const auto swept = std::chrono::steady_clock::now();
  EXPECT_EQ(omnisandbox_command("run " + policy + "--image test:1 -- sh -c true").code, 0);
  EXPECT_EQ(containers_left(), 0U);
  EXPECT_LT(std::chrono::steady_clock::now() - swept, seconds(10));
  EXPECT_EQ(is_alive(own_identity()), true);
}

}  // namespace
}  // namespace omnisandbox::docker::test
