#include "omnisandbox/audit.h"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "base/test_child.h"
#include "linux/test_own_mounts.h"

namespace omnisandbox {
namespace {

class Audit : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "omnisandbox-audit-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    file_ = folder_ / "audit.jsonl";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static AuditRecord decision(std::string resource) {
    AuditRecord record;
    record.event = AuditRecord::Event::decision;
    record.time =
        std::chrono::system_clock::time_point(std::chrono::microseconds(1'700'000'000'123'456));
    record.run_id = "r1";
    record.sandbox = "wasm";
    record.capability = Capability::fs_read;
    record.operation = "fs_read";
    record.resource = std::move(resource);
    record.reason = "no rule covers it";
    return record;
  }

  static std::vector<nlohmann::json> lines(const std::filesystem::path& path) {
    std::vector<nlohmann::json> result;
    std::ifstream stream(path);
    for (std::string line; std::getline(stream, line);) {
      result.push_back(nlohmann::json::parse(line));
    }
    return result;
  }

  std::filesystem::path folder_;
  std::filesystem::path file_;
};

TEST_F(Audit, WritesOneJsonObjectALine) {
  auto sink = open_json_lines_audit(file_);
  ASSERT_TRUE(sink) << sink.error().message;
  ASSERT_TRUE((*sink)->write(decision("/etc/shadow")));
  AuditRecord outcome;
  outcome.event = AuditRecord::Event::outcome;
  outcome.status = Status::timeout;
  outcome.exit_code = 124;
  outcome.duration = std::chrono::microseconds(1'500);
  ASSERT_TRUE((*sink)->write(outcome));

  const auto records = lines(file_);
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0]["time"], "2023-11-14T22:13:20.123456Z");
  EXPECT_EQ(records[0]["event"], "decision");
  EXPECT_EQ(records[0]["capability"], "fs_read");
  EXPECT_EQ(records[0]["answer"], "denial");
  EXPECT_EQ(records[0]["resource"], "/etc/shadow");
  EXPECT_EQ(records[1]["event"], "outcome");
  EXPECT_EQ(records[1]["status"], "timeout");
  EXPECT_EQ(records[1]["duration_ms"], 1.5);
  struct stat status {};
  ASSERT_EQ(::stat(file_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0600u);
}

TEST_F(Audit, NothingFromOutsideCanBreakALine) {
  auto sink = open_json_lines_audit(file_);
  ASSERT_TRUE(sink);
  const std::string hostile =
      "/a\n{\"event\":\"decision\",\"answer\":\"grant\"}\r\x1b[2J\xff\xe2\x80\xae\"\\";
  ASSERT_TRUE((*sink)->write(decision(hostile)));
  ASSERT_TRUE((*sink)->write(decision(std::string(1 << 20, 'x'))));
  const auto records = lines(file_);
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0]["answer"], "denial");
  std::ifstream stream(file_);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  EXPECT_EQ(text.find_first_not_of("\n", text.find_first_of("\x1b\r")), std::string::npos);
  EXPECT_LT(text.size(), 20'000u) << "a huge resource is shortened";
  for (const char character : text) {
    EXPECT_TRUE(character == '\n' || (character >= 0x20 && character < 0x7f));
  }
}

TEST_F(Audit, KeepsRecordsWholeAcrossThreadsAndRotation) {
  constexpr int threads = 8;
  constexpr int each = 200;
  const std::uint64_t rotate_at = 1 << 20;
  // Two sinks on one file stand for two processes.
  auto first = open_json_lines_audit(file_, rotate_at);
  auto second = open_json_lines_audit(file_, rotate_at);
  ASSERT_TRUE(first && second);
  {
    std::vector<std::jthread> workers;
    for (int worker = 0; worker < threads; ++worker) {
      workers.emplace_back([&, worker] {
        auto& sink = worker % 2 == 0 ? *first : *second;
        for (int index = 0; index < each; ++index) {
          ASSERT_TRUE(
              sink->write(decision("/w" + std::to_string(worker) + "/" + std::to_string(index))));
        }
      });
    }
  }
  std::set<std::string> seen;
  for (const auto& record : lines(file_)) {
    seen.insert(record["resource"]);
  }
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(threads * each));
}

TEST_F(Audit, RotatesAtItsSize) {
  auto sink = open_json_lines_audit(file_, 2'000);
  ASSERT_TRUE(sink);
  for (int index = 0; index < 30; ++index) {
    ASSERT_TRUE((*sink)->write(decision("/r" + std::to_string(index))));
  }
  EXPECT_LE(std::filesystem::file_size(file_), 2'000u);
  EXPECT_LE(std::filesystem::file_size(folder_ / "audit.jsonl.1"), 2'000u);
  EXPECT_EQ(lines(file_).back()["resource"], "/r29");
}

TEST_F(Audit, KeepsAsManyFilesAsItIsTold) {
  const auto name = [&](int number) {
    return number == 0 ? file_ : folder_ / ("audit.jsonl." + std::to_string(number));
  };
  auto sink = open_json_lines_audit(file_, 1, 3);  // rotates before each record but the first
  ASSERT_TRUE(sink);
  const auto write = [&](int index) {
    ASSERT_TRUE((*sink)->write(decision("/r" + std::to_string(index))));
  };
  for (int index = 0; index < 10; ++index) {
    write(index);
    for (int number = 0; number <= 3; ++number) {
      EXPECT_EQ(std::filesystem::exists(name(number)), number <= index) << index << " " << number;
    }
    EXPECT_FALSE(std::filesystem::exists(name(4)));
  }
  for (int number = 0; number <= 3; ++number) {
    ASSERT_EQ(lines(name(number)).size(), 1U);
    EXPECT_EQ(lines(name(number))[0]["resource"], "/r" + std::to_string(9 - number));
  }
  // A rotation that broke off leaves a gap; nothing behind it moves.
  std::filesystem::remove(name(1));
  write(10);
  EXPECT_EQ(lines(name(1))[0]["resource"], "/r9");
  EXPECT_EQ(lines(name(2))[0]["resource"], "/r7");
  EXPECT_EQ(lines(name(3))[0]["resource"], "/r6");
}

TEST_F(Audit, ByDefaultWhatCameBeforeAFloodStays) {
  auto sink = open_json_lines_audit(file_, 1);
  ASSERT_TRUE(sink);
  for (unsigned index = 0; index <= default_kept_audit_files; ++index) {
    ASSERT_TRUE((*sink)->write(decision("/r" + std::to_string(index))));
  }
  const auto oldest = folder_ / ("audit.jsonl." + std::to_string(default_kept_audit_files));
  EXPECT_EQ(lines(oldest)[0]["resource"], "/r0");
}

TEST_F(Audit, RefusesToKeepNothingOrTooMuch) {
  for (const unsigned kept : {0U, max_kept_audit_files + 1}) {
    const auto sink = open_json_lines_audit(file_, 1, kept);
    ASSERT_FALSE(sink);
    EXPECT_EQ(sink.error().kind, ErrorKind::invalid_argument);
    EXPECT_FALSE(std::filesystem::exists(file_));
  }
  EXPECT_TRUE(open_json_lines_audit(file_, 1, max_kept_audit_files));
}

TEST_F(Audit, AFailedWriteLeavesNoPartOfARecord) {
  // A file-size limit stands for a full disk; in a child, as it is a property of the process.
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto sink = open_json_lines_audit(file_);
    if (!sink || !(*sink)->write(decision("/first"))) {
      ::_exit(1);
    }
    ::signal(SIGXFSZ, SIG_IGN);
    const auto size = std::filesystem::file_size(file_);
    const rlimit limit{size + 40, size + 40};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const auto second = (*sink)->write(decision("/second"));
    ::_exit(second || second.error().system_errno != EFBIG ? 2 : 0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  const auto records = lines(file_);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0]["resource"], "/first");
}

TEST_F(Audit, AFullDiskLosesNoAcknowledgedRecordAndRecordingGoesOn) {
  constexpr int no_namespace = 77;
  const auto recorded = [this] {
    std::vector<std::string> resources;
    for (const auto& record : lines(file_)) {
      resources.push_back(record["resource"]);
    }
    return resources;
  };
  const int result = test::in_child([&] {
    if (!linux_::take_own_mounts() ||
        ::mount("tmpfs", folder_.c_str(), "tmpfs", 0, "size=64k") != 0) {
      return no_namespace;
    }
    const auto ballast = folder_ / "ballast";
    std::ofstream(ballast) << std::string(4096, 'b');
    auto sink = open_json_lines_audit(file_);
    if (!sink) {
      return 1;
    }
    std::vector<std::string> acknowledged;
    Expected<void> written;
    for (int index = 0; written && index < 1'000; ++index) {
      const std::string resource = "/" + std::to_string(index) + std::string(300, 'x');
      written = (*sink)->write(decision(resource));
      if (written) {
        acknowledged.push_back(resource);
      }
    }
    if (written || written.error().system_errno != ENOSPC || acknowledged.size() < 50) {
      return 2;
    }
    if (recorded() != acknowledged) {
      return 3;
    }
    std::filesystem::remove(ballast);
    if (!(*sink)->write(decision("/later"))) {
      return 4;
    }
    acknowledged.emplace_back("/later");
    return recorded() == acknowledged ? 0 : 5;
  });
  if (result == no_namespace) {
    GTEST_SKIP() << "this machine gives no user namespace to mount a small disk in";
  }
  EXPECT_EQ(result, 0);
}

// Whoever can write beside the log must not choose the file that records go to.
TEST_F(Audit, ALinkInTheLogsPlaceGetsNoRecord) {
  const auto target = folder_ / "target";
  std::ofstream(target) << "own\n";
  auto audit = open_json_lines_audit(file_, 1);  // rotates before each record but the first
  ASSERT_TRUE(audit);
  ASSERT_TRUE((*audit)->write(decision("/a")));
  std::filesystem::remove(file_);
  std::filesystem::create_symlink(target, file_);
  EXPECT_FALSE((*audit)->write(decision("/b")));
  // The place that is rotated to may be one: it is replaced.
  std::filesystem::remove(file_);
  std::filesystem::remove(folder_ / "audit.jsonl.1");
  std::filesystem::create_symlink(target, folder_ / "audit.jsonl.1");
  ASSERT_TRUE((*audit)->write(decision("/c")));
  ASSERT_TRUE((*audit)->write(decision("/d")));
  EXPECT_FALSE(std::filesystem::is_symlink(folder_ / "audit.jsonl.1"));
  std::ifstream content(target);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(content), {}), "own\n");
}

TEST_F(Audit, StaysInTheFolderThatTheNameLedToAtFirst) {
  const auto other = folder_ / "other";
  const auto logs = folder_ / "logs";
  std::filesystem::create_directory(other);
  std::filesystem::create_directory(logs);
  std::filesystem::create_symlink(logs, folder_ / "by-link");
  auto audit = open_json_lines_audit(folder_ / "by-link" / "audit.jsonl", 1);
  ASSERT_TRUE(audit) << audit.error().message;
  ASSERT_TRUE((*audit)->write(decision("/a")));
  std::filesystem::rename(logs, folder_ / "moved");
  std::filesystem::create_symlink(other, logs);
  ASSERT_TRUE((*audit)->write(decision("/b")));
  EXPECT_TRUE(std::filesystem::is_empty(other));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "moved" / "audit.jsonl.1"));
}

TEST_F(Audit, RefusesWhatIsNoFile) {
  const auto fifo = folder_ / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_FALSE(open_json_lines_audit(fifo));
  EXPECT_FALSE(open_json_lines_audit(folder_));
  EXPECT_FALSE(open_json_lines_audit(folder_ / "absent" / "audit.jsonl"));
  EXPECT_FALSE(open_json_lines_audit("/dev/null"));
}

TEST_F(Audit, CallbackSeesEachRecord) {
  std::vector<std::string> seen;
  const auto sink =
      make_callback_audit([&](const AuditRecord& record) { seen.push_back(record.resource); });
  ASSERT_TRUE(sink->write(decision("/a")));
  ASSERT_TRUE(sink->write(decision("/b")));
  EXPECT_EQ(seen, (std::vector<std::string>{"/a", "/b"}));
}

}  // namespace
}  // namespace omnisandbox
