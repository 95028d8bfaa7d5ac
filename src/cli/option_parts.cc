#include "cli/option_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/units.h"
#include "omnisandbox/audit.h"

namespace omnisandbox::cli {

CLI::Option* add_text(CLI::App& app, const std::string& names, const std::string& type,
                      const std::function<void(const std::string&)>& take,
                      const std::string& help) {
  return app
      .add_option_function<std::string>(
          names,
          [names, take](const std::string& text) {
            if (text.empty()) {
              throw CLI::ValidationError(names, "needs a value that is not empty");
            }
            take(text);
          },
          help)
      ->type_name(type);
}

CLI::Option* add_repeated(CLI::App& app, const std::string& names, const std::string& type,
                          const std::function<void(const std::string&)>& take,
                          const std::string& help) {
  return app
      .add_option_function<std::vector<std::string>>(
          names,
          [take](const std::vector<std::string>& texts) {
            std::for_each(texts.begin(), texts.end(), take);
          },
          help)
      ->type_name(type)
      ->type_size(1)
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
}

void add_json(CLI::App& app, Options& options) {
  app.add_flag_callback(
      "--json", [&] { options.json = true; },
      "Print one JSON object on standard output, and nothing else");
}

void add_policy(CLI::App& app, Options& options) {
  add_text(
      app, "--policy", "FILE",
      [&](const std::string& text) { set_once(options.policy_file, text, "--policy"); },
      "The policy (YAML or JSON). Without one, nothing is allowed");
}

void add_bounds(CLI::App& app, Options& options) {
  add_text(
      app, "--timeout", "DURATION",
      [&](const std::string& text) {
        const auto timeout = base::parse_duration(text);
        if (!timeout || timeout->count() <= 0) {
          throw CLI::ValidationError(
              "--timeout",
              "\"" + text +
                  "\" is not a duration above 0 in whole milliseconds; write 500ms, 30s or "
                  "1m30s");
        }
        set_once(options.timeout, *timeout, "--timeout");
      },
      "End after this time (500ms, 30s, 1m30s). Shortens the policy's timeout, never lengthens it");
  CLI::Option* audit = add_text(
      app, "--audit", "FILE",
      [&](const std::string& text) { set_once(options.audit_file, text, "--audit"); },
      "Append each decision and each outcome to FILE, one JSON object a line");
  add_text(
      app, "--audit-files", "COUNT",
      [&](const std::string& text) {
        unsigned count = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
        if (error != std::errc() || end != text.data() + text.size() || count < 1 ||
            count > max_kept_audit_files) {
          throw CLI::ValidationError(
              "--audit-files",
              fmt::format("\"{}\" is no number of files from 1 to {}", text, max_kept_audit_files));
        }
        set_once(options.kept_audit_files, count, "--audit-files");
      },
      fmt::format("How many rotated files of that log are kept, of 64 MiB each. Default: {}",
                  default_kept_audit_files))
      ->needs(audit);
}

void show_operand(CLI::App& app, const std::string& name, const std::string& help) {
  app.add_option(name, help)->type_name("");
}

}  // namespace omnisandbox::cli
