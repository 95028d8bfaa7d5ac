// Control groups of version 2: processes are born into theirs. Where version 1 has the controllers
// for memory and tasks, version 2 limits nothing here, and nothing may be left in it.
#include <fcntl.h>

#include <sstream>

#include "linux/channels.h"
#include "linux/child_process.h"
#include "linux/file_system.h"
#include "process/cgroup_folder.h"
#include "process/run_cgroup.h"
#include "process_fixture.h"

namespace omnisandbox::process {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

/// The group of this process in version 2, as a folder; empty where none is mounted.
fs::path own_group() {
  std::string group;
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    if (line.starts_with("0::")) {
      group = line.substr(3);
    }
  }
  // "ID PARENT DEVICE ROOT MOUNT_POINT OPTIONS… - TYPE SOURCE OPTIONS" (proc_pid_mountinfo(5)).
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; !group.empty() && std::getline(mounts, line);) {
    std::istringstream fields(line);
    std::string skipped;
    std::string mount_point;
    fields >> skipped >> skipped >> skipped >> skipped >> mount_point;
    if (line.find(" - cgroup2 ") != std::string::npos) {
      return mount_point + group;
    }
  }
  return {};
}

std::string groups_of_a_child(const linux_::Fd* birth_place) {
  const auto program = linux_::open_at2(AT_FDCWD, "/bin/cat", O_PATH, 0, 0);
  auto output = linux_::make_pipe();
  const auto input = linux_::open_null_device();
  EXPECT_TRUE(program && output && input);
  std::string text(4096, '\0');
  auto child = linux_::spawn({.program = &*program,
                              .args = {"cat", "/proc/self/cgroup"},
                              .files = {&*input, &output->write_end, &output->write_end},
                              .cgroup = birth_place});
  EXPECT_TRUE(child) << (child ? "" : child.error().message);
  output->write_end.reset();
  const auto length = linux_::read_full(output->read_end, std::as_writable_bytes(std::span(text)));
  text.resize(length.value_or(0));
  return text;
}

TEST(Cgroup2, AProcessIsBornIntoItsGroupWhichIsThenRemoved) {
  const fs::path own = own_group();
  const auto parent = linux_::open_at2(AT_FDCWD, own.string(), O_PATH | O_DIRECTORY, 0, 0);
  auto folder = own.empty() || !parent ? std::nullopt : CgroupFolder::make_in(*parent);
  if (!folder) {
    GTEST_SKIP() << "this user cannot make groups of version 2 here";
  }
  const fs::path place =
      fs::read_symlink("/proc/self/fd/" + std::to_string(folder->handle().get()));
  ASSERT_EQ(place.parent_path(), fs::canonical(own));
  const std::string name = "/" + place.filename().string() + "\n";
  EXPECT_THAT(groups_of_a_child(&folder->handle()), HasSubstr(name));
  EXPECT_THAT(groups_of_a_child(nullptr), Not(HasSubstr(name)));
  folder.reset();
  EXPECT_FALSE(fs::exists(place));
}

TEST(Cgroup2, WhereItHasNoControllersItIsNotUsedAndNothingIsLeftInIt) {
  const fs::path own = own_group();
  if (own.empty()) {
    GTEST_SKIP() << "no control groups of version 2 are mounted here";
  }
  // Groups of ours are locked, and so are open, as long as they are there.
  const auto held_in_it = [&own] {
    std::size_t count = 0;
    for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
      std::error_code problem;
      count += fs::read_symlink(entry, problem).string().starts_with(own.string());
    }
    return count;
  };
  std::stringstream handed_on;
  handed_on << std::ifstream(own / "cgroup.subtree_control").rdbuf();
  const bool limits_memory = handed_on.str().find("memory") != std::string::npos;
  const bool limits_tasks = handed_on.str().find("pids") != std::string::npos;
  if (limits_memory && limits_tasks) {
    GTEST_SKIP() << "they have controllers here: the tests of limits use them";
  }
  const RunCgroup group = RunCgroup::create({.memory_bytes = 64 * 1024 * 1024, .tasks = 16});
  EXPECT_EQ(group.birth_place(), nullptr);
  EXPECT_THAT(group.layers(), testing::Each(HasSubstr("cgroup v1")));
  EXPECT_EQ(held_in_it(), 0U);
}

}  // namespace
}  // namespace omnisandbox::process
