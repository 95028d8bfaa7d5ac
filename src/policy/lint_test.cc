#include "policy/lint.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace omnisandbox {
namespace {

using Warnings = std::vector<PolicyWarning>;

std::string all_of(const Warnings& warnings) {
  std::string text;
  for (const PolicyWarning& warning : warnings) {
    text += warning.where + " | " + warning.message + " | " + warning.advice + "\n";
    EXPECT_FALSE(warning.where.empty());
    EXPECT_FALSE(warning.message.empty());
    EXPECT_FALSE(warning.advice.empty());
    EXPECT_EQ((warning.message + warning.advice).find('\n'), std::string::npos);
  }
  return text;
}

bool warns(const Warnings& warnings, std::string_view where, std::string_view message) {
  return std::any_of(warnings.begin(), warnings.end(), [&](const PolicyWarning& warning) {
    return warning.where == where && warning.message.find(message) != std::string::npos;
  });
}

Config reading(std::vector<PathRule> paths) {
  return Config{.capabilities = {Capability::fs_read},
                .timeout = std::chrono::seconds(1),
                .allowed_paths = std::move(paths)};
}
Config writing(std::string path) {
  return Config{.capabilities = {Capability::fs_write},
                .timeout = std::chrono::seconds(1),
                .allowed_paths = {PathRule(std::move(path), PathAccess::read_write)}};
}
Config fetching(std::vector<HostRule> hosts) {
  return Config{.capabilities = {Capability::net_http},
                .timeout = std::chrono::seconds(1),
                .allowed_hosts = std::move(hosts)};
}
Config running(std::vector<CommandRule> commands) {
  return Config{.capabilities = {Capability::exec_run},
                .timeout = std::chrono::seconds(1),
                .allowed_commands = std::move(commands)};
}

TEST(Lint, ANarrowPolicyIsSilent) {
  EXPECT_EQ(all_of(lint(Config{})), "");
  EXPECT_EQ(all_of(lint(reading({"/tmp/data",
                                 "/home/user/docs",
                                 "/usr/share/dict",
                                 "/etc/hosts",
                                 {"**/.git", PathAccess::none},
                                 "/srv/app/.env.example"}))),
            "");
  EXPECT_EQ(all_of(lint(writing("/tmp/data"))), "");
  EXPECT_EQ(
      all_of(lint(fetching({"api.example.com", "*.example.org", "https://files.example.net:8443/x/",
                            "http://localhost:8080", "10.1.2.3:8080"}))),
      "");
  EXPECT_EQ(all_of(lint(running({"ls", "cat", CommandRule("git", {"status"}), "/usr/bin/head"}))),
            "");
  EXPECT_EQ(all_of(lint(PolicyFile{.config = reading({"/tmp/data"}),
                                   .docker = DockerConfig{.image = "alpine@sha256:abc",
                                                          .mounts = {{"/tmp/data", "/data"}}}})),
            "");
}

TEST(Lint, Capabilities) {
  EXPECT_TRUE(warns(lint(Config{.capabilities = all_capabilities}), "capabilities",
                    "all four capabilities are granted at once"));
  Config config = reading({});
  EXPECT_TRUE(warns(lint(config), "capabilities", "fs_read is granted and allowed_paths is empty"));
  config = fetching({});
  EXPECT_TRUE(
      warns(lint(config), "capabilities", "net_http is granted and allowed_hosts is empty"));
  config = running({});
  EXPECT_TRUE(
      warns(lint(config), "capabilities", "exec_run is granted and allowed_commands is empty"));
  const Config dead{
      .allowed_paths = {"/a"}, .allowed_hosts = {"a.example"}, .allowed_commands = {"ls"}};
  const Warnings warnings = lint(dead);
  EXPECT_TRUE(
      warns(warnings, "allowed_paths", "has no effect: fs_read (or fs_write) is not granted"));
  EXPECT_TRUE(warns(warnings, "allowed_hosts", "has no effect: net_http"));
  EXPECT_TRUE(warns(warnings, "allowed_commands", "has no effect: exec_run"));
}

TEST(Lint, PathsThatOpenTooMuch) {
  for (const std::string path : {"/",
                                 "*",
                                 "/root",
                                 "/root/",
                                 "/home",
                                 "/home/alice",
                                 "/etc",
                                 "/proc",
                                 "/proc/self",
                                 "/sys/kernel",
                                 "/dev",
                                 "/run",
                                 "/var/run",
                                 "/var",
                                 "/var/lib",
                                 "/var/run/docker.sock",
                                 "/run/docker.sock",
                                 "/run/user/1000",
                                 "/run/./docker.sock",
                                 "//",
                                 "/home/alice/.ssh",
                                 "/home/alice/.ssh/id_ed25519",
                                 "/home/alice/.aws/credentials",
                                 "/srv/app/.env",
                                 "/etc/shadow"}) {
    const Warnings warnings = lint(reading({PathRule(path)}));
    EXPECT_TRUE(warns(warnings, "allowed_paths[0]", "")) << path;
  }
  EXPECT_TRUE(warns(lint(reading({"/x", "~"})), "allowed_paths[1]", "not expanded"));
  EXPECT_TRUE(warns(lint(reading({"~/docs"})), "allowed_paths[0]", "not expanded"));
  EXPECT_TRUE(warns(lint(reading({"/home/alice"})), "allowed_paths[0]",
                    "the whole home folder of alice is open"));
  EXPECT_EQ(all_of(lint(reading({{"/", PathAccess::none}, {"/home/alice", PathAccess::none}}))),
            "");
}

TEST(Lint, PathsThatMustNotBeWritten) {
  for (const std::string path : {"/usr", "/usr/local/bin", "/bin", "/lib64", "/etc/cron.d", "/boot",
                                 "/opt", "/tmp", "/dev/sda", "/home/a/x/.git/config",
                                 "/home/a/.config/systemd/user", "/var/spool/cron/crontabs"}) {
    EXPECT_TRUE(warns(lint(writing(path)), "allowed_paths[0]", "")) << path;
  }
  EXPECT_EQ(
      all_of(lint(reading({"/usr", "/bin", "/lib64", "/opt", "/tmp", "/home/a/x/.git/config"}))),
      "");
}

TEST(Lint, WritingThatNobodyAskedFor) {
  Config config{.capabilities = {Capability::fs_read, Capability::fs_write},
                .timeout = std::chrono::seconds(1),
                .allowed_paths = {"/tmp/data", PathRule("/srv/a", PathAccess::read),
                                  PathRule("/srv/b", PathAccess::read_write)}};
  const Warnings warnings = lint(config);
  EXPECT_TRUE(
      warns(warnings, "allowed_paths[0]", "it may be written, because fs_write is granted"));
  EXPECT_EQ(warnings.size(), 1u) << all_of(warnings);
  config.allowed_paths = {PathRule("/srv/a", PathAccess::read)};
  EXPECT_TRUE(
      warns(lint(config), "capabilities", "no rule of allowed_paths opens anything for writing"));
  EXPECT_TRUE(warns(lint(reading({PathRule("/srv/b", PathAccess::read_write)})), "allowed_paths[0]",
                    "it says read_write, but fs_write is not granted"));
}

TEST(Lint, HostsThatOpenTooMuch) {
  const std::pair<HostRule, std::string_view> cases[] = {
      {"*", "every host of the Internet"},
      {"*.com", "a whole top-level domain"},
      {"*.dev:8443", "a whole top-level domain"},
      {"*.github.io", "anybody can have a name under *.github.io"},
      {"*.co.uk", "anybody can have a name"},
      {"http://api.example.com", "http is neither secret nor safe"},
      {"169.254.169.254", "where clouds hand out the credentials"},
      {"http://169.254.169.254/latest/", "where clouds hand out the credentials"},
      {"metadata.google.internal", "credentials of this machine"},
      {"169.254.0.0/16", "where clouds hand out the credentials"},
      {"10.0.0.0/8", "a whole network"},
      {"0.0.0.0/0", "a whole network"},
      {"::/0", "a whole network"},
      {{"api.example.com", {}, {"10.0.0.0/8"}}, "a whole network"},
      {{"api.example.com", {}, {"169.254.169.254/32"}}, "where clouds hand out"},
      {"127.0.0.1:1-65535", "ports 1 to 65535 are open"},
      {"localhost:2375", "the container engine may listen there"},
  };
  for (const auto& [rule, message] : cases) {
    EXPECT_TRUE(warns(lint(fetching({rule})), "allowed_hosts[0]", message))
        << rule.host << "\n"
        << all_of(lint(fetching({rule})));
  }
  // What is no rule at all is reported elsewhere.
  EXPECT_EQ(all_of(lint(fetching({"http://user@x/", "", "a b"}))), "");
}

TEST(Lint, CommandsThatRunOthers) {
  for (const std::string command : {"*",
                                    "sh",
                                    "bash",
                                    "/bin/sh",
                                    "/usr/bin/dash",
                                    "zsh",
                                    "fish",
                                    "env",
                                    "busybox",
                                    "xargs",
                                    "find",
                                    "python",
                                    "python3",
                                    "python3.11",
                                    "/usr/bin/python3",
                                    "perl",
                                    "perl5.36.0",
                                    "ruby",
                                    "node",
                                    "awk",
                                    "mawk",
                                    "sed",
                                    "tar",
                                    "ssh",
                                    "git",
                                    "sudo",
                                    "su",
                                    "docker",
                                    "nsenter",
                                    "unshare",
                                    "setpriv",
                                    "/lib64/ld-linux-x86-64.so.2",
                                    "ld.so",
                                    "make",
                                    "gdb",
                                    "strace",
                                    "vim",
                                    "less",
                                    "npm",
                                    "pip3",
                                    "curl",
                                    "gcc-12",
                                    "clang++-14",
                                    "timeout",
                                    "lua5.4"}) {
    const Warnings warnings = lint(running({CommandRule(command)}));
    EXPECT_EQ(warnings.size(), 1u) << command << "\n" << all_of(warnings);
  }
  EXPECT_TRUE(warns(lint(running({"ls", "bash"})), "allowed_commands[1]",
                    "a shell runs whatever its arguments say"));
  // Narrowed arguments help where the danger lies in options, and not where it lies in the program.
  CommandRule find("find");
  find.arg_globs = {"/tmp/*", "-name"};
  EXPECT_EQ(
      all_of(lint(running({find, CommandRule("git", {"status"}), CommandRule("make", {"test"})}))),
      "");
  EXPECT_TRUE(
      warns(lint(running({CommandRule("bash", {"-c", "ls"})})), "allowed_commands[0]", "a shell"));
  EXPECT_TRUE(warns(lint(running({CommandRule("python3", {"x.py"})})), "allowed_commands[0]",
                    "an interpreter"));
}

TEST(Lint, Limits) {
  Config config = reading({"/tmp/data"});
  config.timeout = Config{}.timeout;
  EXPECT_TRUE(warns(lint(config), "timeout", "no timeout is chosen"));
  config.timeout = std::chrono::hours(2);
  EXPECT_TRUE(warns(lint(config), "timeout", "a run may take 7200 s"));
  config = reading({"/tmp/data"});
  config.memory_limit_mb = 16'384;
  config.max_output_bytes = 1024ull * 1024 * 1024;
  config.max_processes = 30'000;
  config.allow_secrets = true;
  const Warnings warnings = lint(config);
  EXPECT_TRUE(warns(warnings, "memory_limit_mb", "16 GiB stops little"));
  EXPECT_TRUE(warns(warnings, "max_output_bytes", "1 GiB stops little"));
  EXPECT_TRUE(warns(warnings, "max_processes", "30000 stops little"));
  EXPECT_TRUE(warns(warnings, "allow_secrets", "private keys"));
  config = writing("/tmp/data");
  config.allow_hard_links = true;
  EXPECT_TRUE(warns(lint(config), "allow_hard_links", "a second name inside"));
}

TEST(Lint, Environment) {
  Config config = running({"ls"});
  config.environment = {{"LANG", "C"},
                        {"LD_PRELOAD", "/x.so"},
                        {"https_proxy", "http://x"},
                        {"GITHUB_TOKEN", "abc"},
                        {"EMPTY_TOKEN", ""}};
  config.allowed_commands[0].environment = {{"BASH_ENV", "/x"}};
  const Warnings warnings = lint(config);
  EXPECT_TRUE(warns(warnings, "environment", "LD_PRELOAD is set"));
  EXPECT_TRUE(warns(warnings, "environment", "https_proxy is set"));
  EXPECT_TRUE(warns(warnings, "environment", "GITHUB_TOKEN looks like a secret"));
  EXPECT_TRUE(warns(warnings, "allowed_commands[0]", "BASH_ENV is set"));
  EXPECT_EQ(warnings.size(), 4u) << all_of(warnings);
}

TEST(Lint, Docker) {
  const auto warnings_of = [](DockerConfig docker, Config config = {}) {
    return lint(PolicyFile{.config = std::move(config), .docker = std::move(docker)});
  };
  EXPECT_EQ(all_of(warnings_of({})), "");
  EXPECT_TRUE(warns(warnings_of({.image = "alpine"}), "docker.image",
                    "another one whenever its owner publishes"));
  EXPECT_TRUE(
      warns(warnings_of({.image = "localhost:5000/a/b"}), "docker.image", "another one whenever"));
  EXPECT_TRUE(
      warns(warnings_of({.image = "alpine:latest"}), "docker.image", "another one whenever"));
  EXPECT_TRUE(warns(warnings_of({.image = "alpine:3.20"}), "docker.image", "a tag can be moved"));
  EXPECT_TRUE(warns(warnings_of({.network_mode = NetworkMode::host}), "docker.network_mode",
                    "no list of hosts holds there"));
  EXPECT_TRUE(warns(warnings_of({.network_mode = NetworkMode::bridge}), "docker.network_mode",
                    "net_http is not granted"));
  EXPECT_TRUE(
      warns(warnings_of({.cap_drop = {"NET_RAW"}}), "docker.cap_drop", "keeps Linux capabilities"));
  EXPECT_TRUE(
      warns(warnings_of({.cap_add = {"SYS_ADMIN"}}), "docker.cap_add", "SYS_ADMIN is a way out"));
  EXPECT_TRUE(
      warns(warnings_of({.cap_add = {"CAP_SYS_PTRACE"}}), "docker.cap_add", "is a way out"));
  EXPECT_TRUE(
      warns(warnings_of({.cap_add = {"NET_BIND_SERVICE"}}), "docker.cap_add", "a power of root"));
  EXPECT_TRUE(warns(warnings_of({.read_only_rootfs = false}), "docker.read_only_rootfs",
                    "change its own programs"));
  EXPECT_TRUE(
      warns(warnings_of({.no_new_privileges = false}), "docker.no_new_privileges", "setuid"));
  for (const std::string user : {"root", "0", "0:0", "", "root:1000", "00"}) {
    EXPECT_TRUE(warns(warnings_of({.user = user}), "docker.user", "runs as root")) << user;
  }
  EXPECT_TRUE(warns(warnings_of({.security_opt = {"seccomp=unconfined"}}), "docker.security_opt",
                    "switches a protection off"));
  EXPECT_TRUE(warns(warnings_of({.security_opt = {"label=disable"}}), "docker.security_opt",
                    "label=disable switches a protection off"));
  EXPECT_FALSE(warns(warnings_of({.security_opt = {"no-new-privileges"}}), "docker.security_opt",
                     "switches a protection off"));
  const Warnings mounts = warnings_of({.mounts = {{"/tmp/data", "/a"},
                                                  {"/var/run/docker.sock", "/b"},
                                                  {"/tmp/data", "/c", false},
                                                  {"/", "/d"}}});
  EXPECT_TRUE(warns(mounts, "docker.mounts[1]", "is root on the machine"));
  EXPECT_TRUE(warns(mounts, "docker.mounts[2]", "fs_write is not granted"));
  EXPECT_TRUE(warns(mounts, "docker.mounts[3]", "the whole file system"));
  EXPECT_FALSE(warns(mounts, "docker.mounts[0]", ""));
}

TEST(Lint, MessagesArePrintable) {
  const std::string evil = "/home/a\n\x1b[31m\xff";
  EXPECT_NE(all_of(lint(reading({PathRule(evil)}))), "");
  EXPECT_EQ(all_of(lint(reading({PathRule(evil)}))).find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace omnisandbox
