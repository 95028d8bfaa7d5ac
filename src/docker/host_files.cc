#include "docker/host_files.h"

#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/try.h"
#include "base/units.h"
#include "docker/container_files.h"

namespace omnisandbox::docker {
namespace {

std::string beneath(std::string_view folder, std::string_view name) {
  std::string path(folder);
  if (!path.empty() && !name.empty() && !path.ends_with('/')) {
    path += '/';
  }
  return path += name;
}

/// Goes through a folder of this machine, each folder before what it holds.
class HostTree {
 public:
  HostTree(HostFunctions& host, std::string_view root, const CopyLimits& limits)
      : host_(host), root_(root), limits_(limits) {
    pending_.push_back({.path = {}, .type = std::nullopt});
  }

  Expected<std::optional<CopiedFile>> next() {
    while (!pending_.empty()) {
      const Pending entry = std::move(pending_.back());
      pending_.pop_back();
      const std::string path = beneath(root_, entry.path);
      if (entry.type && *entry.type != FileType::regular && *entry.type != FileType::directory) {
        ++copied_.left_out;
        continue;
      }
      const FileInfo info = TRY(host_.fs_stat(path));
      TRY(count(path, info));
      CopiedFile file{
          .is_folder = info.type == FileType::directory, .path = entry.path, .mode = info.mode};
      if (file.is_folder) {
        TRY(add_children(path, entry.path));
      } else {
        file.content = TRY(host_.fs_read(path));
        copied_.bytes += file.content.size();
        if (copied_.bytes > limits_.max_total_bytes) {
          return base::make_error(
              ErrorKind::too_large,
              "{} has more than {} in all; raise max_write_bytes in the policy, "
              "or copy less",
              base::printable(root_, 200), base::format_byte_size(limits_.max_total_bytes));
        }
      }
      return file;
    }
    return std::optional<CopiedFile>();
  }

  const CopiedFiles& copied() const noexcept { return copied_; }

 private:
  struct Pending {
    std::string path;
    std::optional<FileType> type;  ///< unset: what the caller named, whose links are followed
  };

  Expected<void> count(const std::string& path, const FileInfo& info) {
    if (info.type != FileType::regular && info.type != FileType::directory) {
      return base::make_error(ErrorKind::invalid_argument, "{} is neither a file nor a folder",
                              base::printable(path, 200));
    }
    ++(info.type == FileType::directory ? copied_.folders : copied_.files);
    if (copied_.files + copied_.folders > limits_.max_entries) {
      return base::make_error(ErrorKind::too_large,
                              "{} has more than {} files and folders; raise max_files_created in "
                              "the policy, or copy less",
                              base::printable(root_, 200), limits_.max_entries);
    }
    return {};
  }

  Expected<void> add_children(const std::string& path, const std::string& below) {
    auto entries = TRY(host_.fs_list(path));
    for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
      const std::string child = beneath(below, entry->name);
      if (!is_copied_path(child)) {
        return base::make_error(ErrorKind::invalid_argument, "{} lies too deep to be copied",
                                base::printable(beneath(path, entry->name), 200));
      }
      pending_.push_back({.path = child, .type = entry->type});
    }
    return {};
  }

  HostFunctions& host_;
  const std::string root_;
  const CopyLimits limits_;
  std::vector<Pending> pending_;  // the next one is the last
  CopiedFiles copied_;
};

}  // namespace

Expected<CopiedFiles> copy_in(HostFunctions& host, std::string_view host_path, Container& container,
                              const std::string& container_path, const CopyLimits& limits,
                              const Patience& patience) {
  HostTree tree(host, host_path, limits);
  // What is refused at once is refused before the container is asked for anything.
  auto first = TRY(tree.next());
  TRY(copy_into(
      container, container_path,
      [&]() -> Expected<std::optional<CopiedFile>> {
        return first ? std::exchange(first, std::nullopt) : tree.next();
      },
      patience));
  return tree.copied();
}

Expected<CopiedFiles> copy_out(HostFunctions& host, std::string_view host_path,
                               Container& container, const std::string& container_path,
                               const CopyLimits& limits, const Patience& patience) {
  CopiedFiles copied;
  const auto take = [&](const CopiedFile& file) -> Expected<void> {
    const std::string path = beneath(host_path, file.path);
    if (!file.is_folder) {
      TRY(host.fs_write(path, file.content));
      ++copied.files;
      copied.bytes += file.content.size();
      return {};
    }
    auto made = host.fs_make_directory(path);
    // What stands there already and is no folder takes no files.
    if (!made && made.error().kind != ErrorKind::already_exists) {
      return made;
    }
    ++copied.folders;
    return {};
  };
  copied.left_out = TRY(copy_from(container, container_path, limits, take, patience));
  return copied;
}

}  // namespace omnisandbox::docker
