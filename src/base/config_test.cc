#include "omnisandbox/config.h"

#include <gtest/gtest.h>

namespace omnisandbox {
namespace {

using namespace std::chrono_literals;

TEST(Config, TakesDesignatedInitialisers) {
  const Config config{
      .capabilities = {Capability::fs_read, Capability::net_http},
      .memory_limit_mb = 32,
      .timeout = 5s,
      .allowed_paths = {"/tmp/data", {"/home/user/docs", PathAccess::read}},
      .allowed_hosts = {"api.example.com", "*.example.org"},
      .allowed_commands = {"ls", "cat"},
      .fuel_limit = 1'000'000,
      .working_dir = "/tmp/data",
      .max_output_bytes = 4096,
  };
  EXPECT_EQ(config.memory_limit_mb, 32);
  EXPECT_TRUE(config.memory_limit_mb.is_set());
  EXPECT_EQ(config.timeout, 5s);
  ASSERT_EQ(config.allowed_paths.size(), 2u);
  EXPECT_EQ(config.allowed_paths[1].access, PathAccess::read);
  ASSERT_EQ(config.allowed_commands.size(), 2u)
      << "two names are two commands, not a range of characters";
  EXPECT_EQ(config.allowed_commands[1].command, "cat");
  ASSERT_EQ(config.allowed_hosts.size(), 2u);
}

TEST(Config, DefaultsGrantNothing) {
  const Config config;
  EXPECT_TRUE(config.capabilities.empty());
  EXPECT_TRUE(config.allowed_paths.empty() && config.allowed_hosts.empty() &&
              config.allowed_commands.empty());
  EXPECT_EQ(config.memory_limit_mb, 16);
  EXPECT_EQ(config.timeout, 30s);
  EXPECT_EQ(config.max_output_bytes, 1024u * 1024u);
  EXPECT_FALSE(config.audit_required || config.allow_hard_links || config.allow_secrets);
}

TEST(Defaulted, KnowsWhetherItWasSet) {
  auto unset = Defaulted<std::uint32_t>::with_default(16);
  Defaulted<std::uint32_t> copy =
      unset;  // from a non-const lvalue: the copy must not count as a setting
  EXPECT_FALSE(copy.is_set());
  EXPECT_FALSE(Defaulted<std::uint32_t>(std::move(unset)).is_set());
  copy = 16;
  EXPECT_TRUE(copy.is_set());
  EXPECT_FALSE(copy == (Defaulted<std::uint32_t>::with_default(16)));
  EXPECT_TRUE(copy == 16u);
}

}  // namespace
}  // namespace omnisandbox
