// Control groups and private folders of processes that were killed: the next sandbox removes them,
// and no others.
#include <signal.h>
#include <sys/wait.h>

#include <functional>
#include <utility>

#include "process/command_run.h"
#include "process/run_cgroup.h"
#include "process_fixture.h"

namespace omnisandbox::process {
namespace {

namespace fs = std::filesystem;

constexpr CgroupLimits limits{.memory_bytes = 64 * 1024 * 1024, .tasks = 16};

/// A process of its own that does `work`, and is killed at the end at the latest.
class Child {
 public:
  explicit Child(const std::function<void()>& work) : pid_(::fork()) {
    if (pid_ == 0) {
      work();
      ::_exit(0);
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { kill(); }

  void kill() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(std::exchange(pid_, 0), nullptr, 0);
    }
  }
  pid_t pid() const { return pid_; }
  /// Its exit code; -1 where it did not exit.
  int wait() {
    int status = -1;
    ::waitpid(std::exchange(pid_, 0), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t pid_;
};

bool wait_for(const std::function<bool()>& condition) {
  for (int attempt = 0; attempt < 2000; ++attempt) {
    if (condition()) {
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

class AbandonedFolders : public ProcessTest {
 protected:
  /// As on a machine without user namespaces.
  Expected<Result> run_weaker(const std::string& script) const {
    Config weaker = config({"sh", "sleep", "mkdir"});
    weaker.allow_secrets = true;
    auto policy = Policy::compile(weaker);
    auto machinery = prepare_machinery({});
    EXPECT_TRUE(policy && machinery);
    (*machinery)->without_namespaces = true;
    return run_confined(*policy, **machinery,
                        {.command = "sh",
                         .args = {"-c", script},
                         .deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60),
                         .run_id = "abandoned"});
  }
  static fs::path folder_in(const Expected<Result>& result) {
    const std::string text = result ? result->stdout_data : std::string();
    return text.substr(0, text.find('\n'));
  }
};

TEST_F(AbandonedFolders, OfAKilledProcessAreRemovedByTheNextRunThatMakesOne) {
  const auto first = run_weaker("echo $TMPDIR; echo kept > $TMPDIR/file");
  if (!first && first.error().kind == ErrorKind::unavailable) {
    GTEST_SKIP() << first.error().message;
  }
  // One that ends by itself leaves none.
  const fs::path place = folder_in(first).parent_path();
  ASSERT_FALSE(place.empty());
  EXPECT_FALSE(fs::exists(folder_in(first)));

  Child owner([this] {
    static_cast<void>(run_weaker(
        "mkdir $TMPDIR/deep; echo x > $TMPDIR/deep/file; echo $TMPDIR > started; sleep 60"));
  });
  ASSERT_TRUE(wait_for([this] { return !read("work/started").empty(); }));
  std::string name = read("work/started");
  name.pop_back();
  const fs::path left = name;
  EXPECT_EQ(left.parent_path(), place);
  // While he lives it stays.
  EXPECT_TRUE(run_weaker("exit 0"));
  EXPECT_TRUE(fs::exists(left / "deep/file"));
  // Other names, other users and files are nobody's to remove.
  const std::string stem = left.string().substr(0, left.string().size() - 16);
  const std::string id = std::to_string(1'000'000'000'000'000 + ::getpid());
  std::set<fs::path> others = {stem + id + "0", stem + id.substr(0, 15) + "g"};
  for (const fs::path& other : others) {
    fs::create_directory(other);
  }
  const fs::path of_another = stem + "2" + id.substr(1);
  if (::geteuid() == 0) {
    fs::create_directory(of_another);
    EXPECT_EQ(::chown(of_another.c_str(), 65533, 65533), 0);
    others.insert(of_another);
  }
  const fs::path file = stem + "3" + id.substr(1);
  std::ofstream(file) << "a file";
  others.insert(file);
  const fs::path link = stem + "4" + id.substr(1);
  fs::create_directory_symlink(path("work"), link);
  others.insert(link);

  owner.kill();
  EXPECT_TRUE(fs::exists(left));
  // Its command ends a moment later than its owner, and could still write.
  EXPECT_TRUE(wait_for([&] {
    EXPECT_TRUE(run_weaker("exit 0"));
    return !fs::exists(left);
  }));
  for (const fs::path& other : others) {
    EXPECT_TRUE(fs::exists(fs::symlink_status(other))) << other;
    fs::remove(other);
  }
  EXPECT_EQ(read("work/inside.txt"), "inside");
}

class AbandonedGroups : public ProcessTest {
 protected:
  void SetUp() override {
    ProcessTest::SetUp();
    if (!RunCgroup::create(limits).limits_tasks()) {
      GTEST_SKIP() << "this user cannot make control groups here";
    }
  }

  /// The folders of control groups that the process has open.
  static std::set<fs::path> groups_of(pid_t pid) {
    std::set<fs::path> found;
    std::error_code problem;
    for (const auto& entry :
         fs::directory_iterator("/proc/" + std::to_string(pid) + "/fd", problem)) {
      const fs::path target = fs::read_symlink(entry, problem);
      if (target.filename().string().starts_with("omnisandbox-") && fs::is_directory(target)) {
        found.insert(target);
      }
    }
    return found;
  }
  static std::set<fs::path> groups_once_made(const Child& owner) {
    const std::size_t wanted = groups_of_one_run();
    std::set<fs::path> groups;
    EXPECT_TRUE(wait_for([&] { return (groups = groups_of(owner.pid())).size() == wanted; }));
    return groups;
  }
  static std::size_t groups_of_one_run() {
    const RunCgroup one = RunCgroup::create(limits);
    return groups_of(::getpid()).size();
  }
  static bool are_empty(const std::set<fs::path>& groups) {
    return std::all_of(groups.begin(), groups.end(), [](const fs::path& group) {
      return std::ifstream(group / "cgroup.procs").peek() == std::ifstream::traits_type::eof();
    });
  }
  static std::set<fs::path> there(const std::set<fs::path>& groups) {
    std::set<fs::path> found;
    std::copy_if(groups.begin(), groups.end(), std::inserter(found, found.end()),
                 [](const fs::path& group) { return fs::exists(group); });
    return found;
  }
  void run_another() const { EXPECT_EQ(must_run(config({"true"}), "true", {}).status, Status::ok); }
  static void wait_to_be_killed() {
    for (;;) {
      ::pause();
    }
  }
};

TEST_F(AbandonedGroups, OfAKilledProcessAreRemovedByTheNextSandbox) {
  Child owner([this] {
    static_cast<void>(run(config({"sh", "sleep"}), "sh", {"-c", "echo > started; sleep 60"}));
  });
  ASSERT_TRUE(wait_for([this] { return exists("work/started"); }));
  const auto groups = groups_once_made(owner);
  ASSERT_THAT(groups, testing::Not(testing::IsEmpty()));
  EXPECT_FALSE(are_empty(groups));
  // While he lives they stay.
  run_another();
  EXPECT_EQ(there(groups), groups);
  owner.kill();
  ASSERT_TRUE(wait_for([&groups] { return are_empty(groups); }));
  run_another();
  EXPECT_THAT(there(groups), testing::IsEmpty());
}

TEST_F(AbandonedGroups, EmptyOnesOfALivingProcessStay) {
  Child owner([] {
    const RunCgroup group = RunCgroup::create(limits);
    wait_to_be_killed();
  });
  const auto groups = groups_once_made(owner);
  ASSERT_TRUE(are_empty(groups));
  run_another();
  EXPECT_EQ(there(groups), groups);
  owner.kill();
  run_another();
  EXPECT_THAT(there(groups), testing::IsEmpty());
}

TEST_F(AbandonedGroups, OnesWithAProcessInsideStay) {
  Child owner([] {
    const RunCgroup group = RunCgroup::create(limits);
    wait_to_be_killed();
  });
  const auto groups = groups_once_made(owner);
  Child inside([&groups] {
    for (const fs::path& group : groups) {
      std::ofstream(group / "cgroup.procs") << "0" << std::flush;
    }
    wait_to_be_killed();
  });
  ASSERT_TRUE(wait_for([&groups] {
    return std::none_of(groups.begin(), groups.end(),
                        [](const fs::path& group) { return are_empty({group}); });
  }));
  owner.kill();
  run_another();
  EXPECT_EQ(there(groups), groups);
  inside.kill();
  run_another();
  EXPECT_THAT(there(groups), testing::IsEmpty());
}

TEST_F(AbandonedGroups, OtherNamesAndOtherUsersStay) {
  Child owner([] {
    const RunCgroup group = RunCgroup::create(limits);
    wait_to_be_killed();
  });
  const fs::path like = *groups_once_made(owner).begin();
  owner.kill();
  const std::string name = like.filename().string();
  std::set<fs::path> others;
  for (const std::string& other : {name + "0", name.substr(0, name.size() - 1),
                                   name.substr(0, name.size() - 1) + "g", "not-" + name}) {
    others.insert(like.parent_path() / other);
  }
  std::string of_another = name;
  std::reverse(of_another.end() - 16, of_another.end());
  const bool may_give_away = ::geteuid() == 0;
  if (may_give_away) {
    others.insert(like.parent_path() / of_another);
  }
  for (const fs::path& other : others) {
    EXPECT_EQ(::mkdir(other.c_str(), 0755), 0) << other;
  }
  if (may_give_away) {
    EXPECT_EQ(::chown((like.parent_path() / of_another).c_str(), 65533, 65533), 0);
  }
  run_another();
  EXPECT_EQ(there(others), others);
  EXPECT_FALSE(fs::exists(like));
  for (const fs::path& other : others) {
    ::rmdir(other.c_str());
  }
}

TEST_F(AbandonedGroups, ManyMakersAndRemoversAtOnceDoNotDisturbEachOther) {
  const CgroupReach reach = RunCgroup::create(limits).reach();
  const std::size_t wanted = groups_of_one_run();
  std::vector<std::unique_ptr<Child>> children;
  for (int child = 0; child < 4; ++child) {
    children.push_back(std::make_unique<Child>([reach, wanted] {
      for (int round = 0; round < 50; ++round) {
        const RunCgroup group = RunCgroup::create(limits);
        RunCgroup::remove_abandoned();
        if (group.reach() != reach || groups_of(::getpid()).size() != wanted) {
          ::_exit(1);
        }
      }
    }));
  }
  for (const auto& child : children) {
    EXPECT_EQ(child->wait(), 0);
  }
}

}  // namespace
}  // namespace omnisandbox::process
