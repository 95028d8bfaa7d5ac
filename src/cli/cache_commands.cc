#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/progress_display.h"
#include "cli/report.h"
#include "cli/terminal.h"
#include "omnisandbox/policy_file.h"
#include "runner/module_cache.h"
#include "runner/policy_source.h"

namespace omnisandbox::cli {
namespace {

using runner::load_policy;

std::string utc(std::chrono::system_clock::time_point time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

int print_or_fail(const std::string& text) { return print(text) ? exit_ok : exit_call_failed; }

}  // namespace

int cache_list_command(const Options& options) {
  const auto modules = runner::list_cached_modules();
  if (!modules) {
    return report_error(modules.error(), exit_unavailable, options.json);
  }
  std::uint64_t total = 0;
  std::string lines;
  Json json = {{"modules", Json::array()}};
  for (const runner::CachedModule& module : *modules) {
    total += module.size_bytes;
    lines += fmt::format("{}  {:>9}  {}\n", utc(module.last_used),
                         base::format_byte_size(module.size_bytes), module.name);
    json["modules"].push_back({{"name", module.name},
                               {"size_bytes", module.size_bytes},
                               {"last_used", utc(module.last_used)}});
  }
  json["total_bytes"] = total;
  lines += fmt::format("{} modules, {}\n", modules->size(), base::format_byte_size(total));
  return print_or_fail(options.json ? to_line(json) : lines);
}

int cache_clear_command(const Options& options) {
  const auto removed = runner::clear_cached_modules();
  if (!removed) {
    return report_error(removed.error(), exit_unavailable, options.json);
  }
  return print_or_fail(options.json ? to_line({{"removed", *removed}})
                                    : fmt::format("{} modules removed\n", *removed));
}

int compile_command(const Options& options) {
  const auto policy = options.policy_file ? [&]() -> Expected<Policy> {
    auto loaded = load_policy(*options.policy_file);
    return loaded ? Expected<Policy>(std::move(loaded->policy)) : Expected<Policy>(loaded.error());
  }()
      : Policy::compile({});
  if (!policy) {
    return report_error(policy.error(), exit_usage, options.json);
  }
  ProgressDisplay progress("compiling " + base::printable(options.operands.front()));
  const auto compiled =
      runner::compile_module(*policy, options.operands.front(), options.output_file.value_or(""));
  progress.finish();
  if (!compiled) {
    return report_error(
        compiled.error(),
        compiled.error().kind == ErrorKind::not_found ? exit_not_found : exit_unavailable,
        options.json);
  }
  return options.json ? print_or_fail(to_line({{"output", *options.output_file}})) : exit_ok;
}

}  // namespace omnisandbox::cli
