// What a command sees of the file system: what the policy opens, and as far as it opens it.
#include <fcntl.h>

#include "linux/test_deep_folder.h"
#include "linux/test_scarce_descriptors.h"
#include "process_fixture.h"

namespace omnisandbox {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

using Files = ProcessTest;

TEST_F(Files, AllowedFoldersWorkAndOthersAreNotThere) {
  const Result result = must_run(config({"sh", "cat"}), "sh",
                                 {"-c", "cat inside.txt; echo new > made.txt; cat " +
                                            path("outside/secret.txt") + " || echo absent"});
  EXPECT_EQ(result.stdout_data, "insideabsent\n");
  EXPECT_EQ(read("work/made.txt"), "new\n");
}

TEST_F(Files, LinksDoNotLeadOutside) {
  std::filesystem::create_symlink(path("outside"), path("work/link"));
  std::filesystem::create_symlink(path("outside/new"), path("work/dangling"));
  const Result result =
      must_run(config({"sh", "cat"}), "sh",
               {"-c", "cat link/secret.txt; cat /proc/self/root/" + path("outside/secret.txt") +
                          "; echo x > dangling; true"});
  EXPECT_THAT(result.stdout_data, Not(HasSubstr("secret")));
  EXPECT_FALSE(exists("outside/new"));
}

TEST_F(Files, AReadOnlyRuleIsReadOnly) {
  Config policy = config({"sh", "cat", "mv", "ln"});
  policy.allowed_paths = {PathRule(path("work"), PathAccess::read)};
  const Result result = must_run(policy, "sh",
                                 {"-c",
                                  "cat inside.txt; echo x > inside.txt; echo x > new; mv "
                                  "inside.txt moved; ln inside.txt /tmp/linked"});
  EXPECT_EQ(result.stdout_data, "inside");
  EXPECT_EQ(read("work/inside.txt"), "inside");
  EXPECT_FALSE(exists("work/new"));
  EXPECT_FALSE(exists("work/moved"));
}

TEST_F(Files, WithoutFsWriteNothingIsWritten) {
  Config policy = config({"sh", "cat"});
  policy.capabilities = {Capability::exec_run, Capability::fs_read};
  must_run(policy, "sh", {"-c", "echo x > new"});
  EXPECT_FALSE(exists("work/new"));
  policy.capabilities = {Capability::exec_run};
  const Result result = must_run(policy, "cat", {path("work/inside.txt")});
  EXPECT_EQ(result.stdout_data, "");
}

TEST_F(Files, NarrowerRulesInsideHold) {
  std::filesystem::create_directories(path("work/closed/open"));
  std::filesystem::create_directories(path("work/fixed"));
  write("work/closed/a", "closed");
  write("work/closed/open/b", "opened again");
  write("work/fixed/c", "fixed");
  Config policy = config({"sh", "cat"});
  policy.allowed_paths = {path("work"), PathRule(path("work/closed"), PathAccess::none),
                          PathRule(path("work/closed/open"), PathAccess::read),
                          PathRule(path("work/fixed"), PathAccess::read)};
  const Result result =
      must_run(policy, "sh",
               {"-c",
                "cat closed/a; cat closed/open/b fixed/c; echo x > closed/new; echo x > "
                "closed/open/new; echo x > fixed/new; echo x > fine"});
  EXPECT_EQ(result.stdout_data, "opened againfixed");
  EXPECT_EQ(read("work/fine"), "x\n");
  for (const char* name : {"work/closed/new", "work/closed/open/new", "work/fixed/new"}) {
    EXPECT_FALSE(exists(name)) << name;
  }
}

TEST_F(Files, SecretsAreHiddenAndTheirFoldersStayInPlace) {
  std::filesystem::create_directories(path("work/deep/.ssh"));
  std::filesystem::create_directories(path("work/deep/er"));
  std::filesystem::create_directories(path("work/.git/hooks"));
  write("work/deep/.ssh/id", "private key");
  write("work/.env", "TOKEN=1");
  write("work/.git/config", "[core]");
  const Result result = must_run(
      config({"sh", "cat", "mv", "rm", "mkdir"}), "sh",
      {"-c",
       "cat deep/.ssh/id .env; mv .env .x; mv deep deeper; cat deeper/.ssh/id; mv deep/er "
       "deep/est; cat .git/config; "
       "echo x > .git/hooks/post-checkout; echo x > .git/config; rm -rf .git/hooks; mv .git .old; "
       "mkdir -p .git/hooks; echo x > .git/hooks/pre-commit; true"});
  EXPECT_EQ(result.stdout_data, "[core]");
  EXPECT_EQ(read("work/.env"), "TOKEN=1");
  EXPECT_EQ(read("work/.git/config"), "[core]");
  EXPECT_FALSE(exists("work/.git/hooks/post-checkout"));
  EXPECT_FALSE(exists("work/.git/hooks/pre-commit"));
  EXPECT_FALSE(exists("work/.old"));
  // Another run that looks for secrets at this moment would find them under neither name.
  EXPECT_TRUE(exists("work/deep/.ssh/id"));
  EXPECT_FALSE(exists("work/deeper"));
  EXPECT_TRUE(exists("work/deep/est"));  // it holds nothing hidden
  EXPECT_TRUE(exists("work/.git/hooks"));
}

// What nobody can look through could be opened by the command itself, whose folder it is.
TEST_F(Files, AFolderThatCannotBeLookedThroughIsHiddenAsAWhole) {
  if (::geteuid() == 0) GTEST_SKIP() << "nothing is closed to root; an ordinary user runs this";
  const Config policy = config({"sh", "cat", "chmod"});
  std::filesystem::create_directories(path("work/fine"));
  write("work/fine/file", "fine");
  std::filesystem::create_directories(path("work/d/.git"));
  write("work/d/.env", "TOKEN=1");
  write("work/d/.git/config", "[core]");
  for (const char* mode : {"000", "400", "100"}) {
    const Result closing = must_run(policy, "chmod", {mode, path("work/d")});
    ASSERT_EQ(closing.status, Status::ok) << closing.stderr_data;
    const Result opening = must_run(policy, "sh",
                                    {"-c",
                                     "chmod 755 d; cat d/.env; echo x > d/.git/config; cat "
                                     "fine/file; echo x > fine/new; true"});
    ASSERT_EQ(::chmod(path("work/d").c_str(), 0755), 0);
    EXPECT_EQ(opening.stdout_data, "fine") << mode;
    EXPECT_EQ(opening.sandbox.layers.front(), "user namespace");
    EXPECT_EQ(read("work/d/.git/config"), "[core]") << mode;
    EXPECT_EQ(read("work/fine/new"), "x\n") << mode;
  }
  // Where nothing can be hidden in it the folder is the command's to open.
  Config without_secrets = policy;
  without_secrets.allow_secrets = true;
  must_run(without_secrets, "chmod", {"000", path("work/d")});
  EXPECT_EQ(must_run(without_secrets, "sh", {"-c", "chmod 755 d; cat d/.env"}).stdout_data,
            "TOKEN=1");
}

TEST_F(Files, DepthIsNoWayPastTheRulesAndHarmsNobodyOutside) {
  const Config policy = config({"sh", "cat"});
  const linux_::DeepFolder deep(path("work"), 2'300);
  const int secret = ::openat(deep.deepest().get(), ".env", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  ASSERT_EQ(::write(secret, "TOKEN=1", 7), 7);
  ::close(secret);
  {
    const linux_::ScarceDescriptors scarce(100);
    const Result result =
        must_run(policy, "sh", {"-c", "cat inside.txt; while cd -P d; do :; done; cat .env; true"});
    EXPECT_EQ(result.status, Status::ok);
    EXPECT_EQ(result.stdout_data, "inside");
  }
  EXPECT_EQ(::unlinkat(deep.deepest().get(), ".env", 0), 0);
}

TEST_F(Files, ASecondNameOfTheFolderIsUsedInside) {
  Config policy = config({"cat", "pwd"});
  policy.allowed_paths = {PathRule(path("work"), PathAccess::read, "/project")};
  EXPECT_EQ(must_run(policy, "cat", {"/project/inside.txt"}).stdout_data, "inside");
  EXPECT_EQ(must_run(policy, "pwd", {}).stdout_data, "/project\n");
  EXPECT_EQ(must_run(policy, "cat", {path("work/inside.txt")}).stdout_data, "");
}

TEST_F(Files, AFolderThatWasReplacedIsNotOpened) {
  auto sandbox = ProcessSandbox::create(config({"cat"}));
  ASSERT_TRUE(sandbox);
  std::filesystem::rename(path("work"), path("was"));
  std::filesystem::create_symlink(path("outside"), path("work"));
  EXPECT_FALSE(sandbox->run("cat", {"secret.txt"}));
  std::filesystem::remove(path("work"));
  std::filesystem::create_directory(path("work"));
  const auto replaced = sandbox->run("cat", {"secret.txt"});
  ASSERT_FALSE(replaced);
  EXPECT_EQ(replaced.error().kind, ErrorKind::denied);
}

TEST_F(Files, TmpIsPrivateAndBounded) {
  write("outside/of_host", "x");
  const Config policy = config({"sh", "ls", "cat"});
  must_run(policy, "sh", {"-c", "echo left > /tmp/left"});
  EXPECT_FALSE(std::filesystem::exists("/tmp/left"));
  EXPECT_THAT(must_run(policy, "ls", {"/tmp"}).stdout_data, Not(HasSubstr("left")));
  Config small = config();
  small.max_write_bytes = 4 * 1024 * 1024;
  EXPECT_THAT(must_run(small, hostile(), {"fill_disk", "/tmp"}).stdout_data,
              HasSubstr("wrote 4 MiB: E"));
  EXPECT_THAT(must_run(small, hostile(), {"fill_disk", path("work")}).stdout_data,
              HasSubstr("wrote 4 MiB: EFBIG"));
}

TEST_F(Files, NothingToWriteIsAlmostNothingInTmp) {
  Config none = config({"stat"});
  none.max_write_bytes = 0;
  const Result result = must_run(none, "stat", {"-f", "-c", "%b pages", "/tmp"});
  EXPECT_EQ(result.stdout_data, "1 pages\n");
}

TEST_F(Files, ASingleFileMayBeARule) {
  write("outside/one.txt", "one");
  Config policy = config({"sh", "cat"});
  policy.allowed_paths = {PathRule(path("outside/one.txt"), PathAccess::read_write)};
  const Result result =
      must_run(policy, "sh",
               {"-c", "cat " + path("outside/one.txt") + "; echo two > " + path("outside/one.txt") +
                          "; cat " + path("outside/secret.txt")});
  EXPECT_EQ(result.stdout_data, "one");
  EXPECT_EQ(read("outside/one.txt"), "two\n");
}

TEST_F(Files, SparseFilesAreBoundedToo) {
  Config small = config();
  small.max_write_bytes = 4 * 1024 * 1024;
  const Result result = must_run(small, hostile(), {"grow_sparse", path("work")});
  EXPECT_THAT(result.stdout_data, AllOf(Not(HasSubstr("ESCAPED")), HasSubstr("works: a small file"),
                                        HasSubstr("works: a mapping")));
}

TEST_F(Files, AFolderThatHasAnotherNameAsWellHidesTheSameUnderBoth) {
  std::filesystem::create_directories(path("work/inner"));
  write("work/inner/.env", "TOKEN=1");
  write("work/inner/note", "note");
  Config policy = config({"cat"});
  policy.allowed_paths.emplace_back(path("work/inner"), PathAccess::read, "/data");
  for (const std::string& folder : {path("work/inner"), std::string("/data")}) {
    EXPECT_EQ(must_run(policy, "cat", {folder + "/note"}).stdout_data, "note") << folder;
    const Result secret = must_run(policy, "cat", {folder + "/.env"});
    EXPECT_NE(secret.exit_code, 0) << folder;
    EXPECT_EQ(secret.stdout_data, "") << folder;
  }
}

TEST_F(Files, WhatIsOnlyWrittenIsNotRead) {
  if (folder_.string().starts_with("/tmp/")) {
    // Every command has a /tmp of its own to read and write, and this folder would lie in it.
    Config policy = config({"sh"});
    policy.capabilities = {Capability::exec_run, Capability::fs_write};
    const auto refused = run(policy, "sh", {"-c", "echo x > new"});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::unavailable);
    EXPECT_THAT(refused.error().message, AllOf(HasSubstr("fs_read"), HasSubstr("guest_path")));
    EXPECT_FALSE(exists("work/new"));
  }
  Config policy = config({"sh", "cat", "ls"});
  policy.capabilities = {Capability::exec_run, Capability::fs_write};
  policy.allowed_paths = {PathRule(path("work"), PathAccess::read_write, "/work")};
  const Result result =
      must_run(policy, "sh", {"-c", "echo x > new; cat inside.txt; ls /work; ls .; cat new"});
  EXPECT_EQ(result.stdout_data, "");
  EXPECT_EQ(read("work/new"), "x\n");
}

// A folder that is kept in its place is no border for what lies in it.
TEST_F(Files, FilesMoveAndLinkPastWhatIsHidden) {
  std::filesystem::create_directories(path("work/a"));
  std::filesystem::create_directories(path("work/b"));
  write("work/a/.env", "TOKEN=1");
  write("work/a/one", "one");
  write("work/a/two", "two");
  const Result result =
      must_run(config({"sh", "mv", "ln"}), "sh",
               {"-c", "mv -T a/one b/one; ln a/two b/two; ln a/two linked; mv a c"});
  EXPECT_THAT(result.stderr_data, Not(HasSubstr("cross-device")));
  EXPECT_EQ(read("work/b/one"), "one");
  EXPECT_EQ(std::filesystem::hard_link_count(path("work/a/two")), 3U);
  EXPECT_TRUE(exists("work/a/.env"));
  EXPECT_FALSE(exists("work/c"));
}

TEST_F(Files, WhatIsHiddenBeneathAnotherMountIsNoObstacle) {
  std::filesystem::create_directories(path("work/sub"));
  std::filesystem::create_directories(path("other"));
  write("work/sub/.env", "TOKEN=1");
  write("other/file", "other");
  Config policy = config({"cat"});
  policy.allowed_paths = {PathRule(path("work"), PathAccess::read_write, "/x"),
                          PathRule(path("other"), PathAccess::read, "/x/sub")};
  EXPECT_EQ(must_run(policy, "cat", {"/x/sub/file"}).stdout_data, "other");
  EXPECT_EQ(must_run(policy, "cat", {"/x/sub/.env"}).stdout_data, "");
}

TEST_F(Files, AHiddenFileThatIsWrittenAllTheTimeHoldsNobodyUp) {
  write("work/server.log", "log");
  Config policy = config({"cat"});
  policy.allowed_paths.emplace_back(path("work/server.log"), PathAccess::none);
  auto sandbox = ProcessSandbox::create(policy);
  ASSERT_TRUE(sandbox);
  const std::jthread writer([&](const std::stop_token& stop) {
    std::ofstream log(path("work/server.log"), std::ios::app);
    while (!stop.stop_requested()) {
      log << "line" << std::endl;
    }
  });
  for (int round = 0; round < 5; ++round) {
    const auto result = sandbox->run("cat", {"server.log", "inside.txt"});
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->stdout_data, "inside");
  }
}

// Its libraries among the rest, which the command needs as code.
TEST_F(Files, TheWholeHostMayBeOpen) {
  Config policy = config({"cat"});
  policy.allowed_paths = {PathRule("/", PathAccess::read)};
  policy.allow_secrets = true;  // nothing is looked for
  EXPECT_THAT(must_run(policy, "cat", {"/etc/os-release"}).stdout_data, HasSubstr("NAME="));
  policy.allowed_commands = {"*"};
  EXPECT_THAT(must_run(policy, "head", {"/etc/os-release"}).stdout_data, HasSubstr("NAME="));
}

TEST_F(Files, LibrariesOfAProgramAreOpenOnlyWhereThePolicySaysSo) {
  const std::filesystem::path prefix = OMNISANDBOX_HOSTILE_FOLDER "/prefix";
  std::error_code problem;
  std::filesystem::create_directories(prefix / "bin", problem);
  std::filesystem::create_directories(prefix / "lib", problem);
  const std::string program = trusted_copy("/bin/cat", "prefix/bin/cat");
  if (program.empty()) GTEST_SKIP() << "this user cannot write beside the test program";
  // Somebody else may write there: no part of the system.
  std::filesystem::permissions(prefix / "lib", std::filesystem::perms::group_write,
                               std::filesystem::perm_options::add);
  const std::string data = prefix / "lib/data";
  const std::string secret = prefix / "lib/.env";
  std::ofstream(data) << "data";
  std::ofstream(secret) << "TOKEN=1";
  Config policy = config({program.c_str()});
  EXPECT_EQ(must_run(policy, program, {data, secret}).stdout_data, "");
  policy.allowed_paths.emplace_back(prefix / "lib", PathAccess::read);
  EXPECT_EQ(must_run(policy, program, {data, secret}).stdout_data, "data");
  std::filesystem::remove_all(prefix);
}

TEST_F(Files, AClosedFolderOfTheSystemIsClosed) {
  const std::string_view shown = "/usr/share/doc";
  if (!std::filesystem::exists(shown)) GTEST_SKIP() << "this system has no " << shown;
  Config policy = config({"ls"});
  EXPECT_NE(must_run(policy, "ls", {std::string(shown)}).stdout_data, "");
  policy.allowed_paths.emplace_back(std::string(shown), PathAccess::none);
  const Result closed = must_run(policy, "ls", {std::string(shown)});
  EXPECT_EQ(closed.stdout_data, "");
  EXPECT_NE(closed.exit_code, 0);
  EXPECT_EQ(must_run(policy, "ls", {"-d", "/usr/share"}).exit_code, 0);
  // A rule that opens the folder above closes it as well, and a longer one opens it again.
  policy.allowed_paths.emplace_back("/usr/share", PathAccess::read);
  EXPECT_EQ(must_run(policy, "ls", {std::string(shown)}).stdout_data, "");
  policy.allowed_paths.pop_back();
  const std::string inner = std::filesystem::directory_iterator(shown)->path();
  policy.allowed_paths.emplace_back(inner, PathAccess::read);
  EXPECT_EQ(must_run(policy, "ls", {"-d", inner}).exit_code, 0);
}

TEST_F(Files, TheWorkingFolderIsAbsoluteAndThere) {
  Config policy = config({"pwd"});
  policy.working_dir = path("work/");
  EXPECT_EQ(must_run(policy, "pwd", {}).stdout_data, path("work") + "\n");
  policy.working_dir = "work";
  const auto relative = ProcessSandbox::create(policy);
  ASSERT_FALSE(relative);
  EXPECT_EQ(relative.error().kind, ErrorKind::invalid_argument);
  EXPECT_THAT(relative.error().message, HasSubstr("working_dir"));
  for (const std::string& elsewhere : {path("outside"), path("work/absent")}) {
    policy.working_dir = elsewhere;
    const auto result = run(policy, "pwd", {});
    ASSERT_FALSE(result) << elsewhere;
    EXPECT_THAT(result.error().message, HasSubstr(elsewhere));
  }
}

TEST_F(Files, EachFolderHasItsOwnAccess) {
  Config policy = config({"sh"});
  policy.allowed_paths = {PathRule(path("work"), PathAccess::read), PathRule(path("outside"))};
  must_run(policy, "sh",
           {"-c", "echo x > " + path("work/new") + "; echo y > " + path("outside/new")});
  EXPECT_FALSE(exists("work/new"));
  EXPECT_EQ(read("outside/new"), "y\n");
}

}  // namespace
}  // namespace omnisandbox
