#pragma once

#include <exception>
#include <stop_token>
#include <string_view>

#include "support.h"

namespace omnisandbox::python {

/// A Python function that gets pieces of bytes while a run goes on without the GIL. What it raises
/// ends the run, and is raised again by `rethrow`. Outlives the run.
class PieceCallback {
 public:
  /// `function` may be None.
  PieceCallback(nb::object function, std::stop_source* run)
      : function_(std::move(function)), run_(run) {}

  bool is_set() const { return !function_.is_none(); }

  /// False when the function answered False, or raised.
  bool operator()(std::string_view piece) {
    const nb::gil_scoped_acquire acquired;
    if (raised_ == nullptr) {
      try {
        return !function_(bytes_of(piece)).is(nb::handle(Py_False));
      } catch (const nb::python_error&) {
        raised_ = std::current_exception();
        if (run_ != nullptr) {
          run_->request_stop();
        }
      }
    }
    return false;
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

}  // namespace omnisandbox::python
