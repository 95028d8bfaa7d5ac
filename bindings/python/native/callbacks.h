#pragma once

#include <exception>
#include <functional>
#include <stop_token>
#include <string_view>

#include "support.h"

namespace omnisandbox::python {

/// A Python function that is called while a run goes on without the GIL. What it raises ends the
/// run, and is raised again by `rethrow`; it is not called again then. Outlives the run.
class RunCallback {
 public:
  /// `function` may be None; `run` may be null.
  RunCallback(nb::object function, std::stop_source* run)
      : function_(std::move(function)), run_(run) {}

  bool is_set() const { return !function_.is_none(); }

  /// False when the function answered False, or raised. `arguments`, called with the GIL, returns a
  /// tuple.
  template <class Arguments>
  bool call(Arguments arguments) {
    const nb::gil_scoped_acquire acquired;
    if (raised_ == nullptr) {
      try {
        return !function_(*arguments()).is(nb::handle(Py_False));
      } catch (const nb::python_error&) {
        raised_ = std::current_exception();
        if (run_ != nullptr) {
          run_->request_stop();
        }
      }
    }
    return false;
  }

  /// The same with a piece of bytes.
  bool operator()(std::string_view piece) {
    return call([piece] { return nb::make_tuple(bytes_of(piece)); });
  }

  void rethrow() {
    if (raised_ != nullptr) {
      std::rethrow_exception(std::exchange(raised_, nullptr));
    }
  }

 private:
  nb::object function_;
  std::stop_source* run_;
  std::exception_ptr raised_;
};

/// A run's output to `callback`, which outlives it; nothing where none is set.
inline std::function<void(std::string_view)> output_to(RunCallback& callback) {
  if (!callback.is_set()) {
    return {};
  }
  return [&callback](std::string_view piece) { callback(piece); };
}

}  // namespace omnisandbox::python
