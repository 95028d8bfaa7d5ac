#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <thread>

#include "base/test_effort.h"
#include "wasm/wasi/wasi_fixture.h"

/// Attacks that need more than one call, or somebody on the host who helps.
namespace omnisandbox::wasm::wasi {
namespace {

namespace fs = std::filesystem;

class WasiAttacks : public WasiTest {
 protected:
  void SetUp() override {
    WasiTest::SetUp();
    guest_ = guest();
    work_ = guest_->preopen(path("work"));
  }
  std::unique_ptr<TestGuest> guest_;
  GuestFd work_ = 0;
};

// Exchanges what two names stand for, for as long as it lives.
class Exchanger {
 public:
  Exchanger(std::string first, std::string second)
      : first_(std::move(first)), second_(std::move(second)), thread_([this] { run(); }) {}
  ~Exchanger() {
    stop_ = true;
    thread_.join();
  }
  std::uint64_t count() const { return count_; }

 private:
  void run() {
    while (!stop_) {
      ASSERT_EQ(renameat2(AT_FDCWD, first_.c_str(), AT_FDCWD, second_.c_str(), RENAME_EXCHANGE), 0);
      ++count_;
    }
  }
  std::string first_;
  std::string second_;
  std::atomic<bool> stop_{false};
  std::atomic<std::uint64_t> count_{0};
  std::thread thread_;
};

const int race_rounds = omnisandbox::test::rounds(3'000, 20'000);

TEST_F(WasiAttacks, AFolderExchangedForALinkNeverLeadsOutside) {
  make_file("work/sub/secret.txt", "inside");
  fs::create_symlink("../outside", path("work/swapped"));
  const auto before = snapshot("outside");
  int inside = 0;
  {
    Exchanger exchanger(path("work/sub"), path("work/swapped"));
    for (int round = 0; round < race_rounds; ++round) {
      const auto opened = guest_->open(work_, "sub/secret.txt");
      if (opened.error == Errno::success) {
        ASSERT_EQ(guest_->read(opened.value).value, "inside");
        ++inside;
        guest_->close(opened.value);
      }
      const auto written = guest_->open(work_, "sub/planted.txt", for_both(oflags::creat));
      if (written.error == Errno::success) {
        guest_->write(written.value, "planted");
        guest_->close(written.value);
      }
      guest_->create_directory(work_, "sub/planted");
      guest_->unlink(work_, "sub/linked.txt");
      guest_->set_times_path(work_, "sub/secret.txt", 1'000'000'000);
    }
    EXPECT_GT(exchanger.count(), 100U);
  }
  EXPECT_GT(inside, 0);
  EXPECT_EQ(snapshot("outside"), before);
}

TEST_F(WasiAttacks, AFileExchangedForALinkIsNeverTheOther) {
  make_file("work/file", "inside");
  fs::create_symlink("../outside/secret.txt", path("work/swapped"));
  {
    Exchanger exchanger(path("work/file"), path("work/swapped"));
    for (int round = 0; round < race_rounds; ++round) {
      const auto opened =
          guest_->open(work_, "file", round % 2 == 0 ? for_reading() : for_both(oflags::trunc));
      if (opened.error == Errno::success) {
        const std::string text = guest_->read(opened.value).value;
        ASSERT_TRUE(text == "inside" || text.empty()) << text;
        if (round % 2 != 0) {
          ASSERT_EQ(guest_->pwrite(opened.value, "inside", 0).value, 6U);
        }
        guest_->close(opened.value);
      }
      const auto looked = guest_->stat_path(work_, "file");
      ASSERT_FALSE(looked.error == Errno::success &&
                   looked.value.filetype == FileType::symbolic_link);
    }
  }
  EXPECT_EQ(content("outside/secret.txt"), "secret");
}

TEST_F(WasiAttacks, AFileExchangedForAFifoNeverBlocks) {
  make_file("work/file", "inside");
  ASSERT_EQ(mkfifo(path("work/fifo").c_str(), 0600), 0);
  Exchanger exchanger(path("work/file"), path("work/fifo"));
  for (int round = 0; round < race_rounds; ++round) {
    const auto opened = guest_->open(work_, "file", round % 2 == 0 ? for_reading() : for_both());
    if (opened.error == Errno::success) {
      ASSERT_EQ(guest_->read(opened.value).value, "inside");
      guest_->close(opened.value);
    } else {
      ASSERT_TRUE(opened.error == Errno::notsup || opened.error == Errno::again ||
                  opened.error == Errno::nxio)
          << opened.error;
    }
  }
}

TEST_F(WasiAttacks, AFolderMovedAwayUnderItsDescriptorStaysBeneathItsRoot) {
  const GuestFd sub = guest_->open(work_, "sub", for_listing()).value;
  fs::rename(path("work/sub"), path("outside/sub"));
  make_file("outside/sub/new.txt", "new");
  for (const std::string_view name : {"deep.txt", "new.txt", "../secret.txt", "."}) {
    EXPECT_NE(guest_->open(sub, name).error, Errno::success) << name;
  }
  EXPECT_NE(guest_->open(sub, "planted", for_both(oflags::creat)).error, Errno::success);
  EXPECT_FALSE(exists("outside/sub/planted"));
}

TEST_F(WasiAttacks, ProcAndDevicesAreDeniedUnlessListed) {
  Config everything = config();
  everything.allowed_paths = {PathRule("/", PathAccess::read)};
  auto guest = guest_under(everything);
  const GuestFd root = guest->preopen("/");
  // Allowed by the rule, and still no way around it.
  for (const std::string_view name :
       {"proc/self/root/etc/hostname", "proc/self/cwd", "proc/self/exe", "dev/fd/0"}) {
    EXPECT_NE(guest->open(root, name).error, Errno::success) << name;
  }
  for (const std::string_view name : {"dev/zero", "dev/null", "dev/tty"}) {
    EXPECT_NE(guest->open(root, name).error, Errno::success) << name;
  }
  EXPECT_EQ(guest->open(root, "etc").error, Errno::success);
}

TEST_F(WasiAttacks, ManyGuestsUnderDifferentPoliciesKeepTheirOwn) {
  Config other = config();
  other.allowed_paths = {PathRule(path("outside"), PathAccess::read)};
  constexpr int thread_count = 16;
  std::vector<std::thread> threads;
  threads.reserve(thread_count);
  std::atomic<int> wrong{0};
  for (int index = 0; index < thread_count; ++index) {
    threads.emplace_back([&, index] {
      const bool is_other = index % 2 != 0;
      auto guest = guest_under(is_other ? other : config());
      const GuestFd own = guest->preopen(is_other ? path("outside") : path("work"));
      for (int round = 0; round < 200; ++round) {
        const auto opened = guest->open(own, is_other ? "secret.txt" : "note.txt");
        const bool right = opened.error == Errno::success &&
                           guest->read(opened.value).value == (is_other ? "secret" : "a note");
        const bool refused =
            guest->open(own, is_other ? "../work/note.txt" : "../outside/secret.txt").error ==
            Errno::perm;
        wrong += right && refused ? 0 : 1;
        guest->close(opened.value);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(wrong, 0);
}

TEST_F(WasiAttacks, AMillionSmallWritesStayWithinTheQuota) {
  Config small = config();
  small.max_write_bytes = 100'000U;
  small.max_file_bytes = 100'000U;
  auto guest = guest_under(small);
  const GuestFd work = guest->preopen(path("work"));
  const GuestFd file = guest->open(work, "new.txt", for_both(oflags::creat)).value;
  int refused = 0;
  for (int round = 0; round < 200'000; ++round) {
    refused += guest->pwrite(file, "x", 0).error == Errno::dquot ? 1 : 0;
  }
  EXPECT_EQ(refused, 100'000);
  EXPECT_EQ(content("work/new.txt"), "x");
}

TEST_F(WasiAttacks, DenialsWithoutEndAreCountedAndBounded) {
  for (int round = 0; round < 5'000; ++round) {
    guest_->open(work_, "../outside/secret.txt");
  }
  EXPECT_EQ(guest_->context().denial_count(), 5'000U);
  EXPECT_EQ(guest_->context().denials().size(), max_reported_denials);
}

}  // namespace
}  // namespace omnisandbox::wasm::wasi
