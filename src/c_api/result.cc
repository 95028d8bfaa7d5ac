#include "c_api/call.h"
#include "omnisandbox/docker_image.h"

using namespace omnisandbox;
using c_api::bytes_of;

static_assert(OMNISANDBOX_STATUS_OK == static_cast<int>(Status::ok) &&
              OMNISANDBOX_STATUS_PROCESS_LIMIT == static_cast<int>(Status::process_limit) &&
              OMNISANDBOX_STATUS_FAILED == static_cast<int>(Status::failed));

omnisandbox_result::omnisandbox_result(Result its_result, std::optional<std::string> its_value,
                                       bool its_value_is_truncated)
    : result(std::move(its_result)),
      value(std::move(its_value)),
      value_is_truncated(its_value_is_truncated),
      image(image_that_ran(result).value_or("")) {
  for (const Denial& denial : result.denials) {
    denials.push_back({denial});
  }
  if (result.refusals) {
    for (const Refusal& refusal : result.refusals->entries) {
      refusals.push_back({refusal});
    }
  }
  if (result.error) {
    error.emplace(*result.error);
  }
}

void omnisandbox_result_free(omnisandbox_result_t* result) { c_api::free_handle(result); }

omnisandbox_status_t omnisandbox_result_status(const omnisandbox_result_t* result) {
  return static_cast<omnisandbox_status_t>(result->result.status);
}

const char* omnisandbox_status_name(omnisandbox_status_t status) {
  return to_string(static_cast<Status>(status)).data();  // of literals
}

int omnisandbox_result_exit_code(const omnisandbox_result_t* result) {
  return result->result.exit_code;
}

omnisandbox_bytes_t omnisandbox_result_stdout(const omnisandbox_result_t* result) {
  return bytes_of(result->result.stdout_data);
}

omnisandbox_bytes_t omnisandbox_result_stderr(const omnisandbox_result_t* result) {
  return bytes_of(result->result.stderr_data);
}

uint64_t omnisandbox_result_stdout_bytes(const omnisandbox_result_t* result) {
  return result->result.stdout_bytes;
}

uint64_t omnisandbox_result_stderr_bytes(const omnisandbox_result_t* result) {
  return result->result.stderr_bytes;
}

uint64_t omnisandbox_result_duration_ns(const omnisandbox_result_t* result) {
  return static_cast<uint64_t>(result->result.duration.count());
}

uint64_t omnisandbox_result_cpu_time_ns(const omnisandbox_result_t* result) {
  return static_cast<uint64_t>(result->result.cpu_time.count());
}

uint64_t omnisandbox_result_peak_memory_bytes(const omnisandbox_result_t* result) {
  return result->result.peak_memory_bytes;
}

bool omnisandbox_result_fuel_consumed(const omnisandbox_result_t* result, uint64_t* fuel) {
  if (!result->result.fuel_consumed) {
    return false;
  }
  *fuel = *result->result.fuel_consumed;
  return true;
}

bool omnisandbox_result_value(const omnisandbox_result_t* result, omnisandbox_bytes_t* value) {
  if (!result->value) {
    return false;
  }
  *value = bytes_of(*result->value);
  return true;
}

bool omnisandbox_result_value_is_truncated(const omnisandbox_result_t* result) {
  return result->value_is_truncated;
}

omnisandbox_bytes_t omnisandbox_result_sandbox_kind(const omnisandbox_result_t* result) {
  return bytes_of(result->result.sandbox.kind);
}

size_t omnisandbox_result_layer_count(const omnisandbox_result_t* result) {
  return result->result.sandbox.layers.size();
}

omnisandbox_bytes_t omnisandbox_result_layer(const omnisandbox_result_t* result, size_t index) {
  const auto& layers = result->result.sandbox.layers;
  return index < layers.size() ? bytes_of(layers[index]) : bytes_of({});
}

size_t omnisandbox_result_kept_denial_count(const omnisandbox_result_t* result) {
  return result->denials.size();
}

const omnisandbox_denial_t* omnisandbox_result_denial(const omnisandbox_result_t* result,
                                                      size_t index) {
  return index < result->denials.size() ? &result->denials[index] : nullptr;
}

omnisandbox_bytes_t omnisandbox_result_image(const omnisandbox_result_t* result) {
  return bytes_of(result->image);
}

uint64_t omnisandbox_result_denial_count(const omnisandbox_result_t* result) {
  return result->result.denial_count;
}

bool omnisandbox_result_is_explained(const omnisandbox_result_t* result) {
  return result->result.refusals.has_value();
}

size_t omnisandbox_result_kept_refusal_count(const omnisandbox_result_t* result) {
  return result->refusals.size();
}

const omnisandbox_refusal_t* omnisandbox_result_refusal(const omnisandbox_result_t* result,
                                                        size_t index) {
  return index < result->refusals.size() ? &result->refusals[index] : nullptr;
}

uint64_t omnisandbox_result_refusal_count(const omnisandbox_result_t* result) {
  return result->result.refusals ? result->result.refusals->count : 0;
}

bool omnisandbox_result_refusals_are_cut(const omnisandbox_result_t* result) {
  return result->result.refusals && result->result.refusals->is_cut;
}

const omnisandbox_error_t* omnisandbox_result_error(const omnisandbox_result_t* result) {
  return result->error ? &*result->error : nullptr;
}

omnisandbox_bytes_t omnisandbox_result_run_id(const omnisandbox_result_t* result) {
  return bytes_of(result->result.run_id);
}
