#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "docker/test_engine.h"
#include "omnisandbox/docker_sandbox.h"

namespace omnisandbox::docker::test {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// The engine of this program; made by its main.
TestEngine& test_engine();

inline Config allowing(std::vector<CommandRule> commands, Config config = {}) {
  config.capabilities.push_back(Capability::exec_run);
  config.allowed_commands = std::move(commands);
  if (!config.timeout.is_set()) {
    config.timeout = milliseconds(60'000);
  }
  return config;
}

inline DockerConfig image(const std::string& name = "test:1") { return {.image = name}; }

/// A policy that opens a folder, and the mount of it at /data.
inline Config opening(const fs::path& path, bool writable = false,
                      PathAccess access = PathAccess::automatic) {
  Config config = allowing({"sh", "true"});
  config.capabilities.push_back(Capability::fs_read);
  if (writable) config.capabilities.push_back(Capability::fs_write);
  config.allowed_paths = {PathRule(path.string(), access)};
  return config;
}
inline DockerConfig mounting(const fs::path& path, bool read_only = true) {
  DockerConfig docker = image();
  docker.mounts = {{.host_path = path.string(), .container_path = "/data", .read_only = read_only}};
  return docker;
}

inline DockerSandbox sandbox(DockerConfig docker, Config config,
                             DockerSandboxOptions options = {}) {
  options.engine = test_engine().address();
  auto made = DockerSandbox::create(std::move(docker), std::move(config), std::move(options));
  EXPECT_TRUE(made) << (made ? "" : made.error().message);
  return *std::move(made);
}

/// The Result of a run that must not be an error.
inline Result must(Expected<Result> result) {
  EXPECT_TRUE(result) << (result ? "" : result.error().message);
  return result ? *std::move(result) : Result{};
}

inline std::string told(const Result& result) {
  return std::string(to_string(result.status)) + " " + std::to_string(result.exit_code) + " " +
         (result.error ? result.error->message : "") + "\n" + result.stdout_data +
         result.stderr_data;
}

/// Containers that this product made and that are still there.
inline std::vector<Engine::Listed> our_containers() {
  auto listed = test_engine().engine().list_labelled("omnisandbox.owner", soon());
  EXPECT_TRUE(listed);
  return listed ? *std::move(listed) : std::vector<Engine::Listed>{};
}
/// Those that have served are removed in the background.
inline std::size_t containers_left() {
  for (int tries = 0; tries < 750 && !our_containers().empty(); ++tries) {
    std::this_thread::sleep_for(milliseconds(20));
  }
  return our_containers().size();
}

/// Until so many containers of ours wait.
inline bool wait_for_running(std::size_t count) {
  for (int tries = 0; tries < 3000; ++tries) {
    std::size_t running = 0;
    for (const auto& each : our_containers()) {
      const auto state = test_engine().engine().state(each.id, soon());
      running += state && state->is_running ? 1 : 0;
    }
    if (running >= count) {
      // The engine has it running before its pool has looked it over.
      std::this_thread::sleep_for(milliseconds(200));
      return true;
    }
    std::this_thread::sleep_for(milliseconds(20));
  }
  return false;
}

/// A folder that everybody may enter, for mounts.
class SharedFolder {
 public:
  SharedFolder() {
    std::string path = "/tmp/omnisandbox-mount-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = path;
    fs::permissions(path_, fs::perms(0777));
  }
  ~SharedFolder() {
    std::error_code problem;
    fs::remove_all(path_, problem);
  }
  const fs::path& path() const { return path_; }
  void write(const std::string& name, const std::string& content) const {
    fs::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name) << content;
  }
  std::string read(const std::string& name) const {
    std::ifstream file(path_ / name);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  /// Another file in the place of this one, with the same number: as where a number is given to the
  /// next file at once.
  void replace(const std::string& name) const {
    const fs::path spare = path_ / (name + ".spare");
    fs::create_hard_link(path_ / name, spare);
    fs::remove(path_ / name);
    fs::rename(spare, path_ / name);
  }

 private:
  fs::path path_;
};

}  // namespace omnisandbox::docker::test
