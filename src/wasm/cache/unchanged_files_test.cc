// What is known by stamps is used, and never for a file that was changed.
#include <gtest/gtest.h>

#include "linux/file_system.h"
#include "wasm/cache/cache_folder.h"
#include "wasm/cache/module_cache.h"
#include "wasm/cache/test_changed_files.h"
#include "wasm/module/module_input.h"
#include "wasm/test_support.h"

namespace omnisandbox::wasm {
namespace {

namespace fs = std::filesystem;

CacheKey key_number(std::uint8_t number) {
  CacheKey key;
  key.module[0] = number;
  return key;
}

const std::string module_one("\0asm\1\0\0\0one", 11);
const std::string module_two("\0asm\1\0\0\0two", 11);

class UnchangedFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!keeps_stamps(folder_.path())) {
      GTEST_SKIP() << "the file system of " << folder_.path() << " is not ext4, XFS or Btrfs";
    }
    auto cache = ModuleCache::open(folder_.file("cache"));
    ASSERT_TRUE(cache) << cache.error().message;
    cache_ = *cache;
  }
  void store(std::uint8_t number, std::string_view code) const {
    ASSERT_TRUE(cache_->store({.key = key_number(number), .shape = {}, .code = bytes_of(code)}));
  }
  std::string entry_file(std::uint8_t number) const {
    return folder_.file("cache/" + hex_of(key_number(number).name()) + ".compiled");
  }
  std::string record_file(std::uint8_t number) const {
    return folder_.file("cache/" + hex_of(key_number(number).name()) + ".checked");
  }
  enum class Found { nothing, read, mapped };
  Found find(std::uint8_t number) const {
    const auto found = cache_->find(key_number(number));
    return !found ? Found::nothing : found->file.is_open() ? Found::mapped : Found::read;
  }
  static std::string content_of(const std::string& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  /// The record of the only module's file.
  std::string module_record() const {
    for (const auto& file : fs::directory_iterator(folder_.file("cache"))) {
      if (file.path().filename().string().starts_with("module-")) {
        return file.path();
      }
    }
    return {};
  }
  Digest digest_of_file() const {
    auto input = ModuleInput::open({.path = folder_.file("module")}, cache_);
    EXPECT_TRUE(input) << input.error().message;
    return input ? input->digest() : Digest{};
  }

  TestFolder folder_;
  std::shared_ptr<const ModuleCache> cache_;
};

TEST_F(UnchangedFiles, AnEntryIsMappedOnceItWasCheckedAndIsQuiet) {
  store(1, "code");
  EXPECT_EQ(find(1), Found::read);
  EXPECT_FALSE(fs::exists(record_file(1)));
  wait_until_quiet();
  EXPECT_EQ(find(1), Found::mapped);
  const ino_t record = inode_of(record_file(1));
  EXPECT_NE(record, 0U);
  // The record stays the same file, so it was used, and not made anew.
  EXPECT_EQ(find(1), Found::mapped);
  EXPECT_EQ(inode_of(record_file(1)), record);
  EXPECT_FALSE(cache_->find(key_number(1), ModuleCache::Access::read)->file.is_open());
  EXPECT_EQ(cache_->list()->size(), 1U);
  EXPECT_EQ(*cache_->clear(), 1U);
  EXPECT_FALSE(fs::exists(record_file(1)));
}

TEST_F(UnchangedFiles, AChangedEntryIsNothing) {
  for (const WayToChange& way : ways_to_change) {
    store(1, "code");
    const std::string whole = content_of(entry_file(1));
    wait_until_quiet();
    ASSERT_EQ(find(1), Found::mapped) << way.name;
    ASSERT_EQ(find(1), Found::mapped) << way.name;
    std::string changed = whole;
    changed[0] = 'm';
    change_unseen(way, entry_file(1), changed);
    EXPECT_EQ(find(1), Found::nothing) << way.name;
    // The right content in another file has to be checked again.
    change_unseen(way, entry_file(1), whole);
    EXPECT_EQ(find(1), Found::read) << way.name;
  }
}

TEST_F(UnchangedFiles, AWriterFromBeforeKeepsAnEntryFromBeingMapped) {
  store(1, "code");
  const auto writer = open_test_file(entry_file(1), O_RDWR);
  void* mapped = ::mmap(nullptr, 4, PROT_READ | PROT_WRITE, MAP_SHARED, writer.get(), 0);
  ASSERT_NE(mapped, MAP_FAILED);
  // The page is dirty from now on, and no later write to it changes the time.
  *static_cast<char*>(mapped) = 'c';
  wait_until_quiet();
  EXPECT_EQ(find(1), Found::read);
  *static_cast<char*>(mapped) = 'm';
  EXPECT_EQ(find(1), Found::nothing);
  ::munmap(mapped, 4);
}

TEST_F(UnchangedFiles, ARecordThatIsNotThisEntrysOwnIsNotUsed) {
  store(1, "one");
  store(2, "two");
  wait_until_quiet();
  ASSERT_EQ(find(1), Found::mapped);
  ASSERT_EQ(find(2), Found::mapped);
  const std::string record = content_of(record_file(1));
  // Each of these is worth nothing: the file is read, checked and recorded anew.
  std::vector<std::string> forged{content_of(record_file(2)), "", record + "x",
                                  record.substr(0, record.size() - 1)};
  for (std::size_t position = 0; position < record.size(); ++position) {
    forged.push_back(record);
    forged.back()[position] = static_cast<char>(forged.back()[position] ^ 1);
  }
  const auto secret = secret_of(*open_private_folder(folder_.file("cache")));
  ASSERT_TRUE(secret);
  auto decoded = decode_stamp_record(bytes_of(record), *secret);
  ASSERT_TRUE(decoded);
  const auto as_text = [](const auto& bytes) {
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };
  // Of another user, of an earlier start of the machine, of another kind.
  forged.push_back(as_text(*encode_stamp_record(*decoded, CacheSecret{7})));
  StampRecord other = *decoded;
  other.boot[0] = static_cast<char>(other.boot[0] ^ 1);
  forged.push_back(as_text(*encode_stamp_record(other, *secret)));
  other = *decoded;
  other.file = StampedFile::module;
  forged.push_back(as_text(*encode_stamp_record(other, *secret)));
  for (const std::string& text : forged) {
    rename_over(record_file(1), text);
    const ino_t before = inode_of(record_file(1));
    EXPECT_EQ(find(1), Found::mapped);
    EXPECT_NE(inode_of(record_file(1)), before);
    EXPECT_EQ(content_of(record_file(1)), record);
  }
  // Both files moved together: the record fits the file, and the file is another entry's.
  fs::rename(entry_file(2), entry_file(1));
  fs::rename(record_file(2), record_file(1));
  EXPECT_EQ(find(1), Found::nothing);
}

TEST_F(UnchangedFiles, AModuleIsNotReadOnceItWasHashedAndIsQuiet) {
  folder_.write("module", module_one);
  EXPECT_EQ(digest_of_file(), sha256(bytes_of(module_one)));
  EXPECT_EQ(module_record(), "");
  wait_until_quiet();
  EXPECT_EQ(digest_of_file(), sha256(bytes_of(module_one)));
  const ino_t record = inode_of(module_record());
  EXPECT_NE(record, 0U);
  EXPECT_EQ(digest_of_file(), sha256(bytes_of(module_one)));
  EXPECT_EQ(inode_of(module_record()), record);
}

TEST_F(UnchangedFiles, AChangedModuleIsReadAgain) {
  for (const WayToChange& way : ways_to_change) {
    folder_.write("module", module_one);
    wait_until_quiet();
    ASSERT_EQ(digest_of_file(), sha256(bytes_of(module_one))) << way.name;
    ASSERT_NE(module_record(), "") << way.name;
    change_unseen(way, folder_.file("module"), module_two);
    EXPECT_EQ(digest_of_file(), sha256(bytes_of(module_two))) << way.name;
    auto pinned = ModuleInput::open(
        {.path = folder_.file("module"), .sha256 = hex_of(sha256(bytes_of(module_one)))}, cache_);
    ASSERT_FALSE(pinned) << way.name;
    EXPECT_EQ(pinned.error().kind, ErrorKind::invalid_argument);
    fs::remove(module_record());
  }
}

TEST_F(UnchangedFiles, APinHoldsForAModuleThatIsKnown) {
  folder_.write("module", module_one);
  wait_until_quiet();
  digest_of_file();
  ASSERT_NE(module_record(), "");
  const std::string right = hex_of(sha256(bytes_of(module_one)));
  EXPECT_TRUE(ModuleInput::open({.path = folder_.file("module"), .sha256 = right}, cache_));
  const std::string wrong = hex_of(sha256(bytes_of(module_two)));
  EXPECT_FALSE(ModuleInput::open({.path = folder_.file("module"), .sha256 = wrong}, cache_));
}

// Code is kept under the digest of the bytes that it was compiled from, whatever was known before.
TEST_F(UnchangedFiles, AModuleThatIsReadLateHasTheDigestOfWhatWasRead) {
  folder_.write("module", module_one);
  const auto file = open_test_file(folder_.file("module"));
  cache_->remember_digest(stamp_of(*linux_::stat_of(file)), Digest{1, 2, 3});
  auto input = ModuleInput::open({.path = folder_.file("module")}, cache_);
  ASSERT_TRUE(input);
  EXPECT_EQ(input->digest(), (Digest{1, 2, 3}));
  const auto bytes = input->bytes();
  ASSERT_TRUE(bytes);
  EXPECT_EQ(bytes->size(), module_one.size());
  EXPECT_EQ(input->digest(), sha256(bytes_of(module_one)));
}

TEST_F(UnchangedFiles, TextAndWhatIsCompiledAlreadyAreNotKnownByStamps) {
  for (const std::string_view content : {std::string_view("(module)"), std::string_view("")}) {
    folder_.write("module", content);
    wait_until_quiet();
    EXPECT_EQ(digest_of_file(), sha256(bytes_of(content)));
    EXPECT_EQ(module_record(), "");
  }
}

}  // namespace
}  // namespace omnisandbox::wasm
