#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <string>

#include "linux/fd.h"

namespace omnisandbox::linux_ {

/// Folders named "d" in each other, deeper than a path can name, as who changes into each can make
/// them. Taken away level by level: what removes whole trees is recursive. For tests only.
class DeepFolder {
 public:
  DeepFolder(const std::string& folder, std::size_t depth)
      : root_(::open(folder.c_str(), O_PATH | O_CLOEXEC)), deepest_(::dup(root_.get())) {
    for (std::size_t level = 0; level < depth; ++level) {
      EXPECT_EQ(::mkdirat(deepest_.get(), "d", 0755), 0);
      deepest_ = Fd(::openat(deepest_.get(), "d", O_PATH | O_CLOEXEC));
    }
  }
  DeepFolder(const DeepFolder&) = delete;
  DeepFolder& operator=(const DeepFolder&) = delete;
  ~DeepFolder() {
    // Parts whose folders a path can name, the deepest of them first.
    while (::faccessat(root_.get(), "d", F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
      std::string path = "d";
      while (path.size() < part_bytes &&
             ::faccessat(root_.get(), (path + "/d").c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        path += "/d";
      }
      const std::string rest = path + "/d";
      const bool has_rest = ::renameat(root_.get(), rest.c_str(), root_.get(), "next") == 0;
      for (; !path.empty(); path.resize(path.size() < 2 ? 0 : path.size() - 2)) {
        if (::unlinkat(root_.get(), path.c_str(), AT_REMOVEDIR) != 0) {
          return;  // something else lies in there
        }
      }
      if (has_rest && ::renameat(root_.get(), "next", root_.get(), "d") != 0) {
        return;
      }
    }
  }

  const Fd& deepest() const { return deepest_; }

 private:
  static constexpr std::size_t part_bytes = 2'000;
  Fd root_;
  Fd deepest_;
};

}  // namespace omnisandbox::linux_
