#include "omnisandbox/policy_file.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "policy/file/key_binding.h"
#include "policy/limits.h"

namespace omnisandbox {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

PolicyFile parsed(std::string_view text) {
  auto file = parse_policy_file(text, "p.yaml");
  EXPECT_TRUE(file.has_value()) << file.error().message;
  return file ? std::move(*file) : PolicyFile{};
}

TEST(PolicyFile, TheSmallestPolicyIsTheDefaultConfig) {
  const PolicyFile file = parsed("version: 1\n");
  EXPECT_EQ(file.config, Config{});
  EXPECT_FALSE(file.config.memory_limit_mb.is_set());
  EXPECT_FALSE(file.docker.has_value());
}

TEST(PolicyFile, EveryKeyReachesItsField) {
  const PolicyFile file = parsed(R"(
version: 1
capabilities: [fs_read, net_http]
allowed_paths: [/tmp/data, {path: /home/user/docs, access: read}, {path: "**/.git", access: none}, {path: /srv, guest_path: /data}]
allowed_hosts: [api.example.com, "*.example.org", "https://files.example.net:8443", {host: api.x.dev, methods: [GET], addresses: [10.0.0.0/8]}]
allowed_commands:
  - ls
  - command: git
    args: [status, "-1"]
    arg_globs: ["*.txt"]
    arg_regexes: ['[a-z]+\n']
    working_dir: /tmp/data
    environment: {GIT_PAGER: cat, EMPTY: ""}
    timeout: 1m30s
    memory_limit_mb: 1GiB
    network: false
memory_limit_mb: 16
timeout: 250ms
fuel_limit: 9223372036854775807
working_dir: /tmp
max_output_bytes: 64KiB
max_file_bytes: 1024
max_response_bytes: "1.5 MiB"
max_write_bytes: 0
max_files_created: 0
cpu_time_limit: 90
max_processes: 3
max_open_files: 4
max_concurrent_runs: 5
max_host_calls: 6
environment: {A: "1", "B C": "two\nlines"}
allow_hard_links: true
audit_required: true
allow_secrets: true
docker: {image: "alpine:latest", network_mode: bridge, cap_drop: [ALL], cap_add: [CHOWN], read_only_rootfs: false,
         no_new_privileges: false, memory_limit: 64MiB, cpu_quota: 1000, pids_limit: 7, env: {X: y}, user: 1000:1000,
         security_opt: ["apparmor=x"], runtime: runsc, pull: missing, pull_timeout: 90s,
         mounts: [{host_path: /tmp/data, container_path: /data, read_only: false}, {host_path: /a, container_path: /b}]}
)");
  CommandRule git("git", {"status", "-1"});
  git.arg_globs = {"*.txt"};
  git.arg_regexes = {"[a-z]+\\n"};
  git.working_dir = "/tmp/data";
  git.environment = {{"GIT_PAGER", "cat"}, {"EMPTY", ""}};
  git.timeout = 90s;
  git.memory_limit_mb = 1024;
  git.network = false;
  const Config expected{
      .capabilities = {Capability::fs_read, Capability::net_http},
      .memory_limit_mb = 16,
      .timeout = 250ms,
      .allowed_paths = {"/tmp/data",
                        {"/home/user/docs", PathAccess::read},
                        {"**/.git", PathAccess::none},
                        {"/srv", PathAccess::automatic, "/data"}},
      .allowed_hosts = {"api.example.com",
                        "*.example.org",
                        "https://files.example.net:8443",
                        {"api.x.dev", {"GET"}, {"10.0.0.0/8"}}},
      .allowed_commands = {"ls", git},
      .fuel_limit = 9223372036854775807ull,
      .working_dir = "/tmp",
      .max_output_bytes = 65536,
      .max_file_bytes = 1024,
      .max_response_bytes = 1536 * 1024,
      .max_write_bytes = 0,
      .max_files_created = 0,
      .cpu_time_limit = 90s,
      .max_processes = 3,
      .max_open_files = 4,
      .max_concurrent_runs = 5,
      .max_host_calls = 6,
      .environment = {{"A", "1"}, {"B C", "two\nlines"}},
      .allow_hard_links = true,
      .audit_required = true,
      .allow_secrets = true,
  };
  EXPECT_EQ(file.config, expected);
  EXPECT_TRUE(file.config.memory_limit_mb.is_set());
  EXPECT_TRUE(file.config.timeout.is_set());
  const DockerConfig docker{.image = "alpine:latest",
                            .network_mode = NetworkMode::bridge,
                            .cap_drop = {"ALL"},
                            .cap_add = {"CHOWN"},
                            .mounts = {{"/tmp/data", "/data", false}, {"/a", "/b", true}},
                            .read_only_rootfs = false,
                            .no_new_privileges = false,
                            .memory_limit = 64 * policy::mebibyte,
                            .cpu_quota = 1000,
                            .pids_limit = 7,
                            .env = {{"X", "y"}},
                            .user = "1000:1000",
                            .security_opt = {"apparmor=x"},
                            .runtime = "runsc",
                            .pull = PullPolicy::missing,
                            .pull_timeout = 90s};
  ASSERT_TRUE(file.docker.has_value());
  EXPECT_EQ(*file.docker, docker);
}

TEST(PolicyFile, JsonIsYaml) {
  const PolicyFile file = parsed(
      "{\"version\":1,\"capabilities\":[\"fs_read\"],\"timeout\":1.5,\n\t\"allowed_paths\":[{"
      "\"path\":\"/tmp\\/data\",\"access\":\"read\"}],"
      "\"memory_limit_mb\":\"16MiB\",\"allow_secrets\":false,\"docker\":{}}");
  EXPECT_EQ(file.config.allowed_paths, (std::vector<PathRule>{{"/tmp/data", PathAccess::read}}));
  EXPECT_EQ(file.config.timeout, 1500ms);
  EXPECT_EQ(file.config.memory_limit_mb, 16u);
  ASSERT_TRUE(file.docker.has_value());
  EXPECT_EQ(*file.docker, DockerConfig{});
}

TEST(PolicyFile, SpellingsOfTheSameThing) {
  for (const std::string size :
       {"16", "16MiB", "16 MiB", "\"16MiB\"", "16777216B", "16384KiB", "0.015625GiB"}) {
    EXPECT_EQ(parsed("version: 1\nmemory_limit_mb: " + size).config.memory_limit_mb, 16u) << size;
  }
  for (const std::string duration :
       {"90", "90s", "1m30s", "1.5m", "90000ms", "\"90\"", "'1m30s'", "0.025h"}) {
    EXPECT_EQ(parsed("version: 1\ntimeout: " + duration).config.timeout, 90s) << duration;
  }
  for (const std::string list : {"[a, b]", "\n  - a\n  - b", "\n- a\n- b",
                                 "\r\n  - a # x\r\n  - b\r\n", "['a',\"b\"]", "[\n\ta,\n\tb\n]"}) {
    EXPECT_EQ(parsed("version: 1\nallowed_hosts: " + list + "\n").config.allowed_hosts,
              (std::vector<HostRule>{"a", "b"}))
        << list;
  }
  EXPECT_EQ(parsed("# comment\n---\nversion: 1\n...\n").config, Config{});
  EXPECT_EQ(parsed("version: 1\nallowed_paths: []\nenvironment: {}\n").config, Config{});
}

TEST(PolicyFile, TextsKeepTheirBytes) {
  const PolicyFile file = parsed(
      "version: 1\nallowed_paths: [\"/tmp/\\u00e9\\\"\\\\\", '/it''s', /a b/c#d, /é, \"~/x\", "
      "on]\n");
  EXPECT_EQ(file.config.allowed_paths,
            (std::vector<PathRule>{"/tmp/é\"\\", "/it's", "/a b/c#d", "/é", "~/x", "on"}));
}

TEST(PolicyFile, TellsWhereThingsStand) {
  const PolicyFile file = parsed(
      "version: 1\nallowed_paths:\n  - /a\n  - {path: /b, access: read}\nallowed_commands: [é, "
      "{command: x, args: [y]}]\n"
      "docker:\n  mounts:\n    - {host_path: /a, container_path: /b}\n");
  const auto at = [&](std::string_view where) {
    const auto found = file.positions.find(where);
    EXPECT_NE(found, file.positions.end()) << where;
    return found == file.positions.end() ? FilePosition{} : found->second;
  };
  EXPECT_EQ(at("version"), (FilePosition{1, 1}));
  EXPECT_EQ(at("allowed_paths"), (FilePosition{2, 1}));
  EXPECT_EQ(at("allowed_paths[0]"), (FilePosition{3, 5}));
  EXPECT_EQ(at("allowed_paths[1]"), (FilePosition{4, 5}));
  EXPECT_EQ(at("allowed_paths[1].access"), (FilePosition{4, 16}));
  EXPECT_EQ(at("allowed_commands[1]"), (FilePosition{5, 23}));
  EXPECT_EQ(at("allowed_commands[1].args[0]"), (FilePosition{5, 43}));
  EXPECT_EQ(at("docker.mounts[0]"), (FilePosition{8, 7}));
}

TEST(PolicyFile, ReadsFilesOnly) {
  std::string pattern = (fs::temp_directory_path() / "omnisandbox-policy-XXXXXX").native();
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  const fs::path folder = pattern;
  const fs::path good = folder / "good.yaml";
  std::ofstream(good) << "version: 1\ntimeout: 5s\n";
  fs::create_symlink(good, folder / "link");
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  std::ofstream(folder / "empty");
  std::ofstream(folder / "large") << "version: 1\n" << std::string(1024 * 1024, '#');
  std::ofstream(folder / "largest") << "version: 1\n" << std::string(1024 * 1024 - 11, '#');
  fs::create_symlink("loop", folder / "loop");

  for (const char* name : {"good.yaml", "link", "largest"}) {
    const auto file = load_policy_file(folder / name);
    EXPECT_TRUE(file.has_value()) << name << file.error().message;
  }
  const auto expect_error = [](const fs::path& path, ErrorKind kind, std::string_view part) {
    const auto file = load_policy_file(path);
    ASSERT_FALSE(file.has_value()) << path;
    EXPECT_EQ(file.error().kind, kind) << file.error().message;
    EXPECT_TRUE(file.error().message.starts_with(path.native() + ":1:1: ")) << file.error().message;
    EXPECT_NE(file.error().message.find(part), std::string::npos) << file.error().message;
  };
  // A pipe that nobody writes to must not be waited for.
  expect_error(folder / "pipe", ErrorKind::invalid_argument,
               "found a pipe, expected a regular file");
  expect_error(folder, ErrorKind::invalid_argument, "found a folder");
  expect_error("/dev/zero", ErrorKind::invalid_argument, "found a device");
  expect_error(folder / "empty", ErrorKind::invalid_argument, "the file is empty");
  expect_error(folder / "large", ErrorKind::invalid_argument, "larger than 1 MiB");
  expect_error(folder / "absent", ErrorKind::not_found, "there is no such file");
  expect_error(good / "below", ErrorKind::not_found, "there is no such file");
  expect_error(folder / "loop", ErrorKind::io, "cannot be opened");
  EXPECT_EQ(load_policy_file("").error().kind, ErrorKind::invalid_argument);
  EXPECT_EQ(load_policy_file(std::string("a\0b", 3)).error().kind, ErrorKind::invalid_argument);
  if (::geteuid() != 0) {
    fs::permissions(good, fs::perms::none);
    expect_error(good, ErrorKind::io, "cannot be opened");
  }
  fs::remove_all(folder);
}

TEST(PolicyFile, AFileNameInAMessageIsPrintable) {
  const auto file = parse_policy_file("", "a\nb\x1b[31m");
  ASSERT_FALSE(file.has_value());
  EXPECT_TRUE(file.error().message.starts_with("a\\nb\\x1b[31m:1:1: ")) << file.error().message;
}

// The table itself
// ----------------------------------------------------------------------------------------------------------

template <class Target>
void expect_sound_keys() {
  for (const policy::BoundKey<Target>& bound : policy::keys_of<Target>()) {
    const policy::Key& key = bound.key;
    EXPECT_FALSE(key.name.empty());
    EXPECT_FALSE(key.description.empty()) << key.name;
    EXPECT_TRUE(key.description.ends_with('.')) << key.name;
    EXPECT_LE(key.minimum, key.maximum) << key.name;
    EXPECT_TRUE(key.required || !key.when_unset.empty() || !key.default_value.is_null())
        << key.name << " says what holds without it";
    // The example is a value of the key.
    const auto node = policy::parse_yaml("x: " + std::string(key.example), "example");
    ASSERT_TRUE(node.has_value()) << key.name << node.error().message;
    policy::ValueReader reader("example");
    Target target = policy::blank<Target>();
    const std::string text = std::string(key.name) == "mounts"
                                 ? "x: [" + std::string(key.example) + "]"
                                 : "x: " + std::string(key.example);
    const auto value = policy::parse_yaml(text, "example");
    ASSERT_TRUE(value.has_value()) << key.name;
    const auto read = bound.read(reader, key, value->items[1], std::string(key.name), target);
    EXPECT_TRUE(read.has_value()) << key.name << ": " << read.error().message;
  }
}

TEST(PolicyKeys, EachIsDescribedAndItsExampleLoads) {
  expect_sound_keys<PolicyFile>();
  expect_sound_keys<PathRule>();
  expect_sound_keys<HostRule>();
  expect_sound_keys<CommandRule>();
  expect_sound_keys<DockerConfig>();
  expect_sound_keys<DockerMount>();
}

// A field that is added to a struct and not to the table stops the build here: one name stands for
// each field.
TEST(PolicyKeys, EveryFieldHasAKey) {
  const Config config;
  const auto& [capabilities, memory_limit_mb, timeout, allowed_paths, allowed_hosts,
               allowed_commands, fuel_limit, working_dir, max_output_bytes, max_file_bytes,
               max_response_bytes, max_write_bytes, max_files_created, cpu_time_limit,
               max_processes, max_open_files, max_concurrent_runs, max_host_calls, environment,
               allow_hard_links, audit_required, allow_secrets] = config;
  EXPECT_EQ(&allow_secrets, &config.allow_secrets);
  constexpr std::size_t config_fields = 22;
  EXPECT_EQ(policy::keys_of<PolicyFile>().size(), config_fields + 2);  // version and docker
  const DockerConfig docker;
  const auto& [image, network_mode, cap_drop, cap_add, mounts, read_only_rootfs, no_new_privileges,
               memory_limit, cpu_quota, pids_limit, env, user, security_opt, runtime, pull,
               pull_timeout] = docker;
  EXPECT_EQ(&pull_timeout, &docker.pull_timeout);
  EXPECT_EQ(policy::keys_of<DockerConfig>().size(), 16u);
}

// A number is read as 64 bits and stored in what the field has.
TEST(PolicyKeys, BoundsFitTheFields) {
  for (const auto& bound : policy::keys_of<PolicyFile>()) {
    if (bound.key.type == policy::KeyType::count) {
      const std::string name(bound.key.name);
      const PolicyFile file =
          parsed("version: 1\n" + name + ": " + std::to_string(bound.key.maximum) + "\n");
      const Config& config = file.config;
      const std::map<std::string, std::uint64_t> stored = {
          {"fuel_limit", config.fuel_limit.value_or(0)},
          {"max_files_created", config.max_files_created},
          {"max_processes", config.max_processes},
          {"max_open_files", config.max_open_files},
          {"max_concurrent_runs", config.max_concurrent_runs},
          {"max_host_calls", config.max_host_calls}};
      ASSERT_TRUE(stored.contains(name)) << name;
      EXPECT_EQ(stored.at(name), bound.key.maximum) << name;
    }
  }
  const PolicyFile file = parsed("version: 1\ndocker: {cpu_quota: 102400000, pids_limit: 32768}\n");
  EXPECT_EQ(file.docker->cpu_quota, 102'400'000);
  EXPECT_EQ(file.docker->pids_limit, 32'768);
}

}  // namespace
}  // namespace omnisandbox
