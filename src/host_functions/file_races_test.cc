#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <thread>

#include "host_functions/file_test_run.h"

namespace omnisandbox::host_functions {
namespace {

// Long enough for some ten thousand exchanges in each test; a longer time finds rarer escapes.
std::chrono::milliseconds race_time() {
  const char* seconds = std::getenv("OMNISANDBOX_RACE_SECONDS");
  return seconds == nullptr ? std::chrono::milliseconds(1200)
                            : std::chrono::seconds(std::max(1, std::atoi(seconds)));
}

/// Somebody who can change names in "work" exchanges folders and files with links that lead out, as
/// fast as he can, while the functions are called on those names.
class FileRaces : public FileTestRun {
 protected:
  FileRaces() : FileTestRun(fast_folder()) {
    folder_.write("work/turning/file", "inside");
    folder_.write("work/turning/deep/file", "inside");
    folder_.write("work/last", "inside");
    folder_.write("outside/file", "the secret");
    folder_.write("outside/deep/file", "the secret");
    folder_.make_folder("outside/empty");
    folder_.link("work/link", in("outside"));
    folder_.link("work/link_up", "../outside");
    folder_.link("work/last_link", in("outside/file"));
    Config endless = config();
    endless.max_write_bytes = 1ULL << 40;
    endless.max_files_created = 10'000'000;
    endless.max_host_calls = 1'000'000'000;
    endless.timeout = std::chrono::hours(1);
    use(endless, {.audit = quiet()});
    for (const auto& entry : std::filesystem::recursive_directory_iterator(in("outside"))) {
      before_.push_back(entry.path().string());
    }
  }

  // In memory, where there is such a folder: an exchange costs a hundredth there.
  static std::filesystem::path fast_folder() {
    return ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : std::filesystem::temp_directory_path();
  }

  static std::shared_ptr<AuditSink> quiet() {
    return make_callback_audit([](const AuditRecord&) {});
  }

  /// Calls `attempt` in two threads while names are exchanged, and sees that nothing outside
  /// changed.
  void race(const std::function<void()>& attempt) {
    std::atomic<std::uint64_t> attempts = 0;
    std::uint64_t exchanges = 0;
    {
      std::jthread attacker([&](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
          exchanges += exchange("turning", "link") ? 1 : 0;
          exchange("last", "last_link");
          exchange("turning", "link_up");
        }
      });
      const auto try_on = [&](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
          attempt();
          ++attempts;
        }
      };
      std::jthread first(try_on);
      std::jthread second(try_on);
      std::this_thread::sleep_for(race_time() / 4);
    }
    EXPECT_GT(exchanges, 10U);
    EXPECT_GT(attempts.load(), 10U);
    expect_outside_unchanged();
  }

  void expect_outside_unchanged() const {
    std::vector<std::string> after;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(in("outside"))) {
      after.push_back(entry.path().string());
    }
    EXPECT_THAT(after, testing::UnorderedElementsAreArray(before_));
    EXPECT_EQ(folder_.read("outside/secret"), "secret");
    EXPECT_EQ(folder_.read("outside/file"), "the secret");
    EXPECT_EQ(folder_.read("outside/deep/file"), "the secret");
  }

  bool exchange(const char* one, const char* other) const {
    return ::renameat2(AT_FDCWD, in(std::string("work/") + one).c_str(), AT_FDCWD,
                       in(std::string("work/") + other).c_str(), RENAME_EXCHANGE) == 0;
  }

  std::vector<std::string> before_;
  // The names whose meaning changes; each is a folder, a file, or a link out, at any time.
  const std::vector<std::string> folders_ = {"work/turning", "work/link", "work/link_up"};
  const std::vector<std::string> files_ = {
      "work/turning/file", "work/turning/deep/file", "work/turning/deep/../file", "work/link/file",
      "work/last",         "work/last_link"};
};

TEST_F(FileRaces, NothingOutsideIsRead) {
  std::atomic<std::uint64_t> reads = 0;
  race([&] {
    for (const std::string& name : files_) {
      const auto content = read(name);
      if (content) {
        ++reads;
        EXPECT_EQ(*content, "inside");
      }
      if (const auto info = stat_file(*context_, in(name))) {
        EXPECT_NE(info->size_bytes, std::string_view("the secret").size()) << name;
      }
    }
  });
  EXPECT_GT(reads.load(), 0U) << "the honest reads work in between";
}

TEST_F(FileRaces, NothingOutsideIsListed) {
  race([&] {
    for (const std::string& name : folders_) {
      if (const auto entries = list_files(*context_, in(name))) {
        for (const DirectoryEntry& entry : *entries) {
          EXPECT_NE(entry.name, "secret");
          EXPECT_NE(entry.name, "empty");
        }
      }
    }
  });
}

TEST_F(FileRaces, NothingOutsideIsWritten) {
  race([&] {
    for (const std::string& name : files_) {
      static_cast<void>(write(name, "inside").has_value());
      static_cast<void>(append(name, "").has_value());
      static_cast<void>(append(name + ".new", "").has_value());
      static_cast<void>(create(name + ".created", "inside").has_value());
      static_cast<void>(delete_file(*context_, in(name + ".created")).has_value());
    }
  });
}

TEST_F(FileRaces, NothingOutsideIsDeletedOrMade) {
  race([&] {
    for (const std::string& name : folders_) {
      static_cast<void>(make_directory(*context_, in(name + "/made")).has_value());
      static_cast<void>(delete_file(*context_, in(name + "/made")).has_value());
      static_cast<void>(delete_file(*context_, in(name + "/empty")).has_value());
      static_cast<void>(delete_file(*context_, in(name + "/secret")).has_value());
      static_cast<void>(delete_file(*context_, in(name + "/deep/file")).has_value());
      static_cast<void>(write(name + "/deep/file", "inside").has_value());
    }
  });
}

}  // namespace
}  // namespace omnisandbox::host_functions
