#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host_functions/file_functions.h"
#include "policy/path/path_test_folder.h"

namespace omnisandbox::host_functions {

/// Keeps every record. For tests only.
class RecordingAudit final : public AuditSink {
 public:
  Expected<void> write(const AuditRecord& record) override {
    const std::lock_guard lock(mutex_);
    if (fails) {
      return Error{.kind = ErrorKind::io, .message = "disk full", .resource = {}};
    }
    records.push_back(record);
    return {};
  }
  std::vector<AuditRecord> records;
  bool fails = false;

 private:
  std::mutex mutex_;
};

/// A folder "work" that is open for reading and writing, "notes" for reading, "outside" not at all,
/// and the file functions over them. For tests only.
class FileTestRun : public testing::Test {
 protected:
  explicit FileTestRun(const std::filesystem::path& base = std::filesystem::temp_directory_path())
      : folder_(base) {
    folder_.write("work/file", "content");
    folder_.write("notes/file", "notes");
    folder_.write("outside/secret", "secret");
    use(config());
  }

  Config config() const {
    return Config{.capabilities = {Capability::fs_read, Capability::fs_write},
                  .allowed_paths = {in("work"), {in("notes"), PathAccess::read}}};
  }
  void use(Config config, HostFunctionOptions options = {}) {
    context_.reset();
    if (options.audit == nullptr) {
      options.audit = audit_;
    }
    auto policy = Policy::compile(std::move(config));
    ASSERT_TRUE(policy) << policy.error().message;
    auto context = RunContext::create(*policy, std::move(options));
    ASSERT_TRUE(context) << context.error().message;
    context_ = std::move(*context);
  }

  std::string in(std::string_view name) const { return folder_.path(name); }

  Expected<std::string> read(std::string_view name, ReadRange range = {}) {
    return read_file(*context_, in(name), range);
  }
  Expected<void> write(std::string_view name, std::string_view content, WriteOptions options = {}) {
    return write_file(*context_, in(name), content, options);
  }
  Expected<void> append(std::string_view name, std::string_view content) {
    return write(name, content, {.mode = WriteMode::append});
  }
  Expected<void> create(std::string_view name, std::string_view content) {
    return write(name, content, {.mode = WriteMode::create_new});
  }

  /// The names in a folder that writers leave when they are killed.
  std::size_t leftovers(std::string_view name) const {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(in(name))) {
      count += entry.path().filename().string().starts_with(".omnisandbox-") ? 1 : 0;
    }
    return count;
  }

  policy::TestFolder folder_;
  std::shared_ptr<RecordingAudit> audit_ = std::make_shared<RecordingAudit>();
  std::unique_ptr<RunContext> context_;
};

template <class T>
ErrorKind kind_of(const Expected<T>& result) {
  EXPECT_FALSE(result.has_value());
  return result ? ErrorKind::internal : result.error().kind;
}

}  // namespace omnisandbox::host_functions
