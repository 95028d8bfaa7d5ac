#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

namespace omnisandbox::policy {

/// A folder for one test, removed with all that is in it. Its path is canonical. For tests only.
class TestFolder {
 public:
  explicit TestFolder(const std::filesystem::path& base = std::filesystem::temp_directory_path()) {
    std::string name = (base / "omnisandbox_test_XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
      ADD_FAILURE() << "cannot create " << name;
    }
    path_ = std::filesystem::canonical(name).string();
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::string& path() const { return path_; }
  std::string path(std::string_view name) const { return path_ + "/" + std::string(name); }

  void make_folder(std::string_view name) const { std::filesystem::create_directories(path(name)); }
  void write(std::string_view name, std::string_view content) const {
    std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
    std::ofstream(path(name), std::ios::binary) << content;
  }
  std::string read(std::string_view name) const {
    std::ostringstream content;  // far faster than a byte at a time, where tests are not optimised
    content << std::ifstream(path(name), std::ios::binary).rdbuf();
    return content.str();
  }
  void link(std::string_view name, std::string_view target) const {
    std::filesystem::create_symlink(target, path(name));
  }
  bool exists(std::string_view name) const {
    return std::filesystem::symlink_status(path(name)).type() !=
           std::filesystem::file_type::not_found;
  }

 private:
  std::string path_;
};

}  // namespace omnisandbox::policy
