// Which programs run: only those that the policy lists, however they are called.
#include <sys/stat.h>

#include "process_fixture.h"

namespace omnisandbox {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

#if defined(__x86_64__)
constexpr const char* loader = "/lib64/ld-linux-x86-64.so.2";
#else
constexpr const char* loader = "/lib/ld-linux-aarch64.so.1";
#endif

using Commands = ProcessTest;

TEST_F(Commands, AnAllowedProgramRunsAndItsChildrenToo) {
  const Result result = must_run(config({"sh", "cat"}), "sh", {"-c", "cat inside.txt"});
  EXPECT_EQ(result.stdout_data, "inside");
  EXPECT_EQ(result.status, Status::ok);
  EXPECT_THAT(result.sandbox.layers, testing::Contains("seccomp"));
}

TEST_F(Commands, WhatIsNotListedIsDenied) {
  const auto result = run(config(), "id", {});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::denied);
}

TEST_F(Commands, ArgumentsArePlainBytes) {
  const std::vector<std::string> args = {"%s|", "; touch /tmp/x", "$(id)", "*", "a\nb", ""};
  const Result result = must_run(config({"printf"}), "printf", args);
  EXPECT_EQ(result.stdout_data, "; touch /tmp/x|$(id)|*|a\nb||");
}

TEST_F(Commands, OtherProgramsAreNotThere) {
  const Result result = attack({"exec_each", "/usr/bin/id", "/bin/sh", "/bin/cat"});
  EXPECT_THAT(result.stdout_data, HasSubstr("refused: /bin/cat: ENOENT"));
}

TEST_F(Commands, TheLoaderStartsNothingElse) {
  attack({"exec_with_arguments", loader, "/usr/bin/id"});
  for (const char* program : {"/usr/lib/git-core/git", "/usr/lib/openssh/ssh-keysign"}) {
    const Result result = attack({"exec_with_arguments", loader, program});
    EXPECT_THAT(result.stderr_data, HasSubstr("error while loading")) << program;
  }
}

TEST_F(Commands, WrittenFilesDoNotRun) {
  for (const std::string& folder : {path("work"), std::string("/tmp")}) {
    const Result result = attack({"exec_written", hostile(), folder, loader});
    EXPECT_THAT(result.stdout_data, AllOf(HasSubstr("refused: " + folder + "/written: EACCES"),
                                          HasSubstr("refused: mmap of a written file as code"),
                                          HasSubstr("refused: " + folder + "/written.sh: EACCES")));
    EXPECT_THAT(result.stdout_data, AllOf(HasSubstr("refused: chmod to set-user-ID: EPERM"),
                                          HasSubstr("refused: chmod to set-group-ID: EPERM"),
                                          HasSubstr("refused: creation of a set-user-ID file")));
    EXPECT_THAT(result.stderr_data, HasSubstr("failed to map segment"));
  }
}

TEST_F(Commands, MemoryFilesDoNotRun) {
  EXPECT_THAT(attack({"memfd", hostile()}).stdout_data, HasSubstr("refused: memfd_create"));
}

TEST_F(Commands, AScriptNeedsItsInterpreterAllowed) {
  // As a script of the user's would be: executable, and not writable by others.
  const std::string script = std::string(OMNISANDBOX_HOSTILE_FOLDER) + "/script.sh";
  const auto refused = run(config({script.c_str()}), script, {});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("interpreter"));
  const Result result = must_run(config({script.c_str(), "sh"}), script, {"x"});
  EXPECT_EQ(result.stdout_data, "script with x\n");
}

TEST_F(Commands, TheEnvironmentIsThePolicysAlone) {
  ASSERT_EQ(::setenv("LD_PRELOAD", "/nonexistent.so", 1), 0);
  ASSERT_EQ(::setenv("HOST_SECRET", "1", 1), 0);
  Config with_variable = config();
  with_variable.environment = {{"GREETING", "hello"}};
  const Result result = must_run(with_variable, hostile(), {"environment"});
  ::unsetenv("LD_PRELOAD");
  ::unsetenv("HOST_SECRET");
  EXPECT_THAT(result.stdout_data,
              AllOf(HasSubstr("GREETING=hello\n"), HasSubstr("PATH=/usr/"),
                    Not(HasSubstr("LD_PRELOAD")), Not(HasSubstr("HOST_SECRET"))));
  EXPECT_THAT(result.stderr_data, Not(HasSubstr("LD_PRELOAD")));
}

TEST_F(Commands, ChildrenOfToolsAreConfinedLikeTheirParents) {
  // Tools that execute what they are told to.
  const Config policy = config({"find", "env", "sort", "tar"});
  const Result found = must_run(policy, "find", {".", "-exec", "/usr/bin/id", ";"});
  EXPECT_THAT(found.stderr_data, HasSubstr("id"));
  EXPECT_THAT(found.stdout_data, Not(HasSubstr("uid=")));
  const Result through_env = must_run(policy, "env", {"-S", "id -u"});
  EXPECT_EQ(through_env.exit_code, 127);
  const Result tar = must_run(
      policy, "tar",
      {"-cf", "/dev/null", "--checkpoint=1", "--checkpoint-action=exec=id > owned", "inside.txt"});
  EXPECT_FALSE(exists("work/owned")) << tar.stderr_data;
}

TEST_F(Commands, AStarMeansEveryProgramOfTheSystem) {
  const Result result = must_run(config({"*"}), "sh", {"-c", "id -u; cat inside.txt"});
  EXPECT_THAT(result.stdout_data, HasSubstr("inside"));
  EXPECT_THAT(result.stdout_data, HasSubstr(std::to_string(::getuid())));
}

TEST_F(Commands, RealProgramsWork) {
  Config policy = config({"git", "python3", "tar", "sort", "gzip", "sh"});
  policy.max_write_bytes = 64 * 1024 * 1024;
  EXPECT_EQ(must_run(policy, "sh", {"-c", "git init -q . && git status --short"}).stdout_data,
            "?? inside.txt\n");
  EXPECT_EQ(must_run(policy, "python3",
                     {"-c", "import json, sqlite3, subprocess, zlib; print(json.dumps([1]))"})
                .stdout_data,
            "[1]\n");
  EXPECT_EQ(must_run(policy, "sh",
                     {"-c", "tar -czf a.tgz inside.txt && tar -xzf a.tgz -O && rm -f a.tgz; true"})
                .stdout_data,
            "inside");
  const Result sorted = must_run(policy, "sort", {"-n"}, {.stdin_data = "10\n9\n"});
  EXPECT_EQ(sorted.stdout_data, "9\n10\n");
}

TEST_F(Commands, AFileThatWasReplacedAfterCompilingIsNotRun) {
  const std::string program = trusted_copy("/bin/true", "replaced");
  if (program.empty()) {
    GTEST_SKIP() << "this user cannot write beside the test program";
  }
  auto sandbox = ProcessSandbox::create(config({program.c_str()}));
  ASSERT_TRUE(sandbox);
  EXPECT_EQ(sandbox->run(program, {})->status, Status::ok);
  std::ofstream(program, std::ios::app) << "changed";
  const auto changed = sandbox->run(program, {});
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().kind, ErrorKind::denied);
  EXPECT_THAT(changed.error().message, HasSubstr("compile the policy again"));
  std::filesystem::remove(program);
}

TEST_F(Commands, ShadowedNamesAreNotRun) {
  for (const char* folder : {"work", "outside"}) {
    const std::string shadow = path(folder) + "/cat";
    std::filesystem::copy_file(hostile(), shadow);
    for (const std::string& name :
         {shadow, std::string("./cat"), std::string("../") + folder + "/cat"}) {
      const auto denied = run(config({"cat"}), name, {"escaped"});
      ASSERT_FALSE(denied) << name;
      EXPECT_EQ(denied.error().kind, ErrorKind::denied) << name;
    }
  }
  Config shadowed = config({"cat", "sh"});
  shadowed.environment = {{"PATH", path("work") + ":/usr/bin"}};
  EXPECT_EQ(must_run(shadowed, "cat", {"inside.txt"}).stdout_data, "inside");
  EXPECT_THAT(must_run(shadowed, "sh", {"-c", "cat escaped || ./cat escaped"}).stdout_data,
              Not(HasSubstr("ESCAPED")));
}

TEST_F(Commands, ToolsThatStartOthersStartNothingThatIsNotListed) {
  const Config policy = config({"git", "awk", "sort", "sh"});
  const std::string touch = "touch " + path("work/owned");
  const std::vector<std::vector<std::string>> attempts = {
      {"git", "clone", "--upload-pack", touch, path("work"), path("work/copy")},
      {"git", "-c", "alias.x=!" + touch, "x"},
      {"awk", "BEGIN { system(\"" + touch + "\") }"},
      {"sort", "--compress-program=touch", "-S", "1k", "inside.txt"}};
  for (const auto& attempt : attempts) {
    must_run(policy, attempt[0], {attempt.begin() + 1, attempt.end()});
    EXPECT_FALSE(exists("work/owned")) << attempt[0];
  }
  // The same tools work, and may start what is listed.
  EXPECT_EQ(must_run(config({"awk", "sh", "cat"}), "awk", {"BEGIN { system(\"cat inside.txt\") }"})
                .stdout_data,
            "inside");
}

TEST_F(Commands, WhatIsTooLargeToStartIsAnErrorAndNoEndOfACommand) {
  const Config policy = config({"true"});
  const std::vector<std::string> many(34, std::string(1'000'000, 'x'));
  const std::vector<std::vector<std::string>> all = {
      many, {std::string(5'000'000, 'x')}, std::vector<std::string>(50'000, "x")};
  for (const auto& args : all) {
    const auto result = run(policy, "true", args);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, ErrorKind::invalid_argument);
    EXPECT_THAT(result.error().message, HasSubstr("arguments"));
  }
  EXPECT_EQ(must_run(policy, "true", std::vector<std::string>(1'000, "x")).status, Status::ok);
}

}  // namespace
}  // namespace omnisandbox
