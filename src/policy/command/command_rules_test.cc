#include "policy/command/command_rules.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdio>

namespace omnisandbox::policy {
namespace {

using Arguments = std::vector<std::string>;

struct Compiled {
  CommandRules rules;
  std::vector<PolicyWarning> warnings;
};

Compiled compile(std::vector<CommandRule> list) {
  Compiled result;
  auto rules =
      CommandRules::compile(Config{.allowed_commands = std::move(list)}, {}, result.warnings);
  EXPECT_TRUE(rules.has_value()) << rules.error().message;
  if (rules) {
    result.rules = std::move(*rules);
  }
  return result;
}

std::string compile_error(std::string command) {
  std::vector<PolicyWarning> warnings;
  const auto rules =
      CommandRules::compile(Config{.allowed_commands = {std::move(command)}}, {}, warnings);
  if (rules.has_value()) {
    return "accepted";
  }
  EXPECT_EQ(rules.error().kind, ErrorKind::invalid_argument);
  return rules.error().message;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

TEST(CommandRules, AnEmptyListAllowsNothing) {
  const Compiled compiled = compile({});
  const CommandAnswer answer = compiled.rules.judge("ls", {});
  EXPECT_FALSE(answer.allowed);
  EXPECT_FALSE(answer.reason.empty());
  EXPECT_FALSE(compiled.rules.judge_by_name("ls", {}).allowed);
  EXPECT_FALSE(CommandRules().judge("ls", {}).allowed);
  EXPECT_FALSE(CommandRules().resolve_trusted_command("ls").has_value());
}

TEST(CommandRules, ABareNameMeansOneFile) {
  const Compiled compiled = compile({"env"});
  const CommandAnswer answer = compiled.rules.judge("env", Arguments{"-i"});
  ASSERT_TRUE(answer.allowed) << answer.reason;
  ASSERT_NE(answer.command, nullptr);
  EXPECT_EQ(answer.command->name, "env");
  EXPECT_EQ(answer.command->path, "/usr/bin/env");
  EXPECT_TRUE(answer.command->handle.is_open());
  EXPECT_EQ(answer.rule, "allowed_commands[0] \"env\"");
  struct stat status {};
  ASSERT_EQ(::stat("/usr/bin/env", &status), 0);
  EXPECT_EQ(answer.command->inode, status.st_ino);
  EXPECT_EQ(answer.command->device, status.st_dev);
  EXPECT_EQ(answer.command->modified_ns,
            std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec);
  EXPECT_EQ(compiled.rules.commands().size(), 1u);
}

TEST(CommandRules, ThePathsOfTheFileMeanItToo) {
  const Compiled compiled = compile({"env"});
  const CommandAnswer answer = compiled.rules.judge("/usr/bin/env", {});
  ASSERT_TRUE(answer.allowed) << answer.reason;
  EXPECT_EQ(answer.command, compiled.rules.judge("env", {}).command);
  struct stat status {};
  if (::lstat("/bin", &status) == 0 && S_ISLNK(status.st_mode)) {
    EXPECT_TRUE(compiled.rules.judge("/bin/env", {}).allowed);
  }
  // And the other way round.
  const Compiled absolute = compile({"/usr/bin/env"});
  EXPECT_TRUE(absolute.rules.judge("/usr/bin/env", {}).allowed);
  EXPECT_TRUE(absolute.rules.judge("env", {}).allowed);
  EXPECT_FALSE(absolute.rules.judge("ls", {}).allowed);
}

TEST(CommandRules, OtherSpellingsAreRefused) {
  const Compiled compiled = compile({"env", "ls"});
  for (const std::string command : {"/tmp/evil/env",
                                    "./env",
                                    "env ",
                                    " env",
                                    "ENV",
                                    "bin/env",
                                    "../env",
                                    "/usr/bin/../bin/env",
                                    "/usr//bin/env",
                                    "/usr/bin/./env",
                                    "//usr/bin/env",
                                    "/usr/bin/env/",
                                    "",
                                    "/",
                                    ".",
                                    "..",
                                    "env\n",
                                    "*",
                                    "env;ls",
                                    "$(env)",
                                    "e?v"}) {
    const CommandAnswer answer = compiled.rules.judge(command, {});
    EXPECT_FALSE(answer.allowed) << command;
    EXPECT_EQ(answer.command, nullptr);
    EXPECT_FALSE(answer.reason.empty());
    EXPECT_EQ(answer.reason.find('\n'), std::string::npos);
    EXPECT_FALSE(compiled.rules.judge_by_name(command, {}).allowed) << command;
  }
  using namespace std::string_literals;
  EXPECT_FALSE(compiled.rules.judge("env\0"s, {}).allowed);
  EXPECT_FALSE(compiled.rules.judge("env\0x"s, {}).allowed);
  EXPECT_FALSE(compiled.rules.judge("/usr/bin/env\0"s, {}).allowed);
  EXPECT_FALSE(compiled.rules.judge("env", Arguments{"a\0b"s}).allowed);
  EXPECT_FALSE(compiled.rules.judge("/" + std::string(5000, 'a'), {}).allowed);
  EXPECT_TRUE(contains(compiled.rules.judge("/tmp/evil/env", {}).reason,
                       "env is listed, but /tmp/evil/env is not the file"));
  EXPECT_TRUE(contains(compiled.rules.judge("cat", {}).reason, "cat is not listed"));
}

TEST(CommandRules, RulesThatAreNoCommandsAreErrors) {
  using namespace std::string_literals;
  for (const std::string& command :
       {""s, "./ls"s, "bin/ls"s, "../ls"s, "/usr/bin/../ls"s, "/usr//bin/ls"s, "/"s, "/usr/bin/"s,
        "."s, ".."s, "ls\0"s, "/" + std::string(5000, 'a'), "**/ls"s, "*/ls"s}) {
    EXPECT_TRUE(contains(compile_error(command), "allowed_commands[0] \""))
        << compile_error(command);
  }
  std::vector<PolicyWarning> warnings;
  EXPECT_FALSE(
      CommandRules::compile(Config{.allowed_commands = {CommandRule("ls", {"a\0"s})}}, {}, warnings)
          .has_value());
}

TEST(CommandRules, ArgumentsMustBeginAsListed) {
  const Compiled compiled = compile({CommandRule("env", {"a", "b"})});
  EXPECT_TRUE(compiled.rules.judge("env", Arguments{"a", "b"}).allowed);
  EXPECT_TRUE(compiled.rules.judge("env", Arguments{"a", "b", "c"}).allowed);
  for (const Arguments& args :
       {Arguments{}, Arguments{"a"}, Arguments{"b", "a"}, Arguments{"a", "bc"}, Arguments{"a b"},
        Arguments{"a", "B"}, Arguments{"x", "a", "b"}}) {
    const CommandAnswer answer = compiled.rules.judge("env", args);
    EXPECT_FALSE(answer.allowed);
    EXPECT_TRUE(contains(answer.reason, "must begin with: a b")) << answer.reason;
    EXPECT_EQ(answer.rule, "allowed_commands[0] \"env a b\"");
  }
}

TEST(CommandRules, FurtherArgumentsMustMatchAPattern) {
  CommandRule rule("env", {"show"});
  rule.arg_globs = {"*.txt"};
  rule.arg_regexes = {"-[a-z]"};
  const Compiled compiled = compile({rule});
  EXPECT_TRUE(compiled.rules.judge("env", Arguments{"show"}).allowed);
  EXPECT_TRUE(compiled.rules.judge("env", Arguments{"show", "-v", "a.txt"}).allowed);
  EXPECT_FALSE(compiled.rules.judge("env", Arguments{"show", "-v", "a.txt", "--exec=sh"}).allowed);
  EXPECT_TRUE(
      contains(compiled.rules.judge("env", Arguments{"show", "-V"}).reason, "\"-V\" matches none"));
}

TEST(CommandRules, OfSeveralRulesAnyMayAllowAndTheFirstAnswers) {
  CommandRule without_network("env", {"fetch"});
  without_network.network = false;
  const Compiled compiled =
      compile({CommandRule("env", {"status"}), without_network, CommandRule("env", {"fetch"}),
               CommandRule("env", {"log", "-1"}), CommandRule("env", {"log", "-2"})});
  EXPECT_EQ(compiled.rules.commands().size(), 1u);
  EXPECT_TRUE(compiled.rules.judge("env", Arguments{"status"}).allowed);
  EXPECT_TRUE(compiled.rules.judge("env", Arguments{"log", "-2"}).allowed);
  EXPECT_FALSE(compiled.rules.judge("env", Arguments{"log", "-3"}).allowed);
  EXPECT_FALSE(compiled.rules.judge("env", Arguments{"push"}).allowed);
  EXPECT_FALSE(compiled.rules.judge("env", {}).allowed);
  const CommandAnswer answer = compiled.rules.judge("env", Arguments{"fetch"});
  ASSERT_TRUE(answer.allowed);
  EXPECT_FALSE(answer.options->network);
  // Also where the general rule stands before, after or between the special ones.
  const Compiled mixed = compile({without_network, "env", CommandRule("env", {"push"})});
  EXPECT_FALSE(mixed.rules.judge("env", Arguments{"fetch"}).options->network);
  EXPECT_EQ(mixed.rules.judge("env", Arguments{"push"}).rule, "allowed_commands[1] \"env\"");
  EXPECT_TRUE(mixed.rules.judge("env", Arguments{"other"}).options->network);
}

TEST(CommandRules, AnAbsentCommandIsAWarningAndADenial) {
  const Compiled compiled = compile({"no-such-command-here", "/no/such/file", "env"});
  ASSERT_EQ(compiled.warnings.size(), 2u);
  EXPECT_EQ(compiled.warnings[0].where, "allowed_commands[0]");
  EXPECT_TRUE(
      contains(compiled.warnings[0].message, "no-such-command-here is absent from /usr/local/bin"))
      << compiled.warnings[0].message;
  EXPECT_EQ(compiled.warnings[1].where, "allowed_commands[1]");
  for (const std::string command : {"no-such-command-here", "/no/such/file"}) {
    const CommandAnswer answer = compiled.rules.judge(command, {});
    EXPECT_FALSE(answer.allowed);
    EXPECT_TRUE(contains(answer.reason, "listed but was absent when the policy was compiled"))
        << answer.reason;
    EXPECT_FALSE(answer.rule.empty());
  }
  EXPECT_FALSE(compiled.rules.judge("file", {}).allowed);
  EXPECT_TRUE(compiled.rules.judge("env", {}).allowed);
}

TEST(CommandRules, TheStarIsResolvedAtTheCall) {
  const Compiled compiled = compile({"*", "env"});
  const CommandAnswer named = compiled.rules.judge("env", {});
  EXPECT_NE(named.command, nullptr);
  EXPECT_EQ(named.rule, "allowed_commands[1] \"env\"");
  const CommandAnswer any = compiled.rules.judge("ls", {});
  ASSERT_TRUE(any.allowed);
  EXPECT_EQ(any.command, nullptr);
  EXPECT_NE(any.options, nullptr);
  const auto resolved = compiled.rules.resolve_trusted_command("ls");
  ASSERT_TRUE(resolved.has_value()) << resolved.error().message;
  EXPECT_EQ(resolved->path, "/usr/bin/ls");
  EXPECT_EQ(resolved->name, "ls");
  EXPECT_FALSE(compiled.rules.judge("./ls", {}).allowed);
  EXPECT_FALSE(compiled.rules.judge("", {}).allowed);
  EXPECT_EQ(compiled.rules.resolve_trusted_command("no-such-command-here").error().kind,
            ErrorKind::not_found);
  EXPECT_EQ(compiled.rules.resolve_trusted_command("./ls").error().kind,
            ErrorKind::invalid_argument);
  EXPECT_EQ(compiled.rules.resolve_trusted_command("/etc/passwd").error().kind, ErrorKind::denied);
  EXPECT_EQ(compiled.rules.resolve_trusted_command("/usr/bin").error().kind, ErrorKind::denied);
  // Without the star nothing is looked up later.
  EXPECT_FALSE(compile({"env"}).rules.resolve_trusted_command("ls").has_value());
}

TEST(CommandRules, TheStarMayWantArguments) {
  const Compiled compiled =
      compile({CommandRule("*", {"--version"}), CommandRule("env", {"status"})});
  EXPECT_TRUE(compiled.rules.judge("ls", Arguments{"--version"}).allowed);
  EXPECT_TRUE(compiled.rules.judge("env", Arguments{"--version"}).allowed);
  EXPECT_FALSE(compiled.rules.judge("ls", Arguments{"/"}).allowed);
  EXPECT_TRUE(
      contains(compiled.rules.judge("env", Arguments{"x"}).reason, "must begin with: status"));
}

TEST(CommandRules, ContainersMatchWhatIsWritten) {
  const Compiled compiled = compile({"env", "/opt/tool/run", "only-in-the-image"});
  EXPECT_TRUE(compiled.rules.judge_by_name("env", {}).allowed);
  EXPECT_EQ(compiled.rules.judge_by_name("env", {}).command, nullptr);
  EXPECT_TRUE(compiled.rules.judge_by_name("only-in-the-image", {}).allowed);
  EXPECT_TRUE(compiled.rules.judge_by_name("/opt/tool/run", {}).allowed);
  EXPECT_FALSE(compiled.rules.judge_by_name("/usr/bin/env", {}).allowed);
  EXPECT_FALSE(compiled.rules.judge_by_name("run", {}).allowed);
  EXPECT_FALSE(compiled.rules.judge_by_name("./env", {}).allowed);
  EXPECT_TRUE(compile({"*"}).rules.judge_by_name("anything", {}).allowed);
}

TEST(CommandRules, AnswersOutliveAMoveOfTheRules) {
  Compiled compiled = compile({CommandRule("env", {"a"})});
  const CommandAnswer before = compiled.rules.judge("env", Arguments{"a"});
  const CommandRules moved = std::move(compiled.rules);
  const CommandAnswer after = moved.judge("env", Arguments{"a"});
  EXPECT_EQ(before.command, after.command);
  EXPECT_EQ(before.options, after.options);
  EXPECT_EQ(before.rule.data(), after.rule.data());
}

// The cost of an answer must not follow the number of rules. A ratio, and a generous one, as the
// machine may be busy.
TEST(CommandRules, JudgingDoesNotSlowDownWithTheNumberOfRules) {
  const auto time_of = [](const CommandRules& rules, std::string_view command,
                          const Arguments& args) {
    auto best = std::chrono::nanoseconds::max();
    for (int round = 0; round < 5; ++round) {
      const auto begin = std::chrono::steady_clock::now();
      std::size_t allowed = 0;
      for (int call = 0; call < 2000; ++call) {
        allowed += rules.judge(command, args).allowed ? 1 : 0;
      }
      best = std::min<std::chrono::nanoseconds>(best,
                                                (std::chrono::steady_clock::now() - begin) / 2000);
      EXPECT_EQ(allowed, 2000u);
    }
    return best;
  };
  std::vector<CommandRule> many;
  for (int index = 0; index < 1000; ++index) {
    many.emplace_back("env", std::vector<std::string>{"subcommand" + std::to_string(index)});
    many.emplace_back("absent-command-" + std::to_string(index));
  }
  const Compiled large = compile(many);
  const Compiled small = compile({CommandRule("env", {"subcommand999"})});
  const auto small_time = time_of(small.rules, "env", {"subcommand999", "x"});
  const auto large_time = time_of(large.rules, "env", {"subcommand999", "x"});
  RecordProperty("judge_ns_with_2000_rules", static_cast<int>(large_time.count()));
  std::printf("judge: %lld ns with 1 rule, %lld ns with 2,000 rules\n",
              static_cast<long long>(small_time.count()),
              static_cast<long long>(large_time.count()));
  EXPECT_LT(large_time, 20 * small_time + std::chrono::microseconds(2));
}

}  // namespace
}  // namespace omnisandbox::policy
