#include "cli/progress_display.h"

#include <fmt/format.h>

#include <cstdlib>
#include <string_view>
#include <utility>

#include "base/stoppable_pause.h"
#include "cli/terminal.h"
#include "linux/standard_streams.h"
#include "linux/threads.h"

namespace omnisandbox::cli {
namespace {

// What takes less needs no explanation.
constexpr std::chrono::milliseconds first_shown_after{400};
// Often enough to be seen moving.
constexpr std::chrono::milliseconds interval{100};

bool can_be_shown() {
  const char* kind = std::getenv("TERM");
  return linux_::is_terminal(linux_::StandardStream::error) && kind != nullptr &&
         std::string_view(kind) != "dumb";
}

// A line that cannot be written is nobody's failure.
void write(std::string_view text) {
  static_cast<void>(linux_::write_all(linux_::StandardStream::error, text));
}

}  // namespace

ProgressDisplay::ProgressDisplay(std::string what) : what_(std::move(what)) {
  if (can_be_shown()) {
    auto started = linux_::start_thread("to show the progress",
                                        [this](const std::stop_token& stop) { show(stop); });
    if (started) {  // else nothing is shown
      thread_ = std::move(*started);
    }
  }
}

void ProgressDisplay::show(const std::stop_token& stop) {
  bool is_shown = false;
  auto pause = first_shown_after;
  while (base::pause_unless_stopped(stop, pause)) {
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - started_;
    write(fmt::format("{}{}", erase_line,
                      fmt::format("omnisandbox: {}, {:.1f} s", what_, passed.count())
                          .substr(0, passing_line_columns)));
    is_shown = true;
    pause = interval;
  }
  if (is_shown) {
    write(erase_line);
  }
}

void ProgressDisplay::finish() {
  const std::lock_guard lock(mutex_);
  if (thread_.joinable()) {
    thread_.request_stop();
    thread_.join();
  }
}

}  // namespace omnisandbox::cli
