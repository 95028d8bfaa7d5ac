#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string_view>

#include "base/test_effort.h"
#include "docker/docker_fixture.h"

namespace omnisandbox::docker::test {
namespace {
std::optional<TestEngine> the_engine;
}
TestEngine& test_engine() { return *the_engine; }

// What images, the command line and records do is the same code for both engines, and each of these
// takes a second or two.
constexpr const char* podman_quick =
    "DockerMounts.AReadOnly*:DockerMounts.AWritable*:DockerPool.Each*:DockerRun.TheContainer*:"
    "DockerRun.Endings*:DockerRun.ADeadline*:DockerSession.Files*:DockerCopy.Files*";
constexpr const char* podman_thorough =
    "DockerMounts.*:DockerNetwork.*:DockerPool.*:DockerRun.*:DockerSession.*:DockerCopy.*:"
    "DockerImages.AnArchive*:DockerCommandLine.AfterAKill*";
}  // namespace omnisandbox::docker::test

int main(int argument_count, char** arguments) {
  ::testing::InitGoogleTest(&argument_count, arguments);
  if (::testing::GTEST_FLAG(list_tests)) {
    return RUN_ALL_TESTS();  // a list needs no engine
  }
  if (::geteuid() != 0) {
    // A daemon for a user needs set-up that a test must not make (subuid ranges, newuidmap).
    std::puts("SKIPPED: the tests with a real container engine start dockerd, which needs root");
    return 0;
  }
  const bool is_podman = argument_count > 1 && std::string_view(arguments[1]) == "--podman";
  if (is_podman && ::system("command -v podman > /dev/null") != 0) {
    std::puts("SKIPPED: there is no Podman; scripts/install_dependencies.sh installs it");
    return 0;
  }
  namespace test = omnisandbox::docker::test;
  if (is_podman && ::testing::GTEST_FLAG(filter) == "*") {
    ::testing::GTEST_FLAG(filter) =
        omnisandbox::test::is_thorough() ? test::podman_thorough : test::podman_quick;
  }
  int code = 1;
  try {
    test::the_engine.emplace(is_podman ? omnisandbox::docker::EngineKind::podman
                                       : omnisandbox::docker::EngineKind::docker);
    test::the_engine->start();
    test::the_engine->make_image("test:1");
    code = RUN_ALL_TESTS();
  } catch (const std::exception& error) {
    std::printf("the container engine of the tests: %s\n", error.what());
    if (test::the_engine) {
      test::shell("tail -20 " + test::the_engine->log());
    }
  }
  test::the_engine.reset();
  return code;
}
