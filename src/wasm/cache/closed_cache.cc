#include "wasm/cache/closed_cache.h"

#include "base/error.h"
#include "base/try.h"
#include "wasm/cache/cache_folder.h"

namespace omnisandbox::wasm {
namespace {

Expected<void> check_cache_is_closed(const Policy& policy, const std::string& folder) {
  const std::string key = folder + "/" + std::string(cache_secret_name);
  for (const Capability capability : {Capability::fs_read, Capability::fs_write}) {
    const Explanation answer = policy.explain(capability, key);
    if (answer.allowed) {
      return base::make_error(
          ErrorKind::invalid_argument,
          "the policy opens the module cache {} to its guests (rule {}), who could make compiled "
          "code with its key; close it, {{path: {}, access: none}}, or keep it elsewhere",
          base::printable(folder), answer.rule, base::printable(folder));
    }
  }
  return {};
}

}  // namespace

Expected<std::shared_ptr<const ModuleCache>> open_closed_cache(const Policy& policy,
                                                               const std::string& folder) {
  if (folder.empty()) {
    return std::shared_ptr<const ModuleCache>();
  }
  auto cache = TRY(ModuleCache::open(folder));
  // Its name leads to it now, whatever links are in it.
  TRY(check_cache_is_closed(policy, folder));
  return std::shared_ptr<const ModuleCache>(std::move(cache));
}

}  // namespace omnisandbox::wasm
