#include "wasm/cache/module_cache.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "base/test_child.h"
#include "linux/file_system.h"
#include "linux/test_own_mounts.h"
#include "wasm/cache/cache_folder.h"
#include "wasm/test_support.h"

namespace omnisandbox::wasm {
namespace {

namespace fs = std::filesystem;

CacheKey key_number(std::uint8_t number) {
  CacheKey key;
  key.module[0] = number;
  return key;
}

class ModuleCacheTest : public ::testing::Test {
 protected:
  std::string path() const { return folder_.file("cache"); }
  std::string key_file() const { return path() + "/" + std::string(cache_secret_name); }
  std::shared_ptr<ModuleCache> open(std::uint64_t max_bytes = default_cache_bytes) const {
    auto cache = ModuleCache::open(path(), max_bytes);
    if (!cache) {
      ADD_FAILURE() << cache.error().message;
      std::abort();
    }
    return *cache;
  }
  static void store(const ModuleCache& cache, std::uint8_t number, std::string_view code) {
    const auto stored =
        cache.store({.key = key_number(number), .shape = {}, .code = bytes_of(code)});
    ASSERT_TRUE(stored) << stored.error().message;
  }
  static std::string found(const ModuleCache& cache, std::uint8_t number) {
    const auto entry = cache.find(key_number(number));
    if (!entry) {
      return "nothing";
    }
    std::vector<std::byte> bytes = entry->bytes;
    if (entry->file.is_open()) {
      bytes.resize(static_cast<std::size_t>(linux_::stat_of(entry->file)->st_size));
      EXPECT_EQ(*linux_::read_full_at(entry->file, bytes, 0), bytes.size());
    }
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size() - entry_tail_bytes};
  }
  /// The file of the only entry.
  std::string entry_file() const {
    for (const auto& file : fs::directory_iterator(path())) {
      if (file.path().extension() == ".compiled") {
        return file.path();
      }
    }
    return {};
  }
  static std::string read(const std::string& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  static void write(const std::string& file, std::string_view content) {
    std::ofstream(file, std::ios::binary) << content;
  }

  TestFolder folder_;
};

TEST_F(ModuleCacheTest, KeepsWhatWasStoredForTheNextOneWhoOpensIt) {
  EXPECT_EQ(found(*open(), 1), "nothing");
  store(*open(), 1, "machine code");
  store(*open(), 2, "other code");
  EXPECT_EQ(found(*open(), 1), "machine code");
  EXPECT_EQ(found(*open(), 2), "other code");
  CacheKey other_engine = key_number(1);
  other_engine.engine[5] = 9;
  EXPECT_FALSE(open()->find(other_engine));
}

TEST_F(ModuleCacheTest, IsClosedToOthersAndRefusesAFolderThatIsNot) {
  store(*open(), 1, "code");
  EXPECT_EQ(fs::status(path()).permissions(), fs::perms::owner_all);
  for (const auto& file : fs::directory_iterator(path())) {
    EXPECT_EQ(file.status().permissions(), fs::perms::owner_read | fs::perms::owner_write)
        << file.path();
  }
  for (const unsigned mode : {0701U, 0710U, 0770U, 0777U}) {
    ASSERT_EQ(::chmod(path().c_str(), mode), 0);
    const auto refused = ModuleCache::open(path());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::unavailable);
  }
  ASSERT_EQ(::chmod(path().c_str(), 0700), 0);
  EXPECT_EQ(found(*open(), 1), "code");
}

TEST_F(ModuleCacheTest, RefusesAFolderOfSomebodyElse) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "only root can give a folder away";
  }
  open();
  ASSERT_EQ(::chown(path().c_str(), 12'345, 12'345), 0);
  const auto refused = ModuleCache::open(path());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::unavailable);
}

TEST_F(ModuleCacheTest, DoesNotFollowALinkAsTheFolderOrAsAnEntry) {
  store(*open(), 1, "code");
  fs::create_symlink(path(), folder_.file("link"));
  EXPECT_FALSE(ModuleCache::open(folder_.file("link")));
  EXPECT_FALSE(ModuleCache::open(folder_.file("link/")));
  EXPECT_FALSE(ModuleCache::open("relative"));
  EXPECT_FALSE(ModuleCache::open("/"));
  const std::string entry = entry_file();
  fs::rename(entry, folder_.file("moved"));
  fs::create_symlink(folder_.file("moved"), entry);
  EXPECT_EQ(found(*open(), 1), "nothing");
  store(*open(), 1, "new code");
  EXPECT_EQ(found(*open(), 1), "new code");
  EXPECT_FALSE(fs::is_symlink(entry));
}

TEST_F(ModuleCacheTest, IgnoresAndReplacesWhatWasChangedAnywhereOrCutOff) {
  store(*open(), 1, "machine code");
  const std::string file = entry_file();
  const std::string whole = read(file);
  for (std::size_t position = 0; position < whole.size(); ++position) {
    std::string changed = whole;
    changed[position] = static_cast<char>(changed[position] ^ 1);
    write(file, changed);
    EXPECT_EQ(found(*open(), 1), "nothing") << position;
    write(file, whole.substr(0, position));
    EXPECT_EQ(found(*open(), 1), "nothing") << position;
  }
  write(file, whole + "x");
  EXPECT_EQ(found(*open(), 1), "nothing");
  store(*open(), 1, "machine code");
  EXPECT_EQ(found(*open(), 1), "machine code");
}

TEST_F(ModuleCacheTest, IgnoresAnAuthenticEntryUnderAnotherName) {
  store(*open(), 1, "code of one");
  const std::string one = entry_file();
  const std::string content = read(one);
  fs::remove(one);
  store(*open(), 2, "code of two");
  write(entry_file(), content);
  EXPECT_EQ(found(*open(), 2), "nothing");
}

TEST_F(ModuleCacheTest, IgnoresAnEntryThatOthersMayWriteOrThatIsNoFile) {
  store(*open(), 1, "code");
  const std::string file = entry_file();
  ASSERT_EQ(::chmod(file.c_str(), 0622), 0);
  EXPECT_EQ(found(*open(), 1), "nothing");
  fs::remove(file);
  ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
  EXPECT_EQ(found(*open(), 1), "nothing");
  store(*open(), 1, "code");
  EXPECT_EQ(found(*open(), 1), "code");
}

TEST_F(ModuleCacheTest, AnotherKeyMakesEverythingWorthlessAndABrokenOneIsReplaced) {
  store(*open(), 1, "code");
  for (const std::string& key :
       {std::string(32, 'x'), std::string("short"), std::string(33, 'y')}) {
    write(key_file(), key);
    EXPECT_EQ(found(*open(), 1), "nothing");
    store(*open(), 1, "code");
    EXPECT_EQ(found(*open(), 1), "code");
  }
  EXPECT_EQ(fs::file_size(key_file()), 32U);
  ASSERT_EQ(::chmod(key_file().c_str(), 0644), 0);
  EXPECT_EQ(found(*open(), 1), "nothing");
}

TEST_F(ModuleCacheTest, StaysWithinItsBoundAndDropsWhatWasUnusedLongest) {
  const auto cache = open(40'000);
  const std::string code(6'000, 'c');
  for (std::uint8_t number = 0; number < 20; ++number) {
    store(*cache, number, code);
    const auto items = cache->list();
    ASSERT_TRUE(items);
    std::uint64_t total = 0;
    for (const auto& item : *items) {
      total += item.size_bytes;
    }
    EXPECT_LE(total, 40'000U);
    EXPECT_EQ(found(*cache, number), code);
  }
  EXPECT_EQ(found(*cache, 0), "nothing");
  const auto refused =
      cache->store({.key = key_number(99), .shape = {}, .code = bytes_of(std::string_view(code))});
  EXPECT_TRUE(refused);
  const std::string large(50'000, 'l');
  const auto too_large =
      cache->store({.key = key_number(98), .shape = {}, .code = bytes_of(large)});
  ASSERT_FALSE(too_large);
  EXPECT_EQ(too_large.error().kind, ErrorKind::too_large);
  EXPECT_EQ(found(*cache, 99), code);
}

TEST_F(ModuleCacheTest, ClearsEverythingButStaysUsable) {
  const auto cache = open();
  store(*cache, 1, "one");
  store(*cache, 2, "two");
  write(path() + "/unfinished-1234", "half");
  EXPECT_EQ(*cache->clear(), 2U);
  EXPECT_EQ(found(*cache, 1), "nothing");
  EXPECT_FALSE(fs::exists(path() + "/unfinished-1234"));
  store(*cache, 1, "one");
  EXPECT_EQ(found(*open(), 1), "one");
}

TEST_F(ModuleCacheTest, AFullDiskLeavesNothingHalfAndWhatWasThereStays) {
  constexpr int no_namespace = 77;
  const int result = test::in_child([this] {
    if (!linux_::take_own_mounts() ||
        ::mount("tmpfs", folder_.path().c_str(), "tmpfs", 0, "size=64k") != 0) {
      return no_namespace;
    }
    const auto cache = open();
    store(*cache, 1, "machine code");
    const std::string huge(100'000, 'h');
    const auto refused =
        cache->store({.key = key_number(2), .shape = {}, .code = bytes_of(std::string_view(huge))});
    if (refused || refused.error().system_errno != ENOSPC) {
      return 1;
    }
    if (found(*cache, 2) != "nothing" || found(*cache, 1) != "machine code") {
      return 2;
    }
    // The key and one entry.
    if (std::distance(fs::directory_iterator(path()), fs::directory_iterator()) != 2) {
      return 3;
    }
    // A key that cannot be kept is none: every process would have another.
    write(folder_.file("ballast"), huge);
    if (ModuleCache::open(folder_.file("other")) ||
        (fs::exists(folder_.file("other")) && !fs::is_empty(folder_.file("other")))) {
      return 4;
    }
    fs::remove(folder_.file("ballast"));
    store(*cache, 2, "other code");
    return found(*open(), 2) == "other code" ? 0 : 5;
  });
  if (result == no_namespace) {
    GTEST_SKIP() << "this machine gives no user namespace to mount a small disk in";
  }
  EXPECT_EQ(result, 0);
}

TEST_F(ModuleCacheTest, ManyWritersAndReadersNeverSeeAMix) {
  const auto content = [](std::uint8_t number) { return std::string(20'000, char('a' + number)); };
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&, thread] {
      const auto cache = open();
      for (int round = 0; round < 50; ++round) {
        const auto number = static_cast<std::uint8_t>((round + thread) % 4);
        if (thread % 2 == 0) {
          store(*cache, number, content(number));
        } else if (const std::string seen = found(*cache, number); seen != "nothing") {
          EXPECT_EQ(seen, content(number));
        }
      }
    });
  }
  threads.clear();
  EXPECT_EQ(open()->list()->size(), 4U);
  // The key, and one file for each entry: nothing half-written is left.
  EXPECT_EQ(std::distance(fs::directory_iterator(path()), fs::directory_iterator()), 5);
}

}  // namespace
}  // namespace omnisandbox::wasm
