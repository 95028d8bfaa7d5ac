#pragma once

namespace omnisandbox::docker::init {

/// Writes Ready to stdout, with the facts of each path (ended by a null pointer), and in the mode
/// for it hands a listener for the proxy to the host. False where nobody reads it.
bool report_surroundings(const char* mode, char** paths);

}  // namespace omnisandbox::docker::init
