#include "runner/policy_source.h"

#include <fmt/format.h>

#include <algorithm>
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

namespace {

/// Messages of the compiler begin with the place: `allowed_paths[1] "/data": …`.
Error with_position(const PolicyFile& file, const std::string& path, Error error) {
  error.message =
      position_prefix(file, path, error.message.substr(0, error.message.find_first_of(" :"))) +
      error.message;
  return error;
}

std::chrono::milliseconds call_timeout_of(const Config& config, const Policy& base) {
  const std::chrono::milliseconds longest = base.config().timeout.value();
  return config.timeout.is_set() ? std::min(config.timeout.value(), longest) : longest;
}

}  // namespace

Expected<NarrowPolicy> narrow_policy(const Policy& base, std::string_view text,
                                     const std::string& name) {
  auto file = TRY(parse_policy_file(text, name));
  if (file.docker) {
    return base::make_error(ErrorKind::invalid_argument,
                            "{}a docker section says how commands run in containers, and there is "
                            "none to narrow here; remove it",
                            position_prefix(file, name, "docker"));
  }
  const auto call_timeout = call_timeout_of(file.config, base);
  file.config.timeout = Config{}.timeout;  // not set: the base's
  auto policy = base.narrow(file.config);
  if (!policy) {
    return with_position(file, name, std::move(policy).error());
  }
  return NarrowPolicy{.policy = *std::move(policy), .call_timeout = call_timeout};
}

Expected<NarrowPolicy> narrow_to_nothing(const Policy& base) {
  return NarrowPolicy{.policy = TRY(base.narrow({})), .call_timeout = call_timeout_of({}, base)};
}

Expected<LoadedPolicy> load_policy(const std::string& path) {
  auto file = TRY(load_policy_file(path));
  auto policy = Policy::compile(file.config);
  if (!policy) {
    return with_position(file, path, std::move(policy).error());
  }
  return LoadedPolicy{.file = std::move(file), .policy = *std::move(policy)};
}

}  // namespace omnisandbox::runner
