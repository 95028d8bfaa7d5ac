#include <fmt/format.h>

#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/report.h"
#include "cli/terminal.h"
#include "omnisandbox/version.h"
#include "runner/health.h"
#include "runner/standard_backends.h"

namespace omnisandbox::cli {
namespace {

std::string as_text(const runner::Health& health, const std::vector<std::string>& missing) {
  const Palette palette(linux_::StandardStream::output);
  const auto line = [&palette](std::string_view name, bool available, const std::string& detail,
                               const std::string& remedy) {
    std::string text = fmt::format(
        "  {} {:<20} {}\n", available ? palette.good("yes") : palette.bad("no "), name, detail);
    if (!remedy.empty()) {
      text += fmt::format("      {:<20} to have it: {}\n", "", remedy);
    }
    return text;
  };
  std::string text = fmt::format("omnisandbox {}\n{}\n", version(), palette.heading("sandboxes"));
  for (const runner::SandboxHealth& sandbox : health.sandboxes) {
    text += line(to_string(sandbox.kind), sandbox.available, sandbox.detail, sandbox.remedy);
  }
  text += palette.heading("layers") + "\n";
  for (const runner::LayerHealth& layer : health.layers) {
    text += line(layer.name, layer.available, layer.detail, layer.remedy);
  }
  text += missing.empty() ? "every sandbox has its first tier\n"
                          : fmt::format("not available: {}\n", fmt::join(missing, ", "));
  return text;
}

Json as_json(const runner::Health& health, const std::vector<std::string>& missing) {
  Json json = {{"version", version()},
               {"ok", missing.empty()},
               {"missing", missing},
               {"sandboxes", Json::array()},
               {"layers", Json::array()}};
  for (const runner::SandboxHealth& sandbox : health.sandboxes) {
    json["sandboxes"].push_back({{"kind", to_string(sandbox.kind)},
                                 {"available", sandbox.available},
                                 {"detail", sandbox.detail},
                                 {"remedy", sandbox.remedy}});
  }
  for (const runner::LayerHealth& layer : health.layers) {
    json["layers"].push_back({{"name", layer.name},
                              {"available", layer.available},
                              {"detail", layer.detail},
                              {"remedy", layer.remedy}});
  }
  return json;
}

}  // namespace

int doctor_command(const Options& options) {
  const runner::Runner runner(runner::standard_backends(), nullptr);
  const runner::Health health = runner::inspect(runner);
  std::vector<std::string> missing;
  for (const runner::SandboxHealth& sandbox : health.sandboxes) {
    if (!sandbox.available) {
      missing.emplace_back(to_string(sandbox.kind));
    }
  }
  const bool printed =
      print(options.json ? to_line(as_json(health, missing)) : as_text(health, missing));
  return printed && missing.empty() ? exit_ok : exit_call_failed;
}

}  // namespace omnisandbox::cli
