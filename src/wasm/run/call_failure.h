#pragma once

#include "wasm/engine/owners.h"

namespace omnisandbox::wasm {

/// What a failed call into the guest left: one of the two, or none when it returned.
struct CallFailure {
  ErrorOwner error;
  TrapOwner trap;
  explicit operator bool() const { return error != nullptr || trap != nullptr; }
};

}  // namespace omnisandbox::wasm
