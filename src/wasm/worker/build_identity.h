#pragma once

#include <string>

namespace omnisandbox::wasm::worker {

/// What both ends of a channel must agree on: the version, the engine, and the host functions with
/// their numbers. A worker of another build is refused.
std::string build_identity();

}  // namespace omnisandbox::wasm::worker
