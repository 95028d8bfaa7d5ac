#include "cli/policy_summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "runner/policy_json.h"

namespace omnisandbox::cli {
namespace {

using runner::grants;
using runner::hidden_paths;
using runner::listed_for;

// A summary is read at a glance; the file itself has them all.
constexpr std::size_t max_shown_rules = 8;

std::string shown_list(const std::vector<std::string>& words) {
  if (words.empty()) {
    return "nothing is listed, so nothing is allowed";
  }
  std::string text;
  for (std::size_t index = 0; index < std::min(words.size(), max_shown_rules); ++index) {
    text += (index == 0 ? "" : ", ") + base::printable(words[index]);
  }
  if (words.size() > max_shown_rules) {
    text += fmt::format(" and {} more", words.size() - max_shown_rules);
  }
  return text;
}

std::string memory_text(const Config& config) {
  return config.memory_limit_mb.is_set()
             ? fmt::format("{} MiB", config.memory_limit_mb.value())
             : "16 MiB for modules, 128 MiB for commands, 256 MiB for containers";
}

}  // namespace

std::string policy_summary(const Config& config, const Palette& palette) {
  std::string text;
  const auto line = [&](std::string_view name, std::string_view value) {
    text += fmt::format("  {}{:{}} {}\n", palette.heading(name), "", 10 - name.size(), value);
  };
  for (const Capability capability : all_capabilities) {
    line(to_string(capability),
         grants(config, capability) ? shown_list(listed_for(config, capability)) : "not granted");
  }
  if (const auto hidden = hidden_paths(config); !hidden.empty()) {
    line("never", shown_list(hidden));
  }
  line("limits",
       fmt::format("memory {}; time {}; output {}{}", memory_text(config),
                   base::format_duration(config.timeout.value()),
                   base::format_byte_size(config.max_output_bytes),
                   config.fuel_limit ? fmt::format("; fuel {}", *config.fuel_limit) : ""));
  return text;
}

}  // namespace omnisandbox::cli
