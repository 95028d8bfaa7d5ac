#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "wasm/wasi/types.h"

namespace omnisandbox::wasm::wasi {

/// The names of a folder as they were when the guest began to read it. A cookie is the number of
/// entries before it, so it stays valid whatever happens to the folder.
class Listing {
 public:
  void add(std::string_view name, std::uint64_t inode, FileType type) {
    entries_.push_back({names_.size(), inode, static_cast<std::uint32_t>(name.size()), type});
    names_ += name;
  }

  struct Entry {
    std::string_view name;
    std::uint64_t inode = 0;
    FileType type = FileType::unknown;
  };
  std::size_t size() const { return entries_.size(); }
  Entry at(std::size_t index) const {
    const Stored& stored = entries_[index];
    return {std::string_view(names_).substr(stored.name_begin, stored.name_length), stored.inode,
            stored.type};
  }

  bool was_read_to_end = false;

 private:
  struct Stored {
    std::size_t name_begin;
    std::uint64_t inode;
    std::uint32_t name_length;
    FileType type;
  };
  std::string names_;  // one after the other: a million names cost no million allocations
  std::vector<Stored> entries_;
};

}  // namespace omnisandbox::wasm::wasi
