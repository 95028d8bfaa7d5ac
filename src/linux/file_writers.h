#pragma once

#include "linux/fd.h"

namespace omnisandbox::linux_ {

/// Whether at this moment nobody has the file open for writing, or mapped so: asked by a read lease
/// (fcntl(2)) that is given back at once. False, too, where that cannot be asked: `file` must be
/// open for reading only, and belong to this user (or he has CAP_LEASE).
bool has_no_writer(const Fd& file) noexcept;

}  // namespace omnisandbox::linux_
