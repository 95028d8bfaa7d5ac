// "Why was I denied?": what a run was refused is told, the telling changes nothing, and a hostile
// command cannot turn it against the run.
#include <algorithm>

#include "process/command_run.h"
#include "process_fixture.h"

namespace omnisandbox {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

testing::Matcher<const Refusal&> refusal(RefusedThing thing, const std::string& action,
                                         const std::string& name, const std::string& layer,
                                         const std::string& remedy) {
  return AllOf(Field("thing", &Refusal::thing, thing), Field("action", &Refusal::action, action),
               Field("name", &Refusal::name, name), Field("layer", &Refusal::layer, layer),
               Field("remedy", &Refusal::remedy, HasSubstr(remedy)));
}

class Refusals : public ProcessTest {
 protected:
  static Result explained(const Config& config, const std::string& command,
                          std::vector<std::string> args, ProcessRunOptions options = {}) {
    options.explain = true;
    Result result = must_run(config, command, std::move(args), std::move(options));
    EXPECT_TRUE(result.refusals);
    result.refusals = result.refusals.value_or(RefusalReport{});
    return result;
  }
  static std::string names(const Result& result) {
    std::string text;
    for (const Refusal& entry : result.refusals->entries) {
      text += entry.action + " " + entry.name + "\n";
    }
    return text;
  }
};

TEST_F(Refusals, WhatTheFileViewLacksIsToldWithTheLineThatAddsIt) {
  const std::string secret = path("outside/secret.txt");
  const std::string created = path("outside/created");
  const std::vector<std::string> script = {
      "-c",
      "cat " + secret + "; cat ../outside/secret.txt; echo x > " + created + "; head -1 /dev/null"};
  Config policy = config({"sh", "cat"});
  const Result refused = explained(policy, "sh", script);
  const std::string program = std::filesystem::canonical("/usr/bin/head").string();
  EXPECT_THAT(
      refused.refusals->entries,
      AllOf(Contains(refusal(RefusedThing::path, "read", secret, "file view", "allowed_paths")),
            Contains(refusal(RefusedThing::path, "write", created, "file view", "allowed_paths")),
            Contains(refusal(RefusedThing::program, "run", program, "file view",
                             "allowed_commands: [head]"))));
  const auto entry =
      std::find_if(refused.refusals->entries.begin(), refused.refusals->entries.end(),
                   [&](const Refusal& one) { return one.name == secret; });
  EXPECT_EQ(entry->count, 2U);  // however it was named
  EXPECT_EQ(refused.exit_code, 127);

  policy.allowed_paths.emplace_back(path("outside"));
  policy.allowed_commands.emplace_back("head");
  const Result allowed = explained(policy, "sh", script);
  EXPECT_EQ(allowed.stdout_data, "secret of the hostsecret of the host");
  EXPECT_EQ(read("outside/created"), "x\n");
  EXPECT_THAT(names(allowed), "");
}

TEST_F(Refusals, WhatCannotBeWrittenIsTold) {
  Config policy = config({"sh", "rm", "mkdir", "mv", "ln"});
  policy.allowed_paths = {PathRule(path("work"), PathAccess::read)};
  const Result result = explained(
      policy, "sh",
      {"-c",
       "echo x > inside.txt; echo x > made; mkdir folder; rm -f inside.txt; mv inside.txt "
       "moved; ln -s a link; echo x > /usr/lib/made; echo x > /tmp/private; exit 3"});
  EXPECT_EQ(result.exit_code, 3);
  for (const char* name : {"inside.txt", "made", "folder", "moved", "link"}) {
    EXPECT_THAT(result.refusals->entries,
                Contains(refusal(RefusedThing::path, "write", path("work/") + name, "file view",
                                 "read_write")))
        << name;
  }
  EXPECT_THAT(names(result),
              AllOf(HasSubstr("write /usr/lib/made"), Not(HasSubstr("/tmp/private"))));
  EXPECT_EQ(read("work/inside.txt"), "inside");
}

TEST_F(Refusals, WhatIsHiddenIsTold) {
  write("work/.env", "TOKEN=1");
  const Result result = explained(config({"cat"}), "cat", {".env"});
  EXPECT_EQ(result.stdout_data, "");
  ASSERT_THAT(result.refusals->entries, SizeIs(1));
  EXPECT_THAT(result.refusals->entries[0],
              refusal(RefusedThing::path, "read", path("work/.env"), "file view", ""));
  EXPECT_THAT(result.refusals->entries[0].rule, Not(IsEmpty()));
}

TEST_F(Refusals, WhatTheHostDoesNotHaveEitherIsNoRefusal) {
  const Result result =
      explained(config({"cat"}), "cat", {"missing", path("outside/missing"), "/nowhere/at/all"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(names(result), "");
}

TEST_F(Refusals, AWrittenFileThatDoesNotRunIsTold) {
  const Result result = explained(config({"sh", "cp"}), "sh", {"-c", "cp /bin/cp copy; ./copy"});
  EXPECT_THAT(result.refusals->entries,
              Contains(refusal(RefusedThing::program, "run", path("work/copy"), "file view", "")));
}

TEST_F(Refusals, SystemCallsFailAsWithoutTheReportAndAreTold) {
  for (const char* attack : {"system_calls", "sockets", "needed_calls", "exec_each"}) {
    const std::vector<std::string> args = {
        attack, std::string(attack) == "system_calls" ? "999999" : "/usr/bin/id"};
    const Result plain = must_run(config(), hostile(), args);
    const Result result = explained(config(), hostile(), args);
    EXPECT_FALSE(plain.refusals);
    EXPECT_EQ(result.stdout_data, plain.stdout_data) << attack;
  }
  const Result result = explained(config(), hostile(), {"system_calls", "999999"});
  for (const char* call : {"ptrace", "unshare", "mount", "io_uring_setup", "bpf", "memfd_create"}) {
    EXPECT_THAT(result.refusals->entries,
                Contains(refusal(RefusedThing::system_call, "call", call, "seccomp", "")));
  }
  const Result sockets = explained(config(), hostile(), {"sockets"});
  EXPECT_THAT(sockets.refusals->entries,
              Contains(refusal(RefusedThing::system_call, "call", "socket (internet)", "seccomp",
                               "capabilities: [net_http]")));
  // No line of a policy allows these.
  for (const Refusal& entry : sockets.refusals->entries) {
    if (entry.thing == RefusedThing::system_call) {
      EXPECT_EQ(entry.remedy.empty(), entry.name != "socket (internet)") << entry.name;
    }
  }
  EXPECT_THAT(names(explained(config(), hostile(), {"needed_calls"})), "");
}

TEST_F(Refusals, RealProgramsWorkAndHaveNothingToExplain) {
  Config policy = config({"git", "sort", "tar", "sh"});
  const Result result =
      explained(policy, "sh",
                {"-c",
                 "git init -q . && git status --short && tar -cf a.tar inside.txt && "
                 "tar -xOf a.tar && echo 'b\na' | sort"});
  EXPECT_EQ(result.stdout_data, "?? inside.txt\ninsidea\nb\n") << result.stderr_data;
  EXPECT_THAT(names(result), Not(HasSubstr(path("work"))));
}

TEST_F(Refusals, EachIsInTheAudit) {
  std::vector<AuditRecord> records;
  auto sandbox = ProcessSandbox::create(
      config({"cat"}), {.audit = make_callback_audit(
                            [&records](const AuditRecord& record) { records.push_back(record); })});
  ASSERT_TRUE(sandbox);
  const auto result = sandbox->run("cat", {path("outside/secret.txt")}, {.explain = true});
  ASSERT_TRUE(result);
  ASSERT_THAT(records, SizeIs(3));
  EXPECT_EQ(records[1].operation, "refused.path");
  EXPECT_EQ(records[1].resource, path("outside/secret.txt"));
  EXPECT_EQ(records[1].capability, Capability::fs_read);
  EXPECT_FALSE(records[1].granted);
  EXPECT_THAT(records[1].reason, HasSubstr("file view"));
  EXPECT_EQ(records[1].run_id, result->run_id);
  EXPECT_EQ(records[2].event, AuditRecord::Event::outcome);
}

TEST_F(Refusals, AFloodIsBoundedAndTheDeadlineHolds) {
  const auto start = std::chrono::steady_clock::now();
  const Result result =
      explained(config(), hostile(), {"name_flood", "8"}, {.timeout = milliseconds(800)});
  EXPECT_EQ(result.status, Status::timeout);
  EXPECT_LT(std::chrono::steady_clock::now() - start, milliseconds(3500));
  EXPECT_THAT(result.stdout_data, Not(HasSubstr("ESCAPED")));
  EXPECT_LE(result.refusals->entries.size(), max_reported_refusals);
  EXPECT_TRUE(result.refusals->is_cut);
  EXPECT_GT(result.refusals->count, result.refusals->entries.size());
}

TEST_F(Refusals, ThreadsThatDieWhileTheyAskDisturbNobody) {
  const Result result = explained(config(), hostile(), {"die_while_asking", "60"});
  EXPECT_EQ(result.status, Status::ok) << result.stderr_data;
  EXPECT_EQ(result.stdout_data, "done\n");
}

TEST_F(Refusals, ACommandCannotAnswerInstead) {
  for (const bool explains : {true, false}) {
    const Result result = must_run(config(), hostile(), {"own_listener"}, {.explain = explains});
    EXPECT_THAT(result.stdout_data,
                AllOf(Not(HasSubstr("ESCAPED")), Not(HasSubstr("a listener:")),
                      HasSubstr("a filter of its own: 0"), HasSubstr("refused: unshare: EPERM"),
                      HasSubstr("refused: ptrace: EPERM")))
        << explains;
  }
}

TEST_F(Refusals, NamesAreHostileText) {
  const Result plain = must_run(config(), hostile(), {"strange_names"});
  const Result result = explained(config(), hostile(), {"strange_names"});
  EXPECT_EQ(result.stdout_data, plain.stdout_data);
  EXPECT_THAT(result.stdout_data,
              AllOf(Not(HasSubstr("ESCAPED")), HasSubstr("refused: a name at no address: EFAULT"),
                    HasSubstr("refused: a name without an end: ENAMETOOLONG")));
  EXPECT_THAT(names(result), AllOf(HasSubstr("write /etc/\\x1b[2J"), HasSubstr("\\n"),
                                   HasSubstr("write /etc/aaaa")));
  for (const Refusal& entry : result.refusals->entries) {
    for (const std::string* text : {&entry.name, &entry.reason, &entry.rule, &entry.remedy}) {
      EXPECT_LE(text->size(), 600U);
      EXPECT_TRUE(std::none_of(text->begin(), text->end(), [](char letter) {
        return static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f;
      })) << *text;
    }
  }
}

TEST_F(Refusals, ManyRunsLeaveNothingBehind) {
  auto sandbox = ProcessSandbox::create(config({"true"}));
  ASSERT_TRUE(sandbox);
  ASSERT_EQ(sandbox->run("true", {}, {.explain = true})->status, Status::ok);
  const auto before = left_behind();
  for (int index = 0; index < test::rounds(20, 50); ++index) {
    ASSERT_EQ(sandbox->run("true", {}, {.explain = true})->status, Status::ok) << index;
  }
  expect_nothing_left(before);
}

TEST_F(Refusals, InTheSecondTierLandlockIsExplained) {
  Config wide = config({"sh", "cat"});
  wide.allow_secrets = true;
  auto policy = Policy::compile(wide);
  auto machinery = process::prepare_machinery({});
  ASSERT_TRUE(policy && machinery);
  (*machinery)->without_namespaces = true;
  const auto result = process::run_confined(
      *policy, **machinery,
      {.command = "sh",
       .args = {"-c", "cat inside.txt " + path("outside/secret.txt") + "; echo x > " +
                          path("outside/new") + "; /usr/bin/id; exit 0"},
       .deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20),
       .run_id = "weaker",
       .explain = process::Explain::yes});
  if (!result && result.error().kind == ErrorKind::unavailable) {
    GTEST_SKIP() << result.error().message;
  }
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->stdout_data, "inside");
  ASSERT_TRUE(result->refusals);
  EXPECT_THAT(result->refusals->entries,
              AllOf(Contains(refusal(RefusedThing::path, "read", path("outside/secret.txt"),
                                     "landlock", "allowed_paths")),
                    Contains(refusal(RefusedThing::path, "write", path("outside/new"), "landlock",
                                     "allowed_paths")),
                    Contains(refusal(RefusedThing::program, "run", "/usr/bin/id", "landlock",
                                     "allowed_commands: [id]"))));
}

}  // namespace
}  // namespace omnisandbox
