// The extension module omnisandbox._native: the C++ interface as it is. What is pleasant to use is
// in the Python files beside it.
#include <exception>

#include "support.h"

namespace omnisandbox::python {
namespace {

void raise_failure(const std::exception_ptr& pointer, void* /*unused*/) {
  try {
    std::rethrow_exception(pointer);
  } catch (const Failure& failure) {
    try {
      const nb::object exception = exception_of(failure.error);
      PyErr_SetObject(exception.type().ptr(), exception.ptr());
    } catch (nb::python_error& error) {  // of making the exception
      error.restore();
    }
  }
}

}  // namespace
}  // namespace omnisandbox::python

NB_MODULE(_native, module) {
  using namespace omnisandbox::python;
  watch_forks();
  nb::register_exception_translator(&raise_failure);
  bind_results(module);
  bind_audit(module);
  bind_policy(module);
  bind_functions(module);
  bind_sandboxes(module);
  bind_docker(module);
}
