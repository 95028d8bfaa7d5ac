// Over random policies and questions: a narrowed policy allows only what its base and the narrower
// policy alone both allow, and no limit is larger than either's.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "base/test_effort.h"
#include "omnisandbox/policy.h"
#include "policy/compiled_policy.h"

namespace omnisandbox {
namespace {

namespace fs = std::filesystem;

class RandomPolicies {
 public:
  RandomPolicies(unsigned seed, std::string folder) : random_(seed), folder_(std::move(folder)) {}

  Config config() {
    Config config;
    for (const Capability capability : all_capabilities) {
      if (chance(75)) {
        config.capabilities.push_back(capability);
      }
    }
    for (std::size_t count = below(4); count > 0; --count) {
      config.allowed_paths.push_back(path_rule());
    }
    for (std::size_t count = below(4); count > 0; --count) {
      config.allowed_hosts.push_back(host_rule());
    }
    for (std::size_t count = below(4); count > 0; --count) {
      config.allowed_commands.push_back(command_rule());
    }
    config.allow_secrets = chance(20);
    config.allow_hard_links = chance(30);
    config.audit_required = chance(30);
    set_limits(config);
    return config;
  }

  std::pair<Capability, std::string> question() {
    switch (below(4)) {
      case 0:
        return {Capability::fs_read, path()};
      case 1:
        return {Capability::fs_write, path()};
      case 2:
        return {Capability::net_http,
                one_of({"", "GET ", "POST ", "DELETE ", "CONNECT "}) +
                    one_of({"https://", "http://"}) + host() +
                    one_of({"", ":443", ":80", ":8080"}) +
                    one_of({"/", "", "/public/", "/public/x", "/public/../y", "/private"})};
      default: {
        std::string command =
            one_of({"ls", "cat", "env", "/usr/bin/env", "/usr/bin/ls", "sh", "./ls", "absent"});
        for (std::size_t count = below(3); count > 0; --count) {
          command += " " + argument();
        }
        return {Capability::exec_run, command};
      }
    }
  }

 private:
  std::size_t below(std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_);
  }
  bool chance(std::size_t percent) { return below(100) < percent; }
  std::string one_of(std::initializer_list<const char*> words) {
    return *(words.begin() + below(words.size()));
  }

  std::string path() {
    return folder_ + one_of({"",
                             "/a",
                             "/a/b",
                             "/a/b/c",
                             "/a/b/c/file",
                             "/a/file",
                             "/a/link",
                             "/a/link/file",
                             "/d",
                             "/d/file",
                             "/a/.git/config",
                             "/a/.env",
                             "/d/.ssh/id",
                             "/ab",
                             "/absent",
                             "/a/absent/x",
                             "/a/../d/file",
                             "/a/b/../../d",
                             "/d/up/file",
                             "/a/key.pem"});
  }
  PathRule path_rule() {
    constexpr PathAccess accesses[] = {PathAccess::automatic, PathAccess::none, PathAccess::read,
                                       PathAccess::read_write};
    if (chance(15)) {
      return {one_of({"**/.git", "**/*.pem", "**/b", "**/.env"}), PathAccess::none};
    }
    if (chance(10)) {
      return {one_of({"*", "/"}), chance(50) ? PathAccess::read : PathAccess::automatic};
    }
    return {folder_ + one_of({"", "/a", "/a/b", "/a/b/c", "/a/b/c/file", "/d", "/a/file", "/d/.ssh",
                              "/ab"}),
            accesses[below(4)]};
  }

  std::string host() {
    return one_of({"a.example", "b.example", "x.a.example", "127.0.0.1", "10.1.2.3", "8.8.8.8",
                   "localhost", "[::1]", "a.example."});
  }
  HostRule host_rule() {
    HostRule rule(one_of({"a.example", "*.a.example", "*.example", "*", "b.example:8080",
                          "https://a.example", "http://b.example", "https://a.example/public/",
                          "10.0.0.0/8", "127.0.0.1", "localhost", "8.8.8.8:1-9000", "0.0.0.0/0"}));
    if (chance(30)) {
      rule.methods =
          chance(50) ? std::vector<std::string>{"GET"} : std::vector<std::string>{"POST", "GET"};
    }
    if (chance(20) && rule.host.find_first_of("0123456789*") == std::string::npos &&
        rule.host != "localhost") {
      rule.addresses = {chance(50) ? "10.0.0.0/8" : "127.0.0.0/8"};
    }
    return rule;
  }

  std::string argument() { return one_of({"a", "b", "-x", "/tmp/1", "/etc/passwd"}); }
  CommandRule command_rule() {
    CommandRule rule(one_of({"ls", "cat", "env", "/usr/bin/env", "*", "absent", "sh"}));
    for (std::size_t count = below(3); count > 0; --count) {
      rule.args.push_back(argument());
    }
    if (chance(30)) {
      rule.arg_globs = {one_of({"*", "/tmp/*", "-?"})};
    }
    if (chance(20)) {
      rule.arg_regexes = {one_of({"[ab]", ".*", "-[a-z]"})};
    }
    rule.network = chance(60);
    if (chance(30)) {
      rule.timeout = std::chrono::milliseconds(1 + below(5000));
    }
    if (chance(30)) {
      rule.memory_limit_mb = 1 + below(100);
    }
    return rule;
  }

  void set_limits(Config& config) {
    const auto maybe = [this](auto& limit, std::size_t bound) {
      if (chance(50)) {
        limit = static_cast<std::uint32_t>(1 + below(bound));
      }
    };
    maybe(config.memory_limit_mb, 1000);
    maybe(config.fuel_limit, 1'000'000);
    maybe(config.max_output_bytes, 4'000'000);
    maybe(config.max_file_bytes, 4'000'000);
    maybe(config.max_response_bytes, 4'000'000);
    maybe(config.max_write_bytes, 1'000'000'000);
    maybe(config.max_files_created, 20'000);
    maybe(config.max_processes, 100);
    maybe(config.max_open_files, 500);
    maybe(config.max_concurrent_runs, 100);
    maybe(config.max_host_calls, 2'000'000);
    if (chance(50)) {
      config.timeout = std::chrono::milliseconds(1 + below(60'000));
    }
    if (chance(50)) {
      config.cpu_time_limit = std::chrono::milliseconds(1 + below(60'000));
    }
  }

  std::mt19937 random_;
  std::string folder_;
};

// An unset optional limit is no limit: larger than any.
template <class Number>
bool within(const std::optional<Number>& limit, const std::optional<Number>& bound) {
  return !bound || (limit && *limit <= *bound);
}

void expect_within(const policy::Limits& limits, const policy::Limits& bound) {
  for (const std::uint64_t default_bytes : {1ull << 20, 16ull << 20, 128ull << 20, 4096ull << 20}) {
    EXPECT_LE(limits.memory_limit(default_bytes), bound.memory_limit(default_bytes));
  }
  EXPECT_TRUE(within(limits.cpu_time, bound.cpu_time));
  EXPECT_TRUE(within(limits.fuel, bound.fuel));
  EXPECT_LE(limits.timeout, bound.timeout);
  EXPECT_LE(limits.max_output_bytes, bound.max_output_bytes);
  EXPECT_LE(limits.max_file_bytes, bound.max_file_bytes);
  EXPECT_LE(limits.largest_file_bytes(), bound.largest_file_bytes());
  EXPECT_LE(limits.max_response_bytes, bound.max_response_bytes);
  EXPECT_LE(limits.max_write_bytes, bound.max_write_bytes);
  EXPECT_LE(limits.max_files_created, bound.max_files_created);
  EXPECT_LE(limits.max_processes, bound.max_processes);
  EXPECT_LE(limits.max_open_files, bound.max_open_files);
  EXPECT_LE(limits.max_concurrent_runs, bound.max_concurrent_runs);
  EXPECT_LE(limits.max_host_calls, bound.max_host_calls);
}

// A limit that the narrower Config sets itself holds, whatever the base says.
void expect_own_limits_hold(const policy::Limits& limits, const Config& own) {
  const auto expect_at_most = [](std::uint64_t limit, const auto& written) {
    if (written.is_set()) {
      EXPECT_LE(limit, written.value());
    }
  };
  expect_at_most(limits.max_output_bytes, own.max_output_bytes);
  expect_at_most(limits.max_write_bytes, own.max_write_bytes);
  expect_at_most(limits.max_files_created, own.max_files_created);
  expect_at_most(limits.max_processes, own.max_processes);
  expect_at_most(limits.max_open_files, own.max_open_files);
  expect_at_most(limits.max_concurrent_runs, own.max_concurrent_runs);
  expect_at_most(limits.max_host_calls, own.max_host_calls);
  EXPECT_TRUE(within(limits.fuel, own.fuel_limit));
  EXPECT_TRUE(within(limits.cpu_time, own.cpu_time_limit));
  if (own.timeout.is_set()) {
    EXPECT_LE(limits.timeout, own.timeout.value());
  }
  if (own.max_file_bytes) {
    EXPECT_LE(limits.max_file_bytes, *own.max_file_bytes);
  }
  if (own.max_response_bytes) {
    EXPECT_LE(limits.max_response_bytes, *own.max_response_bytes);
  }
  if (own.memory_limit_mb.is_set()) {
    ASSERT_TRUE(limits.memory_limit_bytes.has_value());
    EXPECT_LE(*limits.memory_limit_bytes, own.memory_limit_mb * 1024 * 1024);
  }
}

// Of a command that all three allow: what it may do and take is no more than under either alone.
void expect_options_within(const Policy& narrowed, const Policy& other,
                           const std::string& command) {
  const std::string name = command.substr(0, command.find(' '));
  std::vector<std::string> args;
  for (std::size_t at = name.size(); at < command.size();) {
    const std::size_t end = std::min(command.find(' ', at + 1), command.size());
    args.push_back(command.substr(at + 1, end - at - 1));
    at = end;
  }
  const auto grant = narrowed.compiled().judge_command(name, args);
  const auto other_grant = other.compiled().judge_command(name, args);
  ASSERT_TRUE(grant.has_value() && other_grant.has_value()) << command;
  EXPECT_TRUE(other_grant->terms.network || !grant->terms.network);
  EXPECT_TRUE(within(grant->terms.timeout, other_grant->terms.timeout));
  EXPECT_TRUE(within(grant->terms.memory_limit_mb, other_grant->terms.memory_limit_mb));
}

void expect_addresses_within(const Policy& narrowed, const Policy& other,
                             const std::string& resource) {
  const std::size_t blank = resource.find(' ');
  const std::string method = blank == std::string::npos ? "GET" : resource.substr(0, blank);
  const auto target =
      policy::canonicalise_url(resource.substr(blank == std::string::npos ? 0 : blank + 1));
  ASSERT_TRUE(target.has_value());
  // A tunnel is asked for by CONNECT, as `explain` takes it.
  const auto judged = [&](const Policy& policy) {
    return method == "CONNECT" ? policy.compiled().judge_tunnel(*target, resource)
                               : policy.compiled().judge_request(*target, method, resource);
  };
  const auto grant = judged(narrowed);
  const auto other_grant = judged(other);
  ASSERT_TRUE(grant.has_value() && other_grant.has_value()) << resource;
  for (const char* text : {"127.0.0.1", "10.1.2.3", "8.8.8.8", "169.254.169.254", "::1",
                           "192.168.0.1", "64:ff9b::7f00:1"}) {
    const auto address = policy::IpAddress::parse(text);
    ASSERT_TRUE(address.has_value());
    const bool allowed =
        narrowed.compiled().judge_address(*target, *grant, *address, resource).has_value();
    const bool by_other =
        other.compiled().judge_address(*target, *other_grant, *address, resource).has_value();
    EXPECT_TRUE(!allowed || by_other) << resource << " at " << text;
  }
}

class NarrowProperty : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "omnisandbox-narrow-XXXXXX").native();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = fs::canonical(pattern);
    for (const char* name : {"a/b/c", "d/.ssh", "ab", "a/.git"}) {
      fs::create_directories(folder_ / name);
    }
    for (const char* name :
         {"a/b/c/file", "a/file", "d/file", "a/.git/config", "a/.env", "d/.ssh/id", "a/key.pem"}) {
      std::ofstream(folder_ / name) << "content\n";
    }
    fs::create_directory_symlink(folder_ / "d", folder_ / "a/link");
    fs::create_directory_symlink("..", folder_ / "d/up");
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path folder_;
};

TEST_F(NarrowProperty, NeverAllowsWhatOneOfBothRefuses) {
  const auto rounds = static_cast<unsigned>(test::rounds(150, 400));
  constexpr int questions = 60;
  std::size_t allowed_count = 0;
  std::size_t narrowed_count = 0;
  for (unsigned seed = 0; seed < rounds; ++seed) {
    RandomPolicies random(seed, folder_.native());
    const Config base_config = random.config();
    const Config narrower_config = random.config();
    const auto base = Policy::compile(base_config);
    const auto alone = Policy::compile(narrower_config);
    if (!base || !alone) {
      continue;  // two random rules can contradict each other
    }
    const auto narrowed = base->narrow(narrower_config);
    ASSERT_TRUE(narrowed.has_value()) << "seed " << seed << ": " << narrowed.error().message;
    ++narrowed_count;
    // By the file that is meant: an outer layer may open a folder that ".." passes on the way.
    const auto allows = [](const Policy& policy, Capability capability,
                           const std::string& resource) {
      const bool is_file = capability == Capability::fs_read || capability == Capability::fs_write;
      return policy
          .explain(capability, is_file ? fs::weakly_canonical(resource).native() : resource)
          .allowed;
    };
    for (int index = 0; index < questions; ++index) {
      const auto [capability, resource] = random.question();
      const bool allowed = narrowed->explain(capability, resource).allowed;
      const bool both = allows(*base, capability, resource) && allows(*alone, capability, resource);
      EXPECT_TRUE(!allowed || both)
          << "seed " << seed << ": " << to_string(capability) << " " << resource << "\n  "
          << narrowed->explain(capability, resource).rule << "\n  "
          << base->explain(capability, resource).reason << "\n  "
          << alone->explain(capability, resource).reason;
      EXPECT_TRUE(!allowed || (base->has(capability) && alone->has(capability)));
      allowed_count += allowed ? 1 : 0;
      for (const Policy* other : {&*base, &*alone}) {
        if (allowed && capability == Capability::exec_run) {
          expect_options_within(*narrowed, *other, resource);
        } else if (allowed && capability == Capability::net_http) {
          expect_addresses_within(*narrowed, *other, resource);
        }
      }
    }
    expect_within(narrowed->compiled().limits(), base->compiled().limits());
    expect_own_limits_hold(narrowed->compiled().limits(), narrower_config);
    EXPECT_TRUE(!narrowed->compiled().allows_hard_links() ||
                (base_config.allow_hard_links && narrower_config.allow_hard_links));
    EXPECT_TRUE(narrowed->config().audit_required ||
                !(base_config.audit_required || narrower_config.audit_required));
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
  // Were nothing ever allowed, the property would hold for nothing.
  EXPECT_GT(narrowed_count, rounds / 2);
  EXPECT_GT(allowed_count, rounds / 2);
}

// What the narrower policy says of a granted command must not undo what the base says of it.
TEST_F(NarrowProperty, OptionsOfCommandsAreNarrowedToo) {
  CommandRule base_rule("env");
  base_rule.network = false;
  base_rule.timeout = std::chrono::seconds(5);
  base_rule.memory_limit_mb = 64;
  const auto base =
      Policy::compile({.capabilities = {Capability::exec_run}, .allowed_commands = {base_rule}});
  ASSERT_TRUE(base.has_value());
  CommandRule wide("env");
  wide.timeout = std::chrono::hours(1);
  wide.memory_limit_mb = 4096;
  const auto narrowed =
      base->narrow({.capabilities = {Capability::exec_run}, .allowed_commands = {wide}});
  ASSERT_TRUE(narrowed.has_value());
  const auto grant = narrowed->compiled().judge_command("env", {});
  ASSERT_TRUE(grant.has_value());
  EXPECT_FALSE(grant->terms.network);
  EXPECT_LE(grant->terms.timeout, std::chrono::seconds(5));
  EXPECT_LE(grant->terms.memory_limit_mb, 64u);
}

}  // namespace
}  // namespace omnisandbox
