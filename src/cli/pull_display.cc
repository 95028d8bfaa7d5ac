#include "cli/pull_display.h"

#include <fmt/format.h>

#include "base/units.h"
#include "linux/standard_streams.h"

namespace omnisandbox::cli {
namespace {

// Often enough to be seen moving.
constexpr std::chrono::milliseconds interval{100};
// A hostile engine's layers would fill the memory.
constexpr std::size_t max_layers = 1000;
constexpr std::string_view own_name = "omnisandbox:";

bool is_complete(std::string_view status) {
  return status == "Pull complete" || status == "Already exists";
}

}  // namespace

PullDisplay::PullDisplay()
    : palette_(linux_::StandardStream::error),
      is_wanted_(linux_::is_terminal(linux_::StandardStream::error) && !is_dumb_terminal()) {}

void PullDisplay::show(const PullProgress& progress) {
  if (!is_wanted_) {
    return;
  }
  // A line about the whole image has the tag for a layer's name.
  if (!progress.layer.empty() && !progress.status.starts_with("Pulling from") &&
      layers_.size() < max_layers) {
    Layer& layer = layers_[progress.layer];
    layer.status = progress.status;
    if (progress.total_bytes > 0) {
      layer.current_bytes = progress.current_bytes;
      layer.total_bytes = progress.total_bytes;
    }
  }
  const auto now = std::chrono::steady_clock::now();
  if (now - shown_ < interval) {
    return;
  }
  shown_ = now;
  is_shown_ = true;
  static_cast<void>(
      linux_::write_all(linux_::StandardStream::error, fmt::format("{}{}", erase_line, line())));
}

std::string PullDisplay::line() const {
  std::size_t complete = 0;
  std::string active;
  for (const auto& [name, layer] : layers_) {
    if (is_complete(layer.status)) {
      ++complete;
    } else if (active.empty() && layer.total_bytes > 0) {
      active = fmt::format(", {} {} {} of {}", name, layer.status,
                           base::format_byte_size(layer.current_bytes),
                           base::format_byte_size(layer.total_bytes));
    }
  }
  const std::string text =
      fmt::format(" fetching the image: {} of {} layers{}", complete, layers_.size(), active);
  return palette_.heading(own_name) + text.substr(0, passing_line_columns - own_name.size());
}

void PullDisplay::finish() {
  if (is_shown_) {
    is_shown_ = false;
    static_cast<void>(linux_::write_all(linux_::StandardStream::error, erase_line));
  }
}

}  // namespace omnisandbox::cli
