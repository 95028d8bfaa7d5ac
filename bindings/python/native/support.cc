#include "support.h"

#include <pthread.h>

namespace omnisandbox::python {
namespace {

// Lock-free, as the handler of a fork runs where nothing else may.
std::atomic<std::uint64_t> forks{0};

nb::object errors_module() { return nb::module_::import_("omnisandbox.errors"); }

nb::str str_of(std::string_view text) { return text_of(text); }

}  // namespace

std::uint64_t fork_generation() noexcept { return forks.load(std::memory_order_relaxed); }

void watch_forks() {
  pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1, std::memory_order_relaxed); });
}

nb::str text_of(std::string_view data) {
  PyObject* text =
      PyUnicode_DecodeUTF8(data.data(), static_cast<Py_ssize_t>(data.size()), "backslashreplace");
  if (text == nullptr) {
    throw nb::python_error();
  }
  return nb::steal<nb::str>(text);
}

nb::object denial_object(const Denial& denial) {
  return errors_module().attr("Denial")(str_of(to_string(denial.capability)),
                                        str_of(denial.resource), str_of(denial.rule),
                                        str_of(denial.reason), str_of(denial.remedy));
}

nb::object exception_of(const Error& error) {
  nb::object denial = error.denial ? denial_object(*error.denial) : nb::none();
  return errors_module().attr("make_error")(str_of(to_string(error.kind)), str_of(error.message),
                                            str_of(error.resource), error.system_errno, denial);
}

}  // namespace omnisandbox::python
