#include <atomic>

#include "docker/container.h"
#include "docker/docker_fixture.h"
#include "docker/lying_engine.h"
#include "policy/container/container_grant.h"

namespace omnisandbox::docker::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(DockerMounts, AReadOnlyMountIsReadAndNothingBeneathIsWritten) {
  SharedFolder folder;
  folder.write("open.txt", "seen");
  folder.write("sub/deep.txt", "deep");
  folder.write("sub/.env", "a secret key");
  folder.write(".ssh/config", "a secret folder");
  auto docker =
      sandbox(mounting(folder.path(), true), opening(folder.path(), false, PathAccess::read));
  const Result result = must(docker.run_shell(R"(
cat /data/open.txt /data/sub/deep.txt; echo
cat /data/sub/.env; ls /data/.ssh 2>&1
echo changed > /data/open.txt; mkdir /data/new; mv /data/open.txt /data/other
exit 0)"));
  EXPECT_THAT(result.stdout_data, AllOf(HasSubstr("seendeep"), Not(HasSubstr("secret"))))
      << told(result);
  EXPECT_THAT(result.stdout_data, Not(HasSubstr("config")));
  EXPECT_THAT(result.stderr_data, HasSubstr("Read-only file system"));
  EXPECT_EQ(folder.read("open.txt"), "seen");
  EXPECT_FALSE(fs::exists(folder.path() / "new"));
}

TEST(DockerMounts, AWritableMountIsWrittenExceptWhatTheRulesTakeAway) {
  SharedFolder folder;
  folder.write("kept/file", "as it was");
  folder.write("hidden/file", "not to be seen");
  fs::permissions(folder.path() / "kept", fs::perms(0777));
  fs::permissions(folder.path() / "kept/file", fs::perms(0666));
  Config config = opening(folder.path(), true, PathAccess::read_write);
  config.allowed_paths.emplace_back((folder.path() / "kept").string(), PathAccess::read);
  config.allowed_paths.emplace_back((folder.path() / "hidden").string(), PathAccess::none);
  auto docker = sandbox(mounting(folder.path(), false), config);
  const Result result = must(docker.run_shell(R"(
echo written > /data/new; echo changed > /data/kept/file; cat /data/kept/file /data/hidden/file
mv /data/hidden /data/elsewhere; echo more > /data/hidden/more; exit 0)"));
  EXPECT_EQ(folder.read("new"), "written\n") << told(result);
  EXPECT_EQ(folder.read("kept/file"), "as it was");
  EXPECT_THAT(result.stdout_data, AllOf(HasSubstr("as it was"), Not(HasSubstr("not to be seen"))));
  EXPECT_EQ(folder.read("hidden/file"), "not to be seen");
  EXPECT_FALSE(fs::exists(folder.path() / "hidden/more"));
}

TEST(DockerMounts, AFolderThatHoldsSomethingHiddenKeepsItsName) {
  SharedFolder folder;
  folder.write("outer/inner/.env", "a secret");
  folder.write("outer/beside/file", "plain");
  folder.write("settings/kept", "as it was");
  for (const char* each :
       {"outer", "outer/inner", "outer/beside", "outer/beside/file", "settings"}) {
    fs::permissions(folder.path() / each, fs::perms(0777));
  }
  Config config = opening(folder.path(), true, PathAccess::read_write);
  config.allowed_paths.emplace_back((folder.path() / "settings/kept").string(), PathAccess::read);
  auto docker = sandbox(mounting(folder.path(), false), config);
  const Result result = must(docker.run_shell(R"(
for each in outer outer/inner settings; do mv /data/$each /data/$each.moved; done
busybox rm -rf /data/outer/inner
mv /data/outer/beside /data/outer/renamed && echo changed > /data/outer/renamed/file
echo new > /data/outer/inner/new; cat /data/*/*/.env /data/*/.env; exit 0)"));
  EXPECT_THAT(result.stdout_data, Not(HasSubstr("secret"))) << told(result);
  EXPECT_THAT(result.stderr_data, HasSubstr("busy"));
  EXPECT_EQ(folder.read("outer/inner/.env"), "a secret");
  EXPECT_EQ(folder.read("settings/kept"), "as it was");
  for (const char* moved : {"outer.moved", "outer/inner.moved", "settings.moved"}) {
    EXPECT_FALSE(fs::exists(folder.path() / moved)) << moved;
  }
  EXPECT_EQ(folder.read("outer/renamed/file"), "changed\n");
  EXPECT_EQ(folder.read("outer/inner/new"), "new\n");
}

// What is renamed on this machine when the engine is asked to start a container, each time.
Expected<Result> run_while_renaming(const SharedFolder& folder, int max_renames) {
  std::atomic<int> renames = 0;
  LyingEngine engine(test_engine(), {}, [&](std::string_view bytes) {
    if (renames < max_renames && bytes.starts_with("POST ") &&
        bytes.find("/start HTTP") != std::string_view::npos) {
      const std::string old_name = "at_" + std::to_string(renames);
      fs::rename(folder.path() / old_name, folder.path() / ("at_" + std::to_string(++renames)));
      fs::create_directory(folder.path() / old_name);
    }
  });
  auto docker = DockerSandbox::create(mounting(folder.path(), false),
                                      opening(folder.path(), true, PathAccess::read_write),
                                      {.engine = engine.address()});
  EXPECT_TRUE(docker);
  return docker->run_shell("cat /data/file /data/*/.env; echo ran > /data/ran; exit 0");
}

TEST(DockerMounts, WhatIsRenamedWhileTheContainerIsMadeStaysHidden) {
  SharedFolder folder;
  folder.write("file", "plain");
  folder.write("at_0/.env", "a secret");
  const Result result = must(run_while_renaming(folder, 1));
  EXPECT_THAT(result.stdout_data, AllOf(HasSubstr("plain"), Not(HasSubstr("secret"))))
      << told(result);
  EXPECT_EQ(folder.read("at_1/.env"), "a secret");
  EXPECT_EQ(folder.read("ran"), "ran\n");
}

TEST(DockerMounts, WhereEverythingIsRenamedAllTheTimeNothingRuns) {
  SharedFolder folder;
  folder.write("file", "plain");
  folder.write("at_0/.env", "a secret");
  const auto result = run_while_renaming(folder, 100);
  ASSERT_FALSE(result) << told(*result);
  EXPECT_EQ(result.error().kind, ErrorKind::denied) << result.error().message;
  EXPECT_THAT(result.error().message, HasSubstr("changed"));
  EXPECT_FALSE(fs::exists(folder.path() / "ran"));
  EXPECT_EQ(containers_left(), 0U);
}

TEST(DockerMounts, WhatWasSwappedSinceItWasJudgedIsRefused) {
  SharedFolder folder;
  folder.write("inside/file", "judged");
  folder.write("outside/file", "never judged");
  const Config config = opening(folder.path() / "inside", false, PathAccess::read);
  const auto policy = Policy::compile(config);
  ASSERT_TRUE(policy);
  const auto grant =
      policy::judge_container(policy->compiled(), mounting(folder.path() / "inside", true));
  ASSERT_TRUE(grant) << grant.error().message;
  // Between the decision and the mount, by whoever owns the folder above.
  fs::rename(folder.path() / "inside", folder.path() / "moved");
  fs::create_symlink("outside", folder.path() / "inside");
  const auto facts = test_engine().engine().image("test:1", soon());
  ASSERT_TRUE(facts);
  const auto container =
      Container::prepare({.engine = test_engine().shared(),
                          .init_program = OMNISANDBOX_CONTAINER_INIT,
                          .run_id = "swapped",
                          .expiry = std::chrono::system_clock::now() + seconds(60)},
                         *grant, *facts, soon());
  ASSERT_FALSE(container);
  EXPECT_EQ(container.error().kind, ErrorKind::denied) << container.error().message;
  EXPECT_THAT(container.error().denial->reason, HasSubstr("another file was mounted"));
  EXPECT_EQ(containers_left(), 0U);
}

TEST(DockerMounts, AnotherFileSystemBeneathIsNotCarriedAlong) {
  SharedFolder folder;
  folder.write("sub/plain", "beneath the mount");
  ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
  // The engine stands in another mount namespace, so that this one is made where it looks too.
  const std::string sub = (folder.path() / "sub").string();
  ASSERT_EQ(::mount("tmpfs", sub.c_str(), "tmpfs", 0, "mode=777"), 0);
  folder.write("sub/mounted", "of another file system");
  auto docker =
      sandbox(mounting(folder.path(), true), opening(folder.path(), false, PathAccess::read));
  const Result result = must(docker.run_shell("ls /data/sub; echo x > /data/sub/y; exit 0"));
  EXPECT_THAT(result.stdout_data, Not(HasSubstr("mounted"))) << told(result);
  EXPECT_FALSE(fs::exists(folder.path() / "sub/y"));
  ::umount2(sub.c_str(), MNT_DETACH);
}

}  // namespace
}  // namespace omnisandbox::docker::test
