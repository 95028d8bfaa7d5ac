#include "omnisandbox/policy.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>

#include <chrono>
#include <map>
#include <vector>

#include "omnisandbox/config.h"
#include "omnisandbox/policy_file.h"
#include "support.h"

namespace omnisandbox::python {
namespace {

nb::list list_of(const std::vector<std::string>& texts) {
  nb::list list;
  for (const std::string& text : texts) {
    list.append(text_of(text));
  }
  return list;
}

nb::dict dict_of(const std::map<std::string, std::string>& texts) {
  nb::dict dict;
  for (const auto& [name, value] : texts) {
    dict[text_of(name)] = text_of(value);
  }
  return dict;
}

double seconds(std::chrono::milliseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

nb::dict rule_dict(const PathRule& rule) {
  nb::dict dict;
  dict["path"] = text_of(rule.path);
  switch (rule.access) {
    case PathAccess::automatic:
      break;
    case PathAccess::none:
      dict["access"] = "none";
      break;
    case PathAccess::read:
      dict["access"] = "read";
      break;
    case PathAccess::read_write:
      dict["access"] = "read_write";
      break;
  }
  if (!rule.guest_path.empty()) {
    dict["guest_path"] = text_of(rule.guest_path);
  }
  return dict;
}

nb::dict rule_dict(const HostRule& rule) {
  nb::dict dict;
  dict["host"] = text_of(rule.host);
  dict["methods"] = list_of(rule.methods);
  dict["addresses"] = list_of(rule.addresses);
  return dict;
}

nb::dict rule_dict(const CommandRule& rule) {
  nb::dict dict;
  dict["command"] = text_of(rule.command);
  dict["args"] = list_of(rule.args);
  dict["arg_globs"] = list_of(rule.arg_globs);
  dict["arg_regexes"] = list_of(rule.arg_regexes);
  if (!rule.working_dir.empty()) {
    dict["working_dir"] = text_of(rule.working_dir);
  }
  dict["environment"] = dict_of(rule.environment);
  if (rule.timeout) {
    dict["timeout"] = seconds(*rule.timeout);
  }
  if (rule.memory_limit_mb) {
    dict["memory_limit_mb"] = *rule.memory_limit_mb;
  }
  dict["network"] = rule.network;
  return dict;
}

template <class Rule>
nb::list rules_of(const std::vector<Rule>& rules) {
  nb::list list;
  for (const Rule& rule : rules) {
    list.append(rule_dict(rule));
  }
  return list;
}

/// Only what was written.
nb::dict config_dict(const Config& config) {
  nb::dict dict;
  nb::list capabilities;
  for (const Capability capability : config.capabilities) {
    capabilities.append(text_of(to_string(capability)));
  }
  dict["capabilities"] = capabilities;
  dict["allowed_paths"] = rules_of(config.allowed_paths);
  dict["allowed_hosts"] = rules_of(config.allowed_hosts);
  dict["allowed_commands"] = rules_of(config.allowed_commands);
  dict["environment"] = dict_of(config.environment);
  const auto set = [&](const char* name, const auto& setting) {
    if (setting.is_set()) {
      dict[name] = setting.value();
    }
  };
  const auto optional = [&](const char* name, const auto& setting) {
    if (setting) {
      dict[name] = *setting;
    }
  };
  set("memory_limit_mb", config.memory_limit_mb);
  if (config.timeout.is_set()) {
    dict["timeout"] = seconds(config.timeout.value());
  }
  optional("fuel_limit", config.fuel_limit);
  if (!config.working_dir.empty()) {
    dict["working_dir"] = text_of(config.working_dir);
  }
  set("max_output_bytes", config.max_output_bytes);
  optional("max_file_bytes", config.max_file_bytes);
  optional("max_response_bytes", config.max_response_bytes);
  set("max_write_bytes", config.max_write_bytes);
  set("max_files_created", config.max_files_created);
  if (config.cpu_time_limit) {
    dict["cpu_time_limit"] = seconds(*config.cpu_time_limit);
  }
  set("max_processes", config.max_processes);
  set("max_open_files", config.max_open_files);
  set("max_concurrent_runs", config.max_concurrent_runs);
  set("max_host_calls", config.max_host_calls);
  dict["allow_hard_links"] = config.allow_hard_links;
  dict["audit_required"] = config.audit_required;
  dict["allow_secrets"] = config.allow_secrets;
  return dict;
}

nb::list warnings_of(const std::vector<PolicyWarning>& warnings) {
  nb::list list;
  for (const PolicyWarning& warning : warnings) {
    list.append(
        nb::make_tuple(text_of(warning.where), text_of(warning.message), text_of(warning.advice)));
  }
  return list;
}

Policy compile(std::string_view text, std::string_view name) {
  const nb::gil_scoped_release released;
  return unwrap(Policy::compile(unwrap(parse_policy_file(text, name)).config));
}

nb::tuple explain(const Policy& policy, std::string_view capability, std::string_view resource) {
  const auto known = capability_from_string(capability);
  if (!known) {
    throw Failure{Error{.kind = ErrorKind::invalid_argument,
                        .message = "a capability is fs_read, fs_write, net_http or exec_run",
                        .resource = {}}};
  }
  const Explanation answer = policy.explain(*known, resource);
  return nb::make_tuple(answer.allowed, text_of(to_string(answer.capability)),
                        text_of(answer.resource), text_of(answer.rule), text_of(answer.reason),
                        text_of(answer.remedy));
}

}  // namespace

void bind_policy(nb::module_& module) {
  nb::class_<Policy>(module, "Policy")
      .def_static("compile", &compile)
      .def("narrow",
           [](const Policy& policy, std::string_view text, std::string_view name) {
             const nb::gil_scoped_release released;
             return unwrap(policy.narrow(unwrap(parse_policy_file(text, name)).config));
           })
      .def("explain", &explain)
      .def("warnings", [](const Policy& policy) { return warnings_of(policy.warnings()); });
  module.def("parse_config", [](std::string_view text, std::string_view name) {
    return config_dict(unwrap(parse_policy_file(text, name)).config);
  });
  module.def("load_config", [](const std::string& path) {
    return config_dict(unwrap(load_policy_file(path)).config);
  });
  module.def("lint", [](std::string_view text, std::string_view name) {
    return warnings_of(lint(unwrap(parse_policy_file(text, name))));
  });
}

}  // namespace omnisandbox::python
