#include "wasm/run/backtrace.h"

#include <algorithm>
#include <span>
#include <vector>

#include "base/error.h"
#include "wasm/limits.h"

namespace omnisandbox::wasm {
namespace {

class Frames {
 public:
  explicit Frames(const CallFailure& failure) {
    wasm_frame_vec_new_empty(&frames_);
    if (failure.trap != nullptr) {
      wasm_trap_trace(failure.trap.get(), &frames_);
    } else if (failure.error != nullptr) {
      wasmtime_error_wasm_trace(failure.error.get(), &frames_);
    }
  }
  ~Frames() { wasm_frame_vec_delete(&frames_); }
  Frames(const Frames&) = delete;
  Frames& operator=(const Frames&) = delete;
  std::span<wasm_frame_t* const> all() const { return {frames_.data, frames_.size}; }

 private:
  wasm_frame_vec_t frames_{};
};

// C++ and Rust names. wasmtime demangles whatever it can, and makes "float" of a C function called
// "f".
bool is_mangled(std::string_view name) { return name.starts_with("_Z") || name.starts_with("_R"); }

// The names in wasmtime's text, demangled: a frame's line is "  3:   0x1a2 - module!name". The
// names are the module's own, so they may hold anything, a line break too; then a name is shown at
// the wrong place, and that is all.
std::vector<std::string_view> demangled_names(std::string_view text) {
  std::vector<std::string_view> names;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    const std::size_t digits = std::min(line.find_first_not_of("0123456789"), line.size());
    const std::size_t name = line.find('!');
    if (digits > 0 && line.substr(digits).starts_with(": ") && name != std::string_view::npos) {
      names.push_back(line.substr(name + 1));
    }
  }
  return names;
}

std::string name_of(const wasm_frame_t* frame, std::string_view demangled) {
  const wasm_name_t* raw = wasmtime_frame_func_name(frame);
  if (raw == nullptr) {
    return fmt::format("function {}", wasm_frame_func_index(frame));
  }
  const std::string_view name(raw->data, raw->size);
  return base::printable(is_mangled(name) && !demangled.empty() ? demangled : name,
                         max_frame_name_bytes);
}

}  // namespace

std::string backtrace_of(const CallFailure& failure, std::string_view rendered) {
  const Frames frames(failure);
  const std::vector<std::string_view> demangled = demangled_names(rendered);
  std::string text;
  std::string previous;
  std::size_t repeats = 0;
  const auto finish_repeats = [&] {
    if (repeats > 0) {
      text += fmt::format(" (and {} more times)", repeats);
    }
    repeats = 0;
  };
  for (std::size_t index = 0; index < frames.all().size(); ++index) {
    std::string name = name_of(frames.all()[index],
                               index < demangled.size() ? demangled[index] : std::string_view{});
    if (name == previous) {
      ++repeats;  // recursion
      continue;
    }
    finish_repeats();
    text += text.empty() ? "; in " : ", called from ";
    text += name;
    previous = std::move(name);
  }
  finish_repeats();
  return text;
}

}  // namespace omnisandbox::wasm
