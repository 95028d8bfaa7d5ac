#include <gmock/gmock.h>

#include <filesystem>
#include <limits>

#include "wasm/abi/abi_test_run.h"
#include "wasm/abi/limits.h"
#include "wasm/test_support.h"

namespace omnisandbox::wasm::abi {
namespace {

using ::testing::HasSubstr;

class AbiFiles : public ::testing::Test {
 protected:
  AbiFiles() { folder.write("in.txt", "0123456789"); }

  Config config() const {
    Config config;
    config.capabilities = {Capability::fs_read, Capability::fs_write};
    config.allowed_paths = {PathRule(folder.path(), PathAccess::read_write, "/data")};
    return config;
  }

  TestFolder folder;
};

std::int32_t read(AbiTestRun& guest, std::string_view path, std::int64_t offset = 0,
                  std::int64_t length = -1) {
  GuestCall call = guest.call();
  const std::uint32_t address = guest.put(path);
  return fs_read(call, address, static_cast<std::uint32_t>(path.size()), offset, length);
}

std::int32_t write(AbiTestRun& guest, std::string_view path, std::string_view content,
                   std::int32_t mode) {
  GuestCall call = guest.call();
  const std::uint32_t address = guest.put(path);
  const std::uint32_t data = guest.put(content);
  return fs_write(call, address, static_cast<std::uint32_t>(path.size()), data,
                  static_cast<std::uint32_t>(content.size()), mode);
}

TEST_F(AbiFiles, ReadsInParts) {
  AbiTestRun guest(config());
  const std::int32_t all = read(guest, "/data/in.txt");
  ASSERT_GE(all, 1) << guest.error();
  EXPECT_EQ(guest.part(all, 0), "0123456789");
  GuestCall call = guest.call();
  EXPECT_EQ(result_size(call, all, 0), 10);
  EXPECT_EQ(result_total_size(call, all, 0), 10);
  EXPECT_EQ(result_status(call, all), 0);
  EXPECT_EQ(result_read(call, all, 0, 8, 100, 5), 2);
  EXPECT_EQ(guest.memory[100], '8');
  EXPECT_EQ(result_read(call, all, 0, 10, 100, 5), 0);
  EXPECT_EQ(result_read(call, all, 0, 0, 100, 0), 0);

  const std::int32_t middle = read(guest, "/data/in.txt", 3, 4);
  EXPECT_EQ(guest.part(middle, 0), "3456");
  const std::int32_t tail = read(guest, "/data/in.txt", 8, 100);
  EXPECT_EQ(guest.part(tail, 0), "89");
}

TEST_F(AbiFiles, RefusesRangesAndModesThatMakeNoSense) {
  AbiTestRun guest(config());
  EXPECT_EQ(read(guest, "/data/in.txt", -1), code(ErrorCode::invalid));
  EXPECT_EQ(read(guest, "/data/in.txt", 0, -2), code(ErrorCode::invalid));
  EXPECT_EQ(read(guest, "/data/in.txt", 0, std::numeric_limits<std::int64_t>::min()),
            code(ErrorCode::invalid));
  for (const std::int32_t mode :
       {3, 4, 255, 512, 259, -1, std::numeric_limits<std::int32_t>::min()}) {
    EXPECT_EQ(write(guest, "/data/in.txt", "x", mode), code(ErrorCode::invalid)) << mode;
  }
  EXPECT_EQ(folder.read("in.txt"), "0123456789");
}

TEST_F(AbiFiles, WritesAppendsAndCreates) {
  AbiTestRun guest(config());
  EXPECT_EQ(write(guest, "/data/new", "a", 2), 0) << guest.error();
  EXPECT_EQ(write(guest, "/data/new", "b", 2), code(ErrorCode::already_exists));
  EXPECT_EQ(write(guest, "/data/new", "c", 1), 0);
  EXPECT_EQ(folder.read("new"), "ac");
  EXPECT_EQ(write(guest, "/data/new", "d", 0 + 256), 0);
  EXPECT_EQ(folder.read("new"), "d");
}

TEST_F(AbiFiles, DescribesListsMakesAndDeletes) {
  AbiTestRun guest(config());
  GuestCall call = guest.call();
  const std::uint32_t made = guest.put("/data/made");
  EXPECT_EQ(fs_make_directory(call, made, 10), 0) << guest.error();
  EXPECT_EQ(fs_make_directory(call, made, 10), code(ErrorCode::already_exists));

  EXPECT_EQ(fs_stat(call, guest.put("/data/in.txt"), 12, 1001), 0);  // at no alignment
  EXPECT_EQ(call.memory.load<std::uint64_t>(1001), 10u);
  EXPECT_GT(call.memory.load<std::int64_t>(1009), 1'600'000'000'000'000'000);
  EXPECT_EQ(call.memory.load<std::uint32_t>(1017), 0u);
  EXPECT_EQ(fs_stat(call, made, 10, 1001), 0);
  EXPECT_EQ(call.memory.load<std::uint32_t>(1017), 1u);

  const std::int32_t listed = fs_list(call, guest.put("/data"), 5);
  EXPECT_EQ(guest.part(listed, 0), std::string("fin.txt\0dmade\0", 14));

  EXPECT_EQ(fs_delete(call, made, 10), 0);
  EXPECT_FALSE(std::filesystem::exists(folder.file("made")));
  EXPECT_EQ(fs_delete(call, made, 10), code(ErrorCode::not_found));
}

TEST_F(AbiFiles, SaysWhyItWasDenied) {
  AbiTestRun guest(config());
  EXPECT_EQ(guest.error(), "");
  EXPECT_EQ(read(guest, "/etc/passwd"), code(ErrorCode::denied));
  EXPECT_THAT(guest.error(), HasSubstr("/etc/passwd"));
  EXPECT_THAT(guest.error(), HasSubstr("denied"));
  EXPECT_EQ(guest.run.context.denial_count(), 1u);
  // A call that succeeds leaves the message; one that fails replaces it.
  ASSERT_GE(read(guest, "/data/in.txt"), 1);
  EXPECT_THAT(guest.error(), HasSubstr("/etc/passwd"));
  EXPECT_EQ(read(guest, "/data/absent"), code(ErrorCode::not_found));
  EXPECT_THAT(guest.error(), HasSubstr("absent"));

  GuestCall call = guest.call();
  EXPECT_EQ(last_error(call, 0, 3), 3);
}

TEST_F(AbiFiles, ADeniedWriteHasNoEffect) {
  Config read_only = config();
  read_only.capabilities = {Capability::fs_read};
  read_only.allowed_paths = {PathRule(folder.path(), PathAccess::read, "/data")};
  AbiTestRun guest(read_only);
  EXPECT_EQ(write(guest, "/data/in.txt", "changed", 0), code(ErrorCode::denied));
  EXPECT_EQ(write(guest, "/data/new", "created", 2), code(ErrorCode::denied));
  EXPECT_EQ(folder.read("in.txt"), "0123456789");
  EXPECT_FALSE(std::filesystem::exists(folder.file("new")));
}

TEST_F(AbiFiles, LongPathsAreTooLarge) {
  AbiTestRun guest(config());
  guest.memory.resize(1'000'000, 'a');
  GuestCall call = guest.call();
  EXPECT_EQ(fs_read(call, 0, max_name_bytes + 1, 0, -1), code(ErrorCode::too_large));
  EXPECT_EQ(fs_list(call, 0, max_name_bytes + 1), code(ErrorCode::too_large));
  EXPECT_LT(fs_read(call, 0, max_name_bytes, 0, -1), 0);
}

TEST_F(AbiFiles, LiveHandlesAreBoundedBeforeTheCallHasAnEffect) {
  AbiTestRun guest(config());
  for (std::size_t count = 0; count < max_live_handles; ++count) {
    ASSERT_GE(read(guest, "/data/in.txt"), 1);
  }
  EXPECT_EQ(read(guest, "/data/in.txt"), code(ErrorCode::limit));
  GuestCall call = guest.call();
  EXPECT_EQ(fs_list(call, guest.put("/data"), 5), code(ErrorCode::limit));
  EXPECT_EQ(result_drop(call, 1), 0);
  EXPECT_GE(read(guest, "/data/in.txt"), 1);
}

TEST_F(AbiFiles, HostCallsAreCounted) {
  Config few = config();
  few.max_host_calls = 3;
  AbiTestRun guest(few);
  for (int count = 0; count < 3; ++count) {
    EXPECT_EQ(write(guest, "/data/new", std::to_string(count), 0), 0);
  }
  EXPECT_EQ(write(guest, "/data/new", "more", 0), code(ErrorCode::limit));
  EXPECT_EQ(folder.read("new"), "2");
}

// ---- Pointers ----

constexpr std::uint32_t top = std::numeric_limits<std::uint32_t>::max();

// Ranges that leave a memory of AbiTestRun::memory_bytes.
const std::vector<std::pair<std::uint32_t, std::uint32_t>> outside = {
    {0, AbiTestRun::memory_bytes + 1},
    {AbiTestRun::memory_bytes, 1},
    {AbiTestRun::memory_bytes - 1, 2},
    {AbiTestRun::memory_bytes + 1, 0},
    {top, 0},
    {top, 1},
    {1, top},
    {top, top},
    {0, top}};

TEST_F(AbiFiles, EveryRangeOutsideTheMemoryEndsTheGuest) {
  for (const auto& range : outside) {
    // Names of their own: lambdas cannot capture structured bindings in C++20 as clang 14 reads it.
    const auto address = range.first;
    const auto length = range.second;
    AbiTestRun guest(config());
    const std::uint32_t path = guest.put("/data/in.txt");
    const std::int32_t handle = read(guest, "/data/in.txt");
    const auto ends = [&](auto function) {
      GuestCall call = guest.call();
      function(call);
      EXPECT_EQ(call.end, GuestCall::End::bad_pointer) << address << " " << length;
      EXPECT_THAT(guest.run.end_message, HasSubstr("outside its memory"));
    };
    const std::vector<std::uint8_t> before = guest.memory;
    ends([&](GuestCall& call) { fs_read(call, address, length, 0, -1); });
    ends([&](GuestCall& call) { fs_stat(call, address, length, 0); });
    ends([&](GuestCall& call) { fs_list(call, address, length); });
    ends([&](GuestCall& call) { fs_write(call, address, length, 0, 1, 0); });
    ends([&](GuestCall& call) { fs_write(call, path, 12, address, length, 0); });
    ends([&](GuestCall& call) { fs_delete(call, address, length); });
    ends([&](GuestCall& call) { fs_make_directory(call, address, length); });
    ends([&](GuestCall& call) { http_fetch(call, address, length, 0, 0, 0, 0, 0, 0); });
    ends([&](GuestCall& call) { http_fetch(call, 0, 0, address, length, 0, 0, 0, 0); });
    ends([&](GuestCall& call) { http_fetch(call, 0, 0, 0, 0, address, length, 0, 0); });
    ends([&](GuestCall& call) { http_fetch(call, 0, 0, 0, 0, 0, 0, address, length); });
    ends([&](GuestCall& call) { exec_run(call, address, length, 0, 0, 0, 0); });
    ends([&](GuestCall& call) { exec_run(call, 0, 0, address, length, 0, 0); });
    ends([&](GuestCall& call) { exec_run(call, 0, 0, 0, 0, address, length); });
    ends([&](GuestCall& call) { result_read(call, handle, 0, 0, address, length); });
    ends([&](GuestCall& call) { last_error(call, address, length); });
    EXPECT_EQ(guest.memory, before);
    EXPECT_EQ(folder.read("in.txt"), "0123456789");
    EXPECT_EQ(guest.run.context.denial_count(), 0u);
  }
}

TEST_F(AbiFiles, StatIsCheckedBeforeItIsAnswered) {
  AbiTestRun guest(config());
  GuestCall call = guest.call();
  fs_stat(call, guest.put("/data/in.txt"), 12, AbiTestRun::memory_bytes - 23);
  EXPECT_EQ(call.end, GuestCall::End::bad_pointer);
}

TEST_F(AbiFiles, OverlappingRangesAreHarmless) {
  AbiTestRun guest(config());
  const std::uint32_t path = guest.put("/data/in.txt");
  GuestCall call = guest.call();
  // The path is its own content, and its own stat.
  EXPECT_EQ(fs_write(call, path, 12, path, 12, 0), 0);
  EXPECT_EQ(folder.read("in.txt"), "/data/in.txt");
  EXPECT_EQ(fs_stat(call, path, 12, path), 0);
  EXPECT_EQ(call.memory.load<std::uint64_t>(path), 12u);
}

TEST_F(AbiFiles, WithoutAMemoryEveryPointerIsOutside) {
  AbiTestRun guest(config());
  GuestCall call{.run = guest.run, .memory = GuestMemory({})};
  EXPECT_EQ(fs_read(call, 0, 1, 0, -1), 0);
  EXPECT_EQ(call.end, GuestCall::End::bad_pointer);
}

}  // namespace
}  // namespace omnisandbox::wasm::abi
