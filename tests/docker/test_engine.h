#pragma once

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>

#include "docker/engine/engine.h"

/// A container engine of the tests' own: the real dockerd, or the real Podman, with its own socket,
/// folders and control groups, without any network of the host's. Ended by its pid. One serves most
/// of a test program.
namespace omnisandbox::docker::test {

namespace fs = std::filesystem;

inline Patience soon(std::chrono::seconds time = std::chrono::seconds(60)) {
  return {.until = std::chrono::steady_clock::now() + time, .stop = {}};
}

inline int shell(const std::string& command) {
  const int status = std::system(command.c_str());  // test code; the text is the test's own
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

struct TestEngineOptions {
  /// 0: as much as the machine has. Else the engine keeps its data on a disk of this size.
  std::size_t data_bytes = 0;
};

class TestEngine {
 public:
  explicit TestEngine(EngineKind kind = EngineKind::docker) : kind_(kind) {}

  /// Forks.
  void start(const TestEngineOptions& options = {}) {
    data_bytes_ = options.data_bytes;
    std::string folder = "/tmp/omnisandbox-engine-XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr) {
      throw std::runtime_error("mkdtemp");
    }
    folder_ = folder;
    fs::permissions(folder_, fs::perms(0755));
    static int engines = 0;
    group_ = "/test-engine-" + std::to_string(::getpid()) + "-" + std::to_string(++engines);
    if (kind_ == EngineKind::podman) {
      // Else it takes the places of the machine's own Podman, whose containers it would count as
      // gone, and the journal, which containers do not have.
      std::ofstream(folder_ / "containers.conf")
          << "[engine]\nlock_type = \"file\"\nevents_logger = \"file\"\n";
    }
    pid_ = ::fork();
    if (pid_ == 0) {
      be_engine();
    }
    for (int waited = 0; waited < 3000; ++waited) {
      const auto engine = Engine::find(address(), soon(std::chrono::seconds(5)));
      if (engine) {
        engine_ = *engine;
        return;
      }
      if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
        pid_ = -1;
        throw std::runtime_error(std::string(program()) + " ended at once; see " + log());
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    throw std::runtime_error(std::string(program()) + " did not answer within a minute; see " +
                             log());
  }

  ~TestEngine() {
    if (engine_ && kind_ == EngineKind::podman) {
      end_containers();
    }
    engine_.reset();
    if (pid_ > 0) {
      ::kill(pid_, SIGTERM);
      ::waitpid(pid_, nullptr, 0);
    }
    if (!folder_.empty()) {
      std::error_code problem;
      fs::remove_all(folder_, problem);
      for (const auto& entry : fs::directory_iterator("/sys/fs/cgroup", problem)) {
        fs::remove(entry.path().string() + group_, problem);
      }
      fs::remove("/sys/fs/cgroup" + group_, problem);
    }
  }

  EngineKind kind() const { return kind_; }
  std::string address() const { return "unix://" + (folder_ / "engine.sock").string(); }
  std::string log() const { return (folder_ / "log").string(); }
  const fs::path& folder() const { return folder_; }
  Engine& engine() const { return *engine_; }
  const std::shared_ptr<Engine>& shared() const { return engine_; }

  /// Of an engine with a disk of its own: nothing fits on it any more, and again as before.
  void fill_disk() const {
    const std::string piece(std::size_t{64} * 1024, 'b');
    std::ofstream file(ballast(), std::ios::binary);
    while (file.write(piece.data(), static_cast<std::streamsize>(piece.size())).flush()) {
    }
  }
  void empty_disk() const { fs::remove(ballast()); }

  /// An image of Debian's static busybox; `changes` as of `docker import -c`.
  void make_image(const std::string& name, const std::string& changes = "") const {
    const fs::path root = folder_ / "root";
    if (!fs::exists(root)) {
      fs::create_directories(root / "bin");
      fs::create_directories(root / "etc");
      fs::copy_file("/bin/busybox", root / "bin/busybox");
      std::ofstream(root / "etc/passwd") << "nobody:x:65534:65534::/:/bin/sh\n";
      std::ofstream(root / "bin/not_a_program") << "nothing to execute\n";
      fs::permissions(root / "bin/not_a_program", fs::perms(0755));
      for (const char* applet :
           {"sh",     "cat",  "echo",  "sleep", "ls",   "true", "false", "env",
            "id",     "dd",   "wget",  "touch", "head", "tail", "yes",   "kill",
            "setsid", "grep", "mkdir", "mv",    "stat", "wc",   "nc"}) {
        fs::create_symlink("busybox", root / "bin" / applet);
      }
    }
    std::string options;
    if (!changes.empty()) {
      options = "-c '" + changes + "' ";
    }
    if (shell("tar -C " + root.string() + " -c . | docker -H " + address() + " import " + options +
              "- " + name + " > /dev/null") != 0) {
      throw std::runtime_error("the image " + name + " could not be made");
    }
  }

 private:
  // The disk is mounted where the engine is, and nowhere else.
  std::string ballast() const {
    return "/proc/" + std::to_string(pid_) + "/root" + (folder_ / "data/ballast").string();
  }
  const char* program() const { return kind_ == EngineKind::podman ? "podman" : "dockerd"; }

  /// Those of Podman do not end with it.
  void end_containers() const {
    if (const auto listed =
            engine_->call_json({.target = "/containers/json?all=1"}, soon(), "list")) {
      for (const auto& container : *listed) {
        static_cast<void>(engine_->remove(container.value("Id", ""), soon()));
      }
    }
  }

  [[noreturn]] void be_engine() const {
    // Gone with this process, also after a crash; what it mounts stays in a namespace of its own.
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount("none", "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) {
      ::_exit(125);
    }
    const fs::path data = folder_ / "data";
    if (data_bytes_ > 0 && (::mkdir(data.c_str(), 0710) != 0 ||
                            ::mount("tmpfs", data.c_str(), "tmpfs", 0,
                                    ("size=" + std::to_string(data_bytes_)).c_str()) != 0)) {
      ::_exit(125);
    }
    const int file = ::open(log().c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    ::dup2(file, 1);
    ::dup2(file, 2);
    const std::string root = folder_.string();
    if (kind_ == EngineKind::podman) {
      // Its monitors write to the working folder that a container ran out of memory.
      fs::current_path(folder_);
      ::setenv("CONTAINERS_CONF", (root + "/containers.conf").c_str(), 1);
      // runc, because crun does not take control groups of both versions at once.
      ::execlp("podman", "podman", "--root", (root + "/data").c_str(), "--runroot",
               (root + "/exec").c_str(), "--tmpdir", (root + "/libpod").c_str(), "--storage-driver",
               "vfs", "--cgroup-manager", "cgroupfs", "--runtime", "runc", "system", "service",
               "--time", "0", address().c_str(), static_cast<char*>(nullptr));
      ::_exit(127);
    }
    ::execlp("dockerd", "dockerd", "-H", address().c_str(), "--data-root", (root + "/data").c_str(),
             "--exec-root", (root + "/exec").c_str(), "--pidfile", (root + "/pid").c_str(),
             "--cgroup-parent", group_.c_str(), "--bridge=none", "--iptables=false",
             "--ip-forward=false", "--ip-masq=false", "--log-level=warn",
             static_cast<char*>(nullptr));
    ::_exit(127);
  }

  const EngineKind kind_;
  fs::path folder_;
  std::string group_;
  std::size_t data_bytes_ = 0;
  pid_t pid_ = -1;
  std::shared_ptr<Engine> engine_;
};

}  // namespace omnisandbox::docker::test
