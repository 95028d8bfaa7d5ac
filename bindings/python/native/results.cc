#include "results.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>

#include <chrono>

#include "omnisandbox/docker_image.h"

namespace omnisandbox::python {
namespace {

double seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

nb::tuple layers_of(const RunResult& run) {
  nb::list layers;
  for (const std::string& layer : run.result.sandbox.layers) {
    layers.append(text_of(layer));
  }
  return nb::tuple(layers);
}

nb::tuple denials_of(const RunResult& run) {
  nb::list denials;
  for (const Denial& denial : run.result.denials) {
    denials.append(denial_object(denial));
  }
  return nb::tuple(denials);
}

nb::object error_of(const RunResult& run) {
  return run.result.error ? exception_of(*run.result.error) : nb::none();
}

nb::object value_of(const RunResult& run) {
  return run.value ? nb::object(text_of(*run.value)) : nb::none();
}

nb::object refusals_of(const RunResult& run) {
  if (!run.result.refusals) {
    return nb::none();
  }
  const RefusalReport& report = *run.result.refusals;
  const nb::module_ refusals = nb::module_::import_("omnisandbox.refusals");
  const nb::object refusal_class = refusals.attr("Refusal");
  nb::list entries;
  for (const Refusal& refusal : report.entries) {
    entries.append(refusal_class(text_of(to_string(refusal.thing)), text_of(refusal.action),
                                 text_of(refusal.name), text_of(refusal.layer),
                                 text_of(refusal.reason), text_of(refusal.rule),
                                 text_of(refusal.remedy), refusal.count));
  }
  return refusals.attr("RefusalReport")(nb::tuple(entries), report.count, report.is_cut);
}

nb::object check(nb::object self) {
  return nb::module_::import_("omnisandbox.errors").attr("check_result")(self);
}

std::string shown(const RunResult& run) {
  std::string text = "<Result " + std::string(to_string(run.result.status));
  if (run.result.status == Status::exited) {
    text += " " + std::to_string(run.result.exit_code);
  }
  return text + ", " + std::to_string(run.result.stdout_bytes) + " bytes of output>";
}

}  // namespace

void bind_results(nb::module_& module) {
  nb::class_<RunResult>(module, "Result")
      .def_prop_ro("status", [](const RunResult& run) { return to_string(run.result.status); })
      .def_prop_ro("ok", [](const RunResult& run) { return run.result.status == Status::ok; })
      .def_prop_ro("exit_code", [](const RunResult& run) { return run.result.exit_code; })
      .def_prop_ro("stdout", [](const RunResult& run) { return text_of(run.result.stdout_data); })
      .def_prop_ro("stderr", [](const RunResult& run) { return text_of(run.result.stderr_data); })
      .def_prop_ro("stdout_data",
                   [](const RunResult& run) { return bytes_of(run.result.stdout_data); })
      .def_prop_ro("stderr_data",
                   [](const RunResult& run) { return bytes_of(run.result.stderr_data); })
      .def_prop_ro("stdout_truncated",
                   [](const RunResult& run) { return run.result.stdout_truncated; })
      .def_prop_ro("stderr_truncated",
                   [](const RunResult& run) { return run.result.stderr_truncated; })
      .def_prop_ro("stdout_bytes", [](const RunResult& run) { return run.result.stdout_bytes; })
      .def_prop_ro("stderr_bytes", [](const RunResult& run) { return run.result.stderr_bytes; })
      .def_prop_ro("duration", [](const RunResult& run) { return seconds(run.result.duration); })
      .def_prop_ro("cpu_time", [](const RunResult& run) { return seconds(run.result.cpu_time); })
      .def_prop_ro("peak_memory_bytes",
                   [](const RunResult& run) { return run.result.peak_memory_bytes; })
      .def_prop_ro("fuel_consumed", [](const RunResult& run) { return run.result.fuel_consumed; })
      .def_prop_ro("module_cache",
                   [](const RunResult& run) { return to_string(run.result.module_cache); })
      .def_prop_ro("sandbox", [](const RunResult& run) { return text_of(run.result.sandbox.kind); })
      .def_prop_ro("layers", &layers_of)
      .def_prop_ro("image",
                   [](const RunResult& run) -> nb::object {
                     const auto image = image_that_ran(run.result);
                     return image ? nb::object(text_of(*image)) : nb::none();
                   })
      .def_prop_ro("denials", &denials_of)
      .def_prop_ro("denial_count", [](const RunResult& run) { return run.result.denial_count; })
      .def_prop_ro("refusals", &refusals_of)
      .def_prop_ro("error", &error_of)
      .def_prop_ro("run_id", [](const RunResult& run) { return text_of(run.result.run_id); })
      .def_prop_ro("value", &value_of)
      .def_prop_ro("value_truncated", [](const RunResult& run) { return run.value_truncated; })
      .def("check", &check)
      .def("__repr__", &shown);
}

}  // namespace omnisandbox::python
