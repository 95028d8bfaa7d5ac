#include "cli/terminal.h"

#include <fmt/format.h>

#include <cstdlib>

namespace omnisandbox::cli {
namespace {

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

bool is_dumb_terminal() { return variable("TERM") == "dumb"; }

Palette::Palette(linux_::StandardStream stream)
    : enabled_(linux_::is_terminal(stream) && variable("NO_COLOR").empty() && !is_dumb_terminal()) {
}

std::string Palette::paint(std::string_view code, std::string_view text) const {
  return enabled_ ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
}

bool print(std::string_view text) {
  if (const auto written = linux_::write_all(linux_::StandardStream::output, text); !written) {
    print_problem(written.error().message);
    return false;
  }
  return true;
}

void print_problem(std::string_view message) {
  const Palette palette(linux_::StandardStream::error);
  static_cast<void>(linux_::write_all(
      linux_::StandardStream::error, fmt::format("{} {}\n", palette.bad("omnisandbox:"), message)));
}

}  // namespace omnisandbox::cli
