#include <gmock/gmock.h>

#include <chrono>
#include <random>

#include "base/test_effort.h"
#include "guest_fixture.h"

namespace omnisandbox::hostile {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

class HostileModules : public HostileGuest {
 protected:
  // Compiling is what these are about.
  static Runtime runtime_for(Config config) {
    return HostileGuest::runtime_for(std::move(config), tested_isolation());
  }
};

TEST_F(HostileModules, ModulesThatAskForTooMuchAreRefusedWhenTheyAreCompiled) {
  Runtime runtime = runtime_for(Config{});
  for (const char* name : {"huge_memory", "many_memories", "huge_table", "shared_memory",
                           "foreign_import", "wrong_import_type"}) {
    const std::string module = guest_bytes(name);
    const auto compiled = runtime.compile(name, bytes_of(module));
    ASSERT_FALSE(compiled) << name;
    EXPECT_NE(compiled.error().kind, ErrorKind::internal)
        << name << ": " << compiled.error().message;
    EXPECT_FALSE(compiled.error().message.empty()) << name;
    EXPECT_FALSE(runtime.execute(name)) << name << " is not kept";
  }
}

TEST_F(HostileModules, ARefusedImportIsNamed) {
  Runtime runtime = runtime_for(Config{});
  const std::string module = guest_bytes("foreign_import");
  const auto compiled = runtime.compile("guest", bytes_of(module));
  ASSERT_FALSE(compiled);
  EXPECT_THAT(compiled.error().message, HasSubstr("system"));
}

TEST_F(HostileModules, WhatIsNoModuleIsAnError) {
  Runtime runtime = runtime_for(Config{});
  const std::string echo = guest_bytes("echo");
  const std::string component("\0asm\x0d\0\x01\0", 8);
  for (const std::string& module :
       {std::string(), std::string("\0asm", 4), std::string("(module"),
        std::string("#!/bin/sh\nid\n"), std::string(1 << 20, '('), std::string(1 << 20, '\0'),
        component, echo.substr(0, echo.size() / 2)}) {
    const auto result = runtime.run(bytes_of(module), RunOptions{});
    ASSERT_FALSE(result) << "module of " << module.size() << " bytes";
    EXPECT_EQ(result.error().kind, ErrorKind::invalid_argument) << result.error().message;
  }
}

// Bytes changed at random: most are refused, some run; none may harm, hang or reach a file.
TEST_F(HostileModules, MutatedModulesAreHarmless) {
  Config config = files_config();
  config.timeout = milliseconds(200);
  Runtime runtime = runtime_for(config);
  const std::string original = guest_bytes("cat");
  const auto before = contents_of(folder_);
  constexpr unsigned seed = 20240229;  // fixed, so that a failure can be repeated
  std::mt19937 random(seed);
  int ran = 0;
  for (int round = 0; round < test::rounds(25, 150); ++round) {
    std::string module = original;
    const auto changes = 1 + random() % 4;
    for (unsigned long change = 0; change < changes; ++change) {
      module[random() % module.size()] = static_cast<char>(random());
    }
    RunOptions options;
    options.args = {outside() + "/secret.txt"};
    const auto result = runtime.run(bytes_of(module), std::move(options));
    if (result) {
      ++ran;
      EXPECT_LT(result->duration, std::chrono::seconds(10)) << "round " << round;
      EXPECT_EQ(result->stdout_data.find("secret"), std::string::npos) << "round " << round;
    } else {
      EXPECT_NE(result.error().kind, ErrorKind::internal)
          << "round " << round << ": " << result.error().message;
    }
  }
  EXPECT_GT(ran, 0) << "the test reached no guest at all";
  EXPECT_EQ(contents_of(folder_), before);
}

}  // namespace
}  // namespace omnisandbox::hostile
