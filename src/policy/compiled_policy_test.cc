#include "policy/compiled_policy.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "omnisandbox/policy_file.h"
#include "policy/limits.h"

namespace omnisandbox {
namespace {

using namespace std::chrono_literals;

class PolicyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "omnisandbox-policy-XXXXXX").string();
    folder_ = std::filesystem::canonical(::mkdtemp(pattern.data()));
    std::filesystem::create_directories(folder_ / "data/inner");
    std::filesystem::create_directories(folder_ / "other");
    std::ofstream(folder_ / "data/file") << "content";
    std::ofstream(folder_ / "other/file") << "content";
    std::filesystem::create_symlink(folder_ / "other/file", folder_ / "data/link");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string path(const char* name) const { return (folder_ / name).string(); }

  std::filesystem::path folder_;
};

TEST_F(PolicyTest, DefaultConfigGrantsNothing) {
  const auto policy = Policy::compile({});
  ASSERT_TRUE(policy) << policy.error().message;
  for (const Capability capability : all_capabilities) {
    EXPECT_FALSE(policy->has(capability));
  }
  const Explanation answer = policy->explain(Capability::fs_read, "/etc/passwd");
  EXPECT_FALSE(answer.allowed);
  EXPECT_EQ(answer.reason, "the capability fs_read is not granted");
  EXPECT_EQ(answer.remedy, "capabilities: [fs_read]");
  EXPECT_FALSE(policy->explain(Capability::net_http, "http://example.com/").allowed);
  EXPECT_FALSE(policy->explain(Capability::exec_run, "ls").allowed);
}

TEST_F(PolicyTest, CapabilityAloneOpensNothing) {
  const auto policy =
      Policy::compile({.capabilities = {Capability::fs_read, Capability::fs_write,
                                        Capability::net_http, Capability::exec_run}});
  ASSERT_TRUE(policy);
  for (const auto& [capability, resource] :
       std::initializer_list<std::pair<Capability, std::string>>{
           {Capability::fs_read, path("data/file")},
           {Capability::fs_write, path("data/file")},
           {Capability::net_http, "https://example.com/"},
           {Capability::exec_run, "ls"}}) {
    const Explanation answer = policy->explain(capability, resource);
    EXPECT_FALSE(answer.allowed) << resource;
    EXPECT_FALSE(answer.reason.empty());
    EXPECT_FALSE(answer.remedy.empty());
  }
}

TEST_F(PolicyTest, ExplainNamesRuleAndReason) {
  const auto policy = Policy::compile({.capabilities = {Capability::fs_read, Capability::fs_write},
                                       .allowed_paths = {{path("data"), PathAccess::read}}});
  ASSERT_TRUE(policy) << policy.error().message;
  const Explanation read = policy->explain(Capability::fs_read, path("data/inner/../file"));
  EXPECT_TRUE(read.allowed) << read.reason;
  EXPECT_NE(read.rule.find("allowed_paths[0]"), std::string::npos);

  const Explanation write = policy->explain(Capability::fs_write, path("data/file"));
  EXPECT_FALSE(write.allowed);
  EXPECT_NE(write.reason.find("reading only"), std::string::npos) << write.reason;
  EXPECT_NE(write.remedy.find("read_write"), std::string::npos) << write.remedy;

  EXPECT_FALSE(policy->explain(Capability::fs_read, path("other/file")).allowed);
  EXPECT_FALSE(policy->explain(Capability::fs_read, path("data-evil")).allowed);
  const Explanation link = policy->explain(Capability::fs_read, path("data/link"));
  EXPECT_FALSE(link.allowed) << "a link is judged by where it leads";
  EXPECT_NE(link.reason.find(path("other/file")), std::string::npos) << link.reason;

  EXPECT_TRUE(policy->explain(Capability::fs_read, path("data/absent/deep")).allowed)
      << "what is not there yet is judged by its name";
  EXPECT_FALSE(policy->explain(Capability::fs_read, path("data/absent/../../other/file")).allowed);
  EXPECT_FALSE(policy->explain(Capability::fs_read, "relative").allowed);
  EXPECT_FALSE(policy->explain(Capability::fs_read, "").allowed);
}

TEST_F(PolicyTest, NarrowingOnlyTakesAway) {
  const auto base = Policy::compile({.capabilities = {Capability::fs_read, Capability::fs_write},
                                     .memory_limit_mb = 64,
                                     .timeout = 60s,
                                     .allowed_paths = {path("data")},
                                     .max_output_bytes = 10'000'000});
  ASSERT_TRUE(base) << base.error().message;
  const auto narrow = base->narrow({.capabilities = {Capability::fs_read, Capability::net_http},
                                    .memory_limit_mb = 128,
                                    .allowed_paths = {path("data/inner"), path("other")},
                                    .allowed_hosts = {"example.com"}});
  ASSERT_TRUE(narrow) << narrow.error().message;
  EXPECT_TRUE(narrow->explain(Capability::fs_read, path("data/inner/x")).allowed);
  EXPECT_FALSE(narrow->explain(Capability::fs_read, path("data/file")).allowed);
  EXPECT_FALSE(narrow->explain(Capability::fs_write, path("data/inner/x")).allowed);
  const Explanation other = narrow->explain(Capability::fs_read, path("other/file"));
  EXPECT_FALSE(other.allowed);
  EXPECT_NE(other.reason.find("base policy"), std::string::npos) << other.reason;
  EXPECT_FALSE(narrow->explain(Capability::net_http, "https://example.com/").allowed);

  const auto& limits = narrow->compiled().limits();
  EXPECT_EQ(limits.memory_limit_bytes, 64 * policy::mebibyte) << "the smaller one";
  EXPECT_EQ(limits.timeout, 60s) << "not set in the narrower one: the base's, not the default";
  EXPECT_EQ(limits.max_output_bytes, 10'000'000u);
  EXPECT_EQ(limits.max_file_bytes, 10'000'000u);

  const auto empty = base->narrow({});
  ASSERT_TRUE(empty);
  EXPECT_FALSE(empty->explain(Capability::fs_read, path("data/file")).allowed);
  const auto third = narrow->narrow(
      {.capabilities = {Capability::fs_read}, .timeout = 5s, .allowed_paths = {path("data")}});
  ASSERT_TRUE(third);
  EXPECT_TRUE(third->explain(Capability::fs_read, path("data/inner/x")).allowed);
  EXPECT_FALSE(third->explain(Capability::fs_read, path("data/file")).allowed)
      << "the layer between refuses";
  EXPECT_EQ(third->compiled().limits().timeout, 5s);
}

TEST_F(PolicyTest, NoLayerMakesTheLargestFileLarger) {
  const auto largest = [](const Policy& policy) {
    return policy.compiled().limits().largest_file_bytes();
  };
  const auto base = Policy::compile({.max_file_bytes = 1'000'000});
  ASSERT_TRUE(base);
  EXPECT_EQ(largest(*base), 1'000'000u);
  EXPECT_EQ(largest(*base->narrow({})), 1'000'000u) << "not set in the narrower one";
  EXPECT_EQ(largest(*base->narrow({.max_file_bytes = 5'000'000})), 1'000'000u);
  EXPECT_EQ(largest(*base->narrow({.max_file_bytes = 1'000})), 1'000u);
  const auto writing = Policy::compile({.max_write_bytes = 4'000'000});
  ASSERT_TRUE(writing);
  EXPECT_EQ(largest(*writing), 4'000'000u) << "not set: as much as may be written in all";
  EXPECT_EQ(largest(*writing->narrow({.max_file_bytes = 9'000'000})), 4'000'000u);
}

TEST_F(PolicyTest, BaseDemandsStay) {
  const auto base = Policy::compile({.audit_required = true});
  ASSERT_TRUE(base);
  EXPECT_TRUE(base->narrow({})->config().audit_required);
}

TEST_F(PolicyTest, LimitsBeyondTheirCeilingsAreErrors) {
  const auto refused = [](Config config) {
    const auto policy = Policy::compile(std::move(config));
    return !policy && policy.error().kind == ErrorKind::invalid_argument &&
           !policy.error().message.empty();
  };
  EXPECT_TRUE(refused({.memory_limit_mb = 0}));
  EXPECT_TRUE(refused({.memory_limit_mb = ~0ull}));
  EXPECT_TRUE(refused({.timeout = 0s}));
  EXPECT_TRUE(refused({.timeout = -1s}));
  EXPECT_TRUE(refused({.timeout = 25h}));
  EXPECT_TRUE(refused({.fuel_limit = 0}));
  EXPECT_TRUE(refused({.fuel_limit = ~0ull}));
  EXPECT_TRUE(refused({.max_output_bytes = ~0ull}));
  EXPECT_TRUE(refused({.max_processes = 0}));
  EXPECT_TRUE(refused({.cpu_time_limit = -5ms}));
  EXPECT_TRUE(refused({.environment = {{"A=B", "x"}}}));
  EXPECT_TRUE(refused({.environment = {{"", "x"}}}));
  EXPECT_TRUE(refused({.environment = {{"A", std::string("x\0y", 3)}}}));
  EXPECT_FALSE(
      refused({.memory_limit_mb = 64, .timeout = 24h, .fuel_limit = 1, .max_output_bytes = 0}));
}

TEST_F(PolicyTest, AllowedPathMustExist) {
  const auto policy =
      Policy::compile({.capabilities = {Capability::fs_read}, .allowed_paths = {path("absent")}});
  ASSERT_FALSE(policy);
  EXPECT_EQ(policy.error().kind, ErrorKind::not_found);
  EXPECT_NE(policy.error().message.find("allowed_paths[0]"), std::string::npos)
      << policy.error().message;
}

TEST_F(PolicyTest, ExplainsRequestsWithTheirMethod) {
  const auto policy =
      Policy::compile({.capabilities = {Capability::net_http},
                       .allowed_hosts = {{"api.example.com", {"GET"}}, "127.0.0.1:8080"}});
  ASSERT_TRUE(policy) << policy.error().message;
  EXPECT_TRUE(policy->explain(Capability::net_http, "https://API.example.com./x").allowed);
  EXPECT_TRUE(policy->explain(Capability::net_http, "GET https://api.example.com/").allowed);
  EXPECT_FALSE(policy->explain(Capability::net_http, "POST https://api.example.com/").allowed);
  EXPECT_FALSE(
      policy->explain(Capability::net_http, "https://api.example.com.evil.example/").allowed);
  EXPECT_TRUE(policy->explain(Capability::net_http, "http://127.0.0.1:8080/").allowed);
  EXPECT_FALSE(policy->explain(Capability::net_http, "http://127.0.0.1:8081/").allowed);
  EXPECT_FALSE(policy->explain(Capability::net_http, "not a url").allowed);
}

// A name that means another file since the base was compiled must not widen what the base allows.
TEST_F(PolicyTest, WarningsAndCapabilitiesAreTold) {
  const auto policy = Policy::compile({.capabilities = {Capability::exec_run},
                                       .allowed_commands = {"/no/such/omnisandbox-command"}});
  ASSERT_TRUE(policy) << policy.error().message;
  EXPECT_TRUE(policy->has(Capability::exec_run));
  EXPECT_FALSE(policy->has(Capability::fs_read));
  ASSERT_EQ(policy->warnings().size(), 1u);
  EXPECT_NE(policy->warnings()[0].message.find("is absent"), std::string::npos);
  const Explanation unknown = policy->explain(static_cast<Capability>(99), "/x");
  EXPECT_FALSE(unknown.allowed);
  EXPECT_EQ(unknown.reason, "there is no such capability");
}

TEST_F(PolicyTest, WhatHoldsSomethingClosedIsNotMoved) {
  const auto policy = Policy::compile(
      {.capabilities = {Capability::fs_read, Capability::fs_write},
       .allowed_paths = {path("data"), {path("data/inner"), PathAccess::none}, path("other")}});
  ASSERT_TRUE(policy) << policy.error().message;
  const policy::CompiledPolicy& compiled = policy->compiled();
  EXPECT_TRUE(compiled.judge_path(path("data"), policy::PathUse::write, "data"));
  EXPECT_TRUE(compiled.judge_path(path("other"), policy::PathUse::move, "other"));
  const auto moved = compiled.judge_path(path("data"), policy::PathUse::move, "data");
  ASSERT_FALSE(moved);
  EXPECT_NE(moved.error().reason.find("out of the reach of the rule"), std::string::npos);
  EXPECT_NE(moved.error().rule.find("inner"), std::string::npos) << moved.error().rule;
  // An outer layer's rule counts as well.
  const auto narrower =
      policy->narrow({.capabilities = {Capability::fs_write}, .allowed_paths = {path("data")}});
  ASSERT_TRUE(narrower) << narrower.error().message;
  EXPECT_FALSE(narrower->compiled().judge_path(path("data"), policy::PathUse::move, "data"));
}

TEST_F(PolicyTest, ACommandOfANarrowerPolicyGetsNoMoreMemoryThanTheBaseGives) {
  CommandRule generous("true");
  generous.memory_limit_mb = 4096;
  Config config{.capabilities = {Capability::exec_run}, .allowed_commands = {"true"}};
  config.memory_limit_mb = 100;
  const auto base = Policy::compile(config);
  ASSERT_TRUE(base) << base.error().message;
  const auto narrower = base->narrow(
      {.capabilities = {Capability::exec_run}, .allowed_commands = {std::move(generous)}});
  ASSERT_TRUE(narrower) << narrower.error().message;
  const auto grant = narrower->compiled().judge_command("true", {});
  ASSERT_TRUE(grant) << grant.error().reason;
  EXPECT_EQ(grant->terms.memory_limit_mb, 100u);
}

TEST_F(PolicyTest, AStarTrustsNoFileThatItsPolicyCanWrite) {
  std::string folder = "/var/lib/omnisandbox-test-XXXXXX";
  if (::getuid() != 0 || ::mkdtemp(folder.data()) == nullptr) {
    GTEST_SKIP() << "only root has a folder that nobody else may write";
  }
  const std::string tool = folder + "/tool";
  std::ofstream(tool) << "#!/bin/sh\n";
  std::filesystem::permissions(tool, std::filesystem::perms(0755));
  const auto base =
      Policy::compile({.capabilities = {Capability::exec_run}, .allowed_commands = {tool}});
  ASSERT_TRUE(base) << base.error().message;
  Config star{.capabilities = {Capability::exec_run}, .allowed_commands = {"*"}};
  const auto same = base->narrow(star);
  ASSERT_TRUE(same) << same.error().message;
  EXPECT_TRUE(same->compiled().judge_command(tool, {}));
  star.capabilities.push_back(Capability::fs_write);
  star.allowed_paths = {folder};
  const auto writing = base->narrow(star);
  ASSERT_TRUE(writing) << writing.error().message;
  const auto answer = writing->compiled().judge_command(tool, {});
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().reason.find("lies where the policy itself can write"), std::string::npos)
      << answer.error().reason;
  std::filesystem::remove_all(folder);
}

TEST_F(PolicyTest, ANarrowerPolicyMeansTheSameFilesOfCommands) {
  std::string folder = "/var/lib/omnisandbox-test-XXXXXX";
  if (::getuid() != 0 || ::mkdtemp(folder.data()) == nullptr) {
    GTEST_SKIP() << "only root has a folder that nobody else may write";
  }
  const std::string tool = folder + "/tool";
  const auto write_tool = [&] {
    std::ofstream(tool + ".new") << "#!/bin/sh\n";
    std::filesystem::permissions(tool + ".new", std::filesystem::perms(0755));
    std::filesystem::rename(tool + ".new", tool);
  };
  const Config config{.capabilities = {Capability::exec_run}, .allowed_commands = {tool}};
  write_tool();
  const auto base = Policy::compile(config);
  ASSERT_TRUE(base) << base.error().message;
  const auto same = base->narrow(config);
  ASSERT_TRUE(same) << same.error().message;
  EXPECT_TRUE(same->compiled().judge_command(tool, {}));
  write_tool();
  const auto other = base->narrow(config);
  ASSERT_TRUE(other) << other.error().message;
  const auto answer = other->compiled().judge_command(tool, {});
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().reason.find("another file"), std::string::npos) << answer.error().reason;
  std::filesystem::remove_all(folder);
}

TEST_F(PolicyTest, RemedyForAnAddressCoversThePortThatWasAskedFor) {
  const Config config{.capabilities = {Capability::net_http}, .allowed_hosts = {"*:8443"}};
  const auto policy = Policy::compile(config);
  ASSERT_TRUE(policy) << policy.error().message;
  const auto target = policy::canonicalise_url("https://files.example:8443/");
  ASSERT_TRUE(target);
  for (const char* text : {"10.1.2.3", "127.0.0.1", "fd00::1", "::1", "::ffff:10.0.0.1"}) {
    const auto address = policy::IpAddress::parse(text);
    ASSERT_TRUE(address) << text;
    const auto judge = [&](const Policy& asked) {
      const auto grant = asked.compiled().judge_request(*target, "GET", target->url);
      EXPECT_TRUE(grant);
      return asked.compiled().judge_address(*target, *grant, *address, target->url);
    };
    const auto refused = judge(*policy);
    ASSERT_FALSE(refused) << text;
    const auto added = parse_policy_file("version: 1\n" + refused.error().remedy, "remedy");
    ASSERT_TRUE(added) << refused.error().remedy << ": " << added.error().message;
    Config followed = config;
    followed.allowed_hosts.push_back(added->config.allowed_hosts.at(0));
    const auto changed = Policy::compile(followed);
    ASSERT_TRUE(changed) << changed.error().message;
    EXPECT_TRUE(judge(*changed)) << refused.error().remedy;
  }
}

TEST_F(PolicyTest, NoLineAllowsWhatIsNoRequestAndNoCommand) {
  const auto policy = Policy::compile({.capabilities = {Capability::net_http, Capability::exec_run},
                                       .allowed_hosts = {"a.example"},
                                       .allowed_commands = {"ls"}});
  ASSERT_TRUE(policy) << policy.error().message;
  const auto target = policy::canonicalise_url("https://a.example/");
  ASSERT_TRUE(target);
  const auto connect = policy->compiled().judge_request(*target, "CONNECT", target->url);
  ASSERT_FALSE(connect);
  EXPECT_EQ(connect.error().remedy, "");
  for (const char* command : {"./ls", "bin/ls", "../ls", "/usr/bin/../bin/ls", "*"}) {
    const auto answer = policy->compiled().judge_command(command, {});
    ASSERT_FALSE(answer) << command;
    EXPECT_EQ(answer.error().remedy, "") << command;
  }
}

}  // namespace
}  // namespace omnisandbox
