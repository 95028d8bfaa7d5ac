#include "runner/policy_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
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

bool is_opened_too_far(const Policy& policy, const OwnFile& file) {
  return policy.explain(Capability::fs_write, file.path).allowed ||
         (file.access == PathAccess::none &&
          policy.explain(Capability::fs_read, file.path).allowed);
}

/// The Config, with a narrower rule for each of the files that `policy`, made of it, opens.
Config without_own_files(Config config, const Policy& policy,
                         const std::vector<OwnFile>& own_files) {
  for (const OwnFile& file : own_files) {
    if (is_opened_too_far(policy, file)) {
      config.allowed_paths.emplace_back(file.path, file.access);
    }
  }
  return config;
}

/// Without the links in it, where it can be found.
std::string whole_path(const std::string& path) {
  std::error_code failure;
  const auto whole = std::filesystem::weakly_canonical(path, failure);
  return failure ? path : whole.string();
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

std::vector<OwnFile> audit_files(const std::optional<std::string>& log, unsigned kept_files) {
  if (!log) {
    return {};
  }
  const std::string whole = whole_path(*log);
  std::vector<OwnFile> files = {{.path = whole}};
  for (unsigned number = 1; number <= max_kept_audit_files; ++number) {
    std::string rotated = fmt::format("{}.{}", whole, number);
    std::error_code failure;
    // Whoever writes the same log may keep more of it, and so may an earlier run.
    if (number > kept_files &&
        !std::filesystem::exists(std::filesystem::symlink_status(rotated, failure))) {
      break;
    }
    files.push_back({.path = std::move(rotated)});
  }
  return files;
}

Expected<LoadedPolicy> load_policy(const std::string& path, std::vector<OwnFile> own_files) {
  auto file = TRY(load_policy_file(path));
  auto policy = Policy::compile(file.config);
  if (!policy) {
    return with_position(file, path, std::move(policy).error());
  }
  own_files.push_back({.path = whole_path(path), .access = PathAccess::read});
  Config narrower = without_own_files(file.config, *policy, own_files);
  if (narrower.allowed_paths.size() != file.config.allowed_paths.size()) {
    policy = TRY(Policy::compile(std::move(narrower)));
  }
  return LoadedPolicy{.file = std::move(file), .policy = *std::move(policy)};
}

}  // namespace omnisandbox::runner
