#pragma once

#include <nanobind/nanobind.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "omnisandbox/error.h"
#include "omnisandbox/expected.h"

/// What every binding uses: errors as exceptions, text, and objects that stay in their process.
namespace omnisandbox::python {

namespace nb = nanobind;

/// Carries an Error to the translator, which raises the exception of its kind.
struct Failure {
  Error error;
};

template <class T>
T unwrap(Expected<T> outcome) {
  if (!outcome) {
    throw Failure{std::move(outcome).error()};
  }
  if constexpr (!std::is_void_v<T>) {
    return *std::move(outcome);
  }
}

/// Errors and denials as the classes of omnisandbox.errors. With the GIL.
nb::object exception_of(const Error& error);
nb::object denial_object(const Denial& denial);

inline nb::bytes bytes_of(std::string_view data) { return nb::bytes(data.data(), data.size()); }
/// UTF-8; what is not becomes \xNN.
nb::str text_of(std::string_view data);
inline std::string_view view_of(const nb::bytes& data) { return {data.c_str(), data.size()}; }

/// How often this process was forked from another one that had this module.
std::uint64_t fork_generation() noexcept;
/// Counts forks; called when the module is loaded.
void watch_forks();

/// An object that may have threads and processes of its own, which a forked child does not have.
/// The child is told so, and does not destroy what it cannot destroy.
template <class T>
class OwnedByProcess {
 public:
  OwnedByProcess(T value, const char* name)
      : value_(std::make_unique<T>(std::move(value))), name_(name) {}
  OwnedByProcess(OwnedByProcess&&) noexcept = default;
  OwnedByProcess& operator=(OwnedByProcess&&) = delete;
  ~OwnedByProcess() {
    if (generation_ != fork_generation()) {
      static_cast<void>(value_.release());
    } else if (value_ != nullptr) {
      const nb::gil_scoped_release released;  // it may wait for threads and processes to end
      value_.reset();
    }
  }
  T& get() const {
    if (generation_ != fork_generation()) {
      throw Failure{Error{.kind = ErrorKind::unavailable,
                          .message = std::string("this ") + name_ +
                                     " was made by the parent process, before a fork; make one in "
                                     "the child",
                          .resource = {}}};
    }
    return *value_;
  }

 private:
  std::unique_ptr<T> value_;
  const char* name_;
  std::uint64_t generation_ = fork_generation();
};

void bind_policy(nb::module_& module);
void bind_results(nb::module_& module);
void bind_audit(nb::module_& module);
void bind_functions(nb::module_& module);
void bind_sandboxes(nb::module_& module);
void bind_docker(nb::module_& module);

}  // namespace omnisandbox::python
