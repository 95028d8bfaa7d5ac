#pragma once

#include <memory>
#include <string>

#include "omnisandbox/expected.h"
#include "omnisandbox/policy.h"
#include "wasm/cache/module_cache.h"

namespace omnisandbox::wasm {

/// Opens the cache for guests of `policy`; null for an empty `folder`. Who reads or replaces its
/// key can make code that the engine runs as it is. Errors: as ModuleCache::open;
/// `invalid_argument` where the policy opens the key to its guests.
Expected<std::shared_ptr<const ModuleCache>> open_closed_cache(const Policy& policy,
                                                               const std::string& folder);

}  // namespace omnisandbox::wasm
