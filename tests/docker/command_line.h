#pragma once

#include <array>
#include <cstdio>
#include <string>

#include "docker/docker_fixture.h"

namespace omnisandbox::docker::test {

struct Ran {
  int code = -1;
  std::string output;
};

/// The program `omnisandbox` with the test's engine, or another one; `arguments` is shell text, and
/// so is what stands before the program.
inline Ran omnisandbox_command(const std::string& arguments,
                               const std::string& engine = test_engine().address(),
                               const std::string& before = "") {
  const std::string line =
      before + "DOCKER_HOST=" + engine + " " OMNISANDBOX_COMMAND " " + arguments + " 2>&1";
  Ran ran;
  FILE* pipe = ::popen(line.c_str(), "r");
  std::array<char, 4096> buffer;
  for (std::size_t count = 0; (count = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    ran.output.append(buffer.data(), count);
  }
  const int status = ::pclose(pipe);
  ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ran;
}

inline std::string policy_file(const SharedFolder& folder, const std::string& text) {
  folder.write("policy.yaml",
               "version: 1\ncapabilities: [exec_run, fs_read]\n"
               "allowed_commands: [sh, missing]\ntimeout: 60s\n" +
                   text);
  return "--policy " + (folder.path() / "policy.yaml").string() + " ";
}

}  // namespace omnisandbox::docker::test
