#pragma once

#include <span>
#include <string_view>

#include "omnisandbox/config.h"

namespace omnisandbox::policy {

/// Files that an allowed folder often contains and hardly anybody means to hand out: credentials,
/// and files that another program runs later. See `NamePattern` for the way patterns are written.
struct BuiltInSecret {
  std::string_view pattern;
  PathAccess most;  ///< `none`, `read` (must not be changed), or `read_write` for an exception from
                    ///< the others
  std::string_view why;  ///< "SSH keys"
};

std::span<const BuiltInSecret> built_in_secrets();

}  // namespace omnisandbox::policy
