#include "mcp/tool_folder/tool_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "mcp/tool_folder/limits.h"

namespace omnisandbox::mcp {
namespace {

constexpr std::string_view host_interfaces = "wasi:";
constexpr std::string_view command_interface = "wasi:cli/run@0.2.";

std::string with_usable_characters(std::string_view text) {
  std::string name(text);
  std::replace_if(
      name.begin(), name.end(),
      [](char c) {
        return !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 c == '_' || c == '-');
      },
      '_');
  return name;
}

/// "namespace:package/interface@version#function" taken apart.
struct FunctionName {
  std::string_view interface;  ///< empty: the function is exported by itself
  std::string_view name;
};

FunctionName parts_of(std::string_view full_name) {
  const std::size_t hash = full_name.rfind('#');
  return hash == std::string_view::npos ? FunctionName{.interface = {}, .name = full_name}
                                        : FunctionName{.interface = full_name.substr(0, hash),
                                                       .name = full_name.substr(hash + 1)};
}

std::string_view short_interface(std::string_view interface) {
  interface = interface.substr(0, interface.find('@'));
  const std::size_t slash = interface.rfind('/');
  return slash == std::string_view::npos ? interface : interface.substr(slash + 1);
}

bool is_command(const FunctionName& name) {
  return name.interface.starts_with(command_interface) && name.name == "run";
}

/// The function's name, with its interface where that alone tells it from another one.
std::string ending_of(const FunctionName& name, const std::map<std::string, int>& counts) {
  const std::string own = with_usable_characters(name.name);
  return counts.at(own) == 1 || name.interface.empty()
             ? own
             : with_usable_characters(short_interface(name.interface)) + "_" + own;
}

}  // namespace

Expected<std::string> tool_name(std::string_view stem) {
  if (stem.empty() || stem.size() > max_tool_name_bytes) {
    return base::make_error(ErrorKind::invalid_argument,
                            "a tool's name has 1 to {} characters, and this one has {}",
                            max_tool_name_bytes, stem.size());
  }
  return with_usable_characters(stem);
}

CallableFunctions callable_functions(const std::string& name,
                                     std::vector<ExportedFunction> exported) {
  CallableFunctions callable;
  std::erase_if(exported, [](const ExportedFunction& function) {
    const FunctionName parts = parts_of(function.name);
    return parts.interface.starts_with(host_interfaces) && !is_command(parts);
  });
  std::erase_if(exported, [&](const ExportedFunction& function) {
    if (is_command(parts_of(function.name)) || function.fits_json) {
      return false;
    }
    callable.problems.push_back(fmt::format("{} is left out: JSON cannot hold all of {}",
                                            base::printable(function.name), function.type_text));
    return true;
  });
  if (exported.size() > max_functions_per_component) {
    callable.problems.push_back(
        fmt::format("of its {} functions, {} are tools; the others are "
                    "left out",
                    exported.size(), max_functions_per_component));
    exported.resize(max_functions_per_component);
  }
  std::map<std::string, int> counts;
  for (const ExportedFunction& function : exported) {
    ++counts[with_usable_characters(parts_of(function.name).name)];
  }
  for (ExportedFunction& function : exported) {
    const FunctionName parts = parts_of(function.name);
    const std::string tool = exported.size() == 1 ? name : name + "_" + ending_of(parts, counts);
    if (tool.size() > max_tool_name_bytes) {
      callable.problems.push_back(
          fmt::format("{} is left out: the tool's name {} is longer than {} characters",
                      base::printable(function.name), tool, max_tool_name_bytes));
      continue;
    }
    callable.functions.push_back(
        {.tool = tool, .is_command = is_command(parts), .function = std::move(function)});
  }
  if (exported.empty()) {
    callable.problems.emplace_back("it exports no function that could be called");
  }
  return callable;
}

}  // namespace omnisandbox::mcp
