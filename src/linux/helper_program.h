#pragma once

#include <string>
#include <string_view>

#include "linux/fd.h"
#include "omnisandbox/expected.h"

namespace omnisandbox::linux_ {

/// Where a program of OmniSandbox's own may lie.
struct HelperPlaces {
  std::string chosen{};        ///< when not empty: here, and nowhere else
  std::string installed{};     ///< by the package
  std::string_view purpose{};  ///< "commands cannot be confined", for the message
};

/// Opens (O_PATH) `name` beside the running executable, in its ../libexec/omnisandbox, or at one of
/// the places. It must belong to root or this user and be writable by nobody else; otherwise, and
/// when it is nowhere, `unavailable`.
Expected<Fd> open_helper_program(const std::string& name, const HelperPlaces& places);

}  // namespace omnisandbox::linux_
