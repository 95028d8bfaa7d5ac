#include <fmt/format.h>

#include "c_api/call.h"
#include "omnisandbox/policy_file.h"
#include "omnisandbox/version.h"

using namespace omnisandbox;
using c_api::bytes_of;
using c_api::guarded;
using c_api::require;
using c_api::view;

namespace {

void give_policy(Policy policy, std::optional<DockerConfig> docker, omnisandbox_policy_t** place) {
  std::vector<std::string> warnings;
  for (const PolicyWarning& warning : policy.warnings()) {
    warnings.push_back(fmt::format("{}: {}; {}", warning.where, warning.message, warning.advice));
  }
  c_api::give(place, std::move(policy), std::move(warnings), std::move(docker));
}

}  // namespace

const char* omnisandbox_version() { return version().data(); }  // of a literal

omnisandbox_error_t* omnisandbox_policy_parse(omnisandbox_bytes_t text, omnisandbox_bytes_t name,
                                              omnisandbox_policy_t** policy) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"policy", policy}}));
    *policy = nullptr;
    const auto policy_text = TRY(view(text, "text"));
    const auto name_text = TRY(view(name, "name"));
    auto file = TRY(parse_policy_file(policy_text, name_text));
    auto compiled = TRY(Policy::compile(std::move(file.config)));
    give_policy(std::move(compiled), std::move(file.docker), policy);
    return {};
  });
}

omnisandbox_error_t* omnisandbox_policy_load(omnisandbox_bytes_t path,
                                             omnisandbox_policy_t** policy) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"policy", policy}}));
    *policy = nullptr;
    const auto path_text = TRY(view(path, "path"));
    auto file = TRY(load_policy_file(path_text));
    auto compiled = TRY(Policy::compile(std::move(file.config)));
    give_policy(std::move(compiled), std::move(file.docker), policy);
    return {};
  });
}

omnisandbox_error_t* omnisandbox_policy_narrow(const omnisandbox_policy_t* policy,
                                               omnisandbox_bytes_t text, omnisandbox_bytes_t name,
                                               omnisandbox_policy_t** narrower) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"narrower", narrower}}));
    *narrower = nullptr;
    TRY(require({{"policy", policy}}));
    const auto policy_text = TRY(view(text, "text"));
    const auto name_text = TRY(view(name, "name"));
    auto file = TRY(parse_policy_file(policy_text, name_text));
    auto both = TRY(policy->policy.narrow(std::move(file.config)));
    if (!file.docker) {
      file.docker = policy->docker;
    }
    give_policy(std::move(both), std::move(file.docker), narrower);
    return {};
  });
}

void omnisandbox_policy_free(omnisandbox_policy_t* policy) { c_api::free_handle(policy); }

size_t omnisandbox_policy_warning_count(const omnisandbox_policy_t* policy) {
  return policy->warnings.size();
}

omnisandbox_bytes_t omnisandbox_policy_warning(const omnisandbox_policy_t* policy, size_t index) {
  return index < policy->warnings.size() ? bytes_of(policy->warnings[index]) : bytes_of({});
}

omnisandbox_error_t* omnisandbox_policy_explain(const omnisandbox_policy_t* policy,
                                                omnisandbox_capability_t capability,
                                                omnisandbox_bytes_t resource,
                                                omnisandbox_explanation_t** explanation) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"explanation", explanation}}));
    *explanation = nullptr;
    TRY(require({{"policy", policy}}));
    if (capability < OMNISANDBOX_FS_READ || capability > OMNISANDBOX_EXEC_RUN) {
      return base::make_error(ErrorKind::invalid_argument, "{} is no capability",
                              static_cast<int>(capability));
    }
    c_api::give(explanation, policy->policy.explain(static_cast<Capability>(capability),
                                                    TRY(view(resource, "resource"))));
    return {};
  });
}

void omnisandbox_explanation_free(omnisandbox_explanation_t* explanation) {
  c_api::free_handle(explanation);
}

bool omnisandbox_explanation_allowed(const omnisandbox_explanation_t* explanation) {
  return explanation->explanation.allowed;
}

omnisandbox_bytes_t omnisandbox_explanation_rule(const omnisandbox_explanation_t* explanation) {
  return bytes_of(explanation->explanation.rule);
}

omnisandbox_bytes_t omnisandbox_explanation_reason(const omnisandbox_explanation_t* explanation) {
  return bytes_of(explanation->explanation.reason);
}

omnisandbox_bytes_t omnisandbox_explanation_remedy(const omnisandbox_explanation_t* explanation) {
  return bytes_of(explanation->explanation.remedy);
}
