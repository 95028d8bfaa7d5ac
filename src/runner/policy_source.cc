#include "runner/policy_source.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/try.h"

namespace omnisandbox::runner {

std::string position_prefix(const PolicyFile& file, const std::string& path,
                            std::string_view where) {
  const std::string name = base::printable(path);
  // The longest key that `where` begins with: what is inside an entry stands where the entry
  // stands.
  for (std::string_view key = where; !key.empty(); key.remove_suffix(1)) {
    if (const auto found = file.positions.find(key); found != file.positions.end()) {
      return fmt::format("{}:{}:{}: ", name, found->second.line, found->second.column);
    }
  }
  return name + ": ";
}

Expected<LoadedPolicy> load_policy(const std::string& path) {
  auto file = TRY(load_policy_file(path));
  auto policy = Policy::compile(file.config);
  if (!policy) {
    Error error = std::move(policy).error();
    // Messages of the compiler begin with the place: `allowed_paths[1] "/data": …`.
    error.message =
        position_prefix(file, path, error.message.substr(0, error.message.find_first_of(" :"))) +
        error.message;
    return error;
  }
  return LoadedPolicy{.file = std::move(file), .policy = *std::move(policy)};
}

}  // namespace omnisandbox::runner
