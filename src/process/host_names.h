#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "linux/fd.h"

namespace omnisandbox::process {

/// Whether the host has a file of some name, asked without an effect and without waiting for a
/// file system that a server or a program answers for: those are taken as having it.
class HostNames {
 public:
  HostNames();
  bool has(std::string_view absolute_path) const;
  /// A regular file that somebody may execute.
  bool has_program(std::string_view absolute_path) const;

 private:
  enum class Kind : unsigned char { absent, present, program };
  Kind look_up(std::string_view absolute_path) const;
  bool is_remote(std::string_view path) const;

  std::vector<std::string> remote_mounts_;
};

}  // namespace omnisandbox::process
