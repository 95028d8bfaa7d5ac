#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <map>
#include <omnisandbox/omnisandbox.hh>
#include <string>
#include <string_view>
#include <vector>

namespace omnisandbox::hostile {

/// A guest's file, by its name without ending: binary, or text where there is only that.
std::string guest_bytes(std::string_view name);

/// Bytes of a module, as Runtime takes them.
std::span<const std::byte> bytes_of(std::string_view module);

/// Every name below a folder with what it holds, links as "-> target": two are equal when nothing
/// changed.
std::map<std::string, std::string> contents_of(const std::filesystem::path& folder);

/// Runs a guest once and expects that it could be run at all.
Result run_guest(Runtime& runtime, std::string_view name, std::vector<std::string> args = {},
                 RunOptions options = {});

/// For a message when an assertion fails.
std::string describe(const Result& result);

/// The tests run once in each kind of isolation: the second time with OMNISANDBOX_TEST_ISOLATION
/// set to "worker".
RuntimeOptions tested_isolation();

/// The same, with the code of guests kept from one test to the next: what is tested is how they
/// run, and compiling them takes longer than that.
RuntimeOptions with_cached_code(RuntimeOptions options = tested_isolation());

/// A folder of its own for each test:
///   allowed/   note.txt sub/ link_out→../outside link_file→../outside/secret.txt
///   dangling→../outside/new.txt hard allowed-evil/secret.txt   read_only/data.txt
///   outside/secret.txt outside/linked.txt (the same file as allowed/hard)
class HostileGuest : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  std::string allowed() const { return folder_ / "allowed"; }
  std::string read_only() const { return folder_ / "read_only"; }
  std::string outside() const { return folder_ / "outside"; }

  /// Reads and writes allowed/, reads read_only/.
  Config files_config() const;
  static Runtime runtime_for(Config config, RuntimeOptions options = with_cached_code());

  std::filesystem::path folder_;
};

}  // namespace omnisandbox::hostile
