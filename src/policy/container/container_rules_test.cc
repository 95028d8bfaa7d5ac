#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/container/container_grant.h"

namespace omnisandbox::policy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Policy compiled(Config config) {
  config.capabilities.push_back(Capability::exec_run);
  if (config.allowed_commands.empty()) {
    config.allowed_commands = {"true"};
  }
  auto policy = Policy::compile(std::move(config));
  EXPECT_TRUE(policy) << (policy ? "" : policy.error().message);
  return *std::move(policy);
}

Expected<ContainerGrant> judged(const DockerConfig& docker, Config config = {}) {
  return judge_container(compiled(std::move(config)).compiled(), docker);
}

void expect_denied(const DockerConfig& docker, const std::string& said, Config config = {}) {
  const auto grant = judged(docker, std::move(config));
  ASSERT_FALSE(grant) << said;
  EXPECT_EQ(grant.error().kind, ErrorKind::denied) << grant.error().message;
  EXPECT_THAT(grant.error().message, HasSubstr(said));
}

TEST(ContainerRules, TheDefaultsGiveNothing) {
  const auto grant = judged({.image = "alpine:3"});
  ASSERT_TRUE(grant) << grant.error().message;
  EXPECT_EQ(grant->network, NetworkMode::none);
  EXPECT_TRUE(grant->added_capabilities.empty());
  EXPECT_TRUE(grant->mounts.empty());
  EXPECT_TRUE(grant->has_read_only_root);
  EXPECT_TRUE(grant->has_no_new_privileges);
  EXPECT_EQ(grant->memory_bytes, 256ULL << 20);
  EXPECT_EQ(grant->cpu_quota_us, 50'000);
  EXPECT_EQ(grant->max_processes, 64U);
  EXPECT_EQ(grant->user, "65534:65534");
}

TEST(ContainerRules, CapabilitiesThatReachOutAreNeverAdded) {
  for (const char* name : {"ALL",
                           "SYS_ADMIN",
                           "CAP_SYS_ADMIN",
                           "SYS_PTRACE",
                           "SYS_MODULE",
                           "NET_ADMIN",
                           "NET_RAW",
                           "SYS_RAWIO",
                           "DAC_READ_SEARCH",
                           "BPF",
                           "PERFMON",
                           "SYSLOG",
                           "SYS_BOOT",
                           "SYS_TIME",
                           "MKNOD",
                           "MAC_ADMIN",
                           "CHECKPOINT_RESTORE",
                           "SYS_CHROOT",
                           "sys_admin",
                           "",
                           "NO_SUCH"}) {
    expect_denied({.image = "a", .cap_add = {name}}, "cap_add");
  }
  const auto grant = judged({.image = "a", .cap_add = {"CAP_NET_BIND_SERVICE", "KILL", "KILL"}});
  ASSERT_TRUE(grant);
  EXPECT_THAT(grant->added_capabilities, ElementsAre("NET_BIND_SERVICE", "KILL"));
}

TEST(ContainerRules, WithoutDroppingAllTheHarmlessOnesOfTheEngineAreLeft) {
  const auto grant = judged({.image = "a", .cap_drop = {"CHOWN", "CAP_SETUID"}});
  ASSERT_TRUE(grant);
  EXPECT_THAT(grant->added_capabilities,
              ElementsAre("AUDIT_WRITE", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID",
                          "NET_BIND_SERVICE"));
}

TEST(ContainerRules, SecurityOptionsOnlyTighten) {
  for (const char* option :
       {"seccomp=unconfined", "seccomp:unconfined", "seccomp={}", "seccomp=/profile.json",
        "apparmor=unconfined", "apparmor:unconfined", "apparmor=", "label=disable",
        "label=type:spc_t", "systempaths=unconfined", "no-new-privileges:false",
        "no-new-privileges=false", "credentialspec=file://x", "", "unknown"}) {
    expect_denied({.image = "a", .security_opt = {option}}, "security_opt");
  }
  const auto grant =
      judged({.image = "a",
              .security_opt = {"no-new-privileges", "no-new-privileges:true", "seccomp=builtin",
                               "apparmor=docker-default", "label=level:s0:c1,c2"}});
  ASSERT_TRUE(grant);
  EXPECT_THAT(grant->security_options,
              ElementsAre("apparmor=docker-default", "label=level:s0:c1,c2"));
}

TEST(ContainerRules, RuntimesAreKnownByName) {
  for (const char* name : {"/tmp/evil", "io.containerd.evil.v1", "..", "runc "}) {
    expect_denied({.image = "a", .runtime = name}, "runtime");
  }
  for (const char* name : {"", "runc", "crun", "runsc", "kata"}) {
    EXPECT_TRUE(judged({.image = "a", .runtime = name})) << name;
  }
}

TEST(ContainerRules, NetworksNeedTheCapabilityAndTheHostsOwnEveryHost) {
  const DockerConfig bridge{.image = "a", .network_mode = NetworkMode::bridge};
  const DockerConfig host{.image = "a", .network_mode = NetworkMode::host};
  expect_denied(bridge, "net_http");
  expect_denied(host, "net_http");
  const Config some{.capabilities = {Capability::net_http}, .allowed_hosts = {"api.example.com"}};
  EXPECT_TRUE(judged(bridge, some));
  expect_denied(host, "no list of hosts can be enforced", some);
  const Config read_all{.capabilities = {Capability::net_http},
                        .allowed_hosts = {HostRule("*", {"GET"})}};
  expect_denied(host, "no list of hosts can be enforced", read_all);
  const Config all{.capabilities = {Capability::net_http}, .allowed_hosts = {"*"}};
  EXPECT_TRUE(judged(host, all));
  // An outer layer's list holds as well.
  Config inner = all;
  inner.capabilities.push_back(Capability::exec_run);
  inner.allowed_commands = {"true"};
  const auto narrowed = compiled(some).narrow(inner);
  ASSERT_TRUE(narrowed);
  EXPECT_FALSE(judge_container(narrowed->compiled(), host));
  // A rule without network takes it away.
  const auto without = judge_container(compiled(all).compiled(), host, {.allows_network = false});
  ASSERT_TRUE(without);
  EXPECT_EQ(without->network, NetworkMode::none);
}

TEST(ContainerRules, LimitsAreTheSmallerOfPolicyAndContainer) {
  const auto memory_of = [](std::optional<std::uint64_t> docker,
                            std::optional<unsigned> policy_mb) {
    Config config;
    if (policy_mb) config.memory_limit_mb = *policy_mb;
    return judged({.image = "a", .memory_limit = docker}, config)->memory_bytes >> 20;
  };
  EXPECT_EQ(memory_of({}, {}), 256U);
  EXPECT_EQ(memory_of(512ULL << 20, {}), 512U);
  EXPECT_EQ(memory_of({}, 32), 32U);
  EXPECT_EQ(memory_of(512ULL << 20, 32), 32U);
  EXPECT_EQ(memory_of(8ULL << 20, 32), 8U);
  Config config;
  config.max_processes = 10U;
  EXPECT_EQ(judged({.image = "a", .pids_limit = 1000}, config)->max_processes, 10U);
  EXPECT_FALSE(judged({.image = "a", .pids_limit = 0}));
  EXPECT_FALSE(judged({.image = "a", .pids_limit = -1}));
  EXPECT_FALSE(judged({.image = "a", .cpu_quota = 0}));
}

TEST(ContainerRules, NamesThatAreNoneAreErrors) {
  for (const char* image : {"", "a b", "a\nb", "../a", "-v", "a?x=1", "a#b", "a%2e"}) {
    const auto grant = judged({.image = image});
    ASSERT_FALSE(grant) << image;
    EXPECT_EQ(grant.error().kind, ErrorKind::invalid_argument);
  }
  for (const char* user : {"", ":1", "-1", "a b", "0;id"}) {
    EXPECT_FALSE(judged({.image = "a", .user = user})) << user;
  }
  EXPECT_TRUE(judged({.image = "registry.example:5000/a/b@sha256:0123", .user = "nobody:1000"}));
}

TEST(ContainerRules, CommandsMatchByNameAndTakeTheirRulesTerms) {
  CommandRule rule("tool", {"status"});
  rule.memory_limit_mb = 8;
  rule.timeout = std::chrono::milliseconds(500);
  rule.network = false;
  rule.environment = {{"A", "rule"}};
  const Policy policy = compiled({.allowed_commands = {rule}, .environment = {{"A", "config"}}});
  const std::vector<std::string> status = {"status"};
  const auto allowed = judge_container_command(policy.compiled(), "tool", status);
  ASSERT_TRUE(allowed);
  EXPECT_EQ(allowed->environment.at("A"), "rule");
  EXPECT_EQ(allowed->bounds.memory_bytes, 8ULL << 20);
  EXPECT_FALSE(allowed->bounds.allows_network);
  EXPECT_EQ(allowed->timeout, std::chrono::milliseconds(500));
  EXPECT_FALSE(judge_container_command(policy.compiled(), "tool", {}));
  EXPECT_FALSE(judge_container_command(policy.compiled(), "other", status));
}

TEST(ContainerRules, WithoutTheCapabilityNoCommandIsAllowed) {
  const auto policy = Policy::compile(Config{.allowed_commands = {"tool"}});
  ASSERT_TRUE(policy);
  const auto judged_command = judge_container_command(policy->compiled(), "tool", {});
  ASSERT_FALSE(judged_command);
  EXPECT_EQ(judged_command.error().reason, "the capability exec_run is not granted");
}

TEST(ContainerRules, AWorkingFolderIsNeverInProc) {
  for (const char* folder : {"/proc/self/fd/7", "/proc", "//proc//self/cwd", "/./proc/1/root",
                             "/dev/fd/3", "/a/../proc/self/fd/7"}) {
    EXPECT_FALSE(judge_container_folder(folder)) << folder;
  }
  EXPECT_FALSE(judge_container_folder("relative"));
  EXPECT_EQ(judge_container_folder("/work//here/").value(), "/work/here");
  EXPECT_EQ(judge_container_folder("/").value(), "/");
}

TEST(ContainerRules, FilesAreNotCopiedToOrFromTheKernelsTreesOrOurs) {
  for (const char* path : {"/proc/self/mem", "/proc", "//sys//x", "/./dev/null", "/dev/shm/x",
                           "/.omnisandbox/init", "/a/../proc/x", "relative", "", "/a/.."}) {
    EXPECT_FALSE(judge_container_path(path)) << path;
  }
  EXPECT_EQ(judge_container_path("/process/file").value(), "/process/file");
  EXPECT_EQ(judge_container_path("/tmp//here/").value(), "/tmp/here");
}

}  // namespace
}  // namespace omnisandbox::policy
