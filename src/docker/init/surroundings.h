#pragma once

namespace omnisandbox::docker::init {

/// Writes Ready to stdout, with the facts of each path (ended by a null pointer), and in the mode
/// for it hands a listener for the proxy to the host. False where nobody reads it.
bool report_surroundings(const char* mode, char** paths);
/// Writes Ready and the facts alone.
bool report_paths(char** paths, int listener_error = 0);

}  // namespace omnisandbox::docker::init
