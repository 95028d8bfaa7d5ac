#include "c_api/input.h"

#include <algorithm>
#include <functional>
#include <string_view>

#include "c_api/call.h"

namespace omnisandbox::c_api {
namespace {

const omnisandbox_input& or_none(const omnisandbox_input_t* input) {
  static const omnisandbox_input none;
  return input == nullptr ? none : *input;
}

std::function<void(std::string_view)> output(omnisandbox_output_callback_t callback,
                                             void* user_data) {
  if (callback == nullptr) {
    return {};
  }
  return [=](std::string_view piece) { callback(user_data, bytes_of(piece)); };
}

}  // namespace

RunOptions run_options(const omnisandbox_input_t* input) {
  const auto& given = or_none(input);
  return {.args = given.args,
          .stdin_data = given.stdin_data,
          .environment = given.environment,
          .timeout = given.timeout,
          .stop = given.stop};
}

EvaluateOptions evaluate_options(const omnisandbox_input_t* input) {
  const auto& given = or_none(input);
  EvaluateOptions options{.args = given.args,
                          .stdin_data = given.stdin_data,
                          .environment = given.environment,
                          .timeout = given.timeout,
                          .stop = given.stop};
  if (given.name) {
    options.name = *given.name;
  }
  return options;
}

ProcessRunOptions process_run_options(const omnisandbox_input_t* input) {
  const auto& given = or_none(input);
  return {.stdin_data = given.stdin_data,
          .environment = given.environment,
          .timeout = given.timeout,
          .stop = given.stop,
          .on_stdout = output(given.on_stdout, given.output_user_data),
          .on_stderr = output(given.on_stderr, given.output_user_data),
          .stop_grace = given.stop_grace,
          .explain = given.explain};
}

DockerRunOptions docker_run_options(const omnisandbox_input_t* input) {
  const auto& given = or_none(input);
  return {.stdin_data = given.stdin_data,
          .environment = given.environment,
          .working_dir = given.working_dir,
          .timeout = given.timeout,
          .stop = given.stop,
          .on_stdout = output(given.on_stdout, given.output_user_data),
          .on_stderr = output(given.on_stderr, given.output_user_data),
          .stop_grace = given.stop_grace,
          .on_pull = pull_progress_of(input),
          .copy_in = given.copy_in,
          .copy_out = given.copy_out};
}

std::stop_token stop_of(const omnisandbox_input_t* input) { return or_none(input).stop; }

std::function<void(const PullProgress&)> pull_progress_of(const omnisandbox_input_t* input) {
  const auto& given = or_none(input);
  if (given.on_pull == nullptr) {
    return {};
  }
  return
      [callback = given.on_pull, user_data = given.pull_user_data](const PullProgress& progress) {
        callback(user_data, bytes_of(progress.layer), bytes_of(progress.status),
                 progress.current_bytes, progress.total_bytes);
      };
}

}  // namespace omnisandbox::c_api

using namespace omnisandbox;
using c_api::guarded;
using c_api::require;
using c_api::view;

namespace {

std::chrono::milliseconds milliseconds(uint64_t count) {
  // A hundred years are no limit, and can still be added to a point in time.
  constexpr std::uint64_t longest_ms = 1000ULL * 60 * 60 * 24 * 365 * 100;
  return std::chrono::milliseconds(std::min(count, longest_ms));
}

omnisandbox_error_t* add_copy(omnisandbox_input_t* input,
                              std::vector<DockerCopy> omnisandbox_input::*copies,
                              omnisandbox_bytes_t host_path, omnisandbox_bytes_t container_path) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"input", input}}));
    const auto on_host = TRY(view(host_path, "host_path"));
    const auto inside = TRY(view(container_path, "container_path"));
    (input->*copies)
        .push_back({.host_path = std::string(on_host), .container_path = std::string(inside)});
    return {};
  });
}

}  // namespace

omnisandbox_error_t* omnisandbox_input_create(omnisandbox_input_t** input) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"input", input}}));
    *input = nullptr;
    c_api::give(input);
    return {};
  });
}

void omnisandbox_input_free(omnisandbox_input_t* input) { c_api::free_handle(input); }

omnisandbox_error_t* omnisandbox_input_add_argument(omnisandbox_input_t* input,
                                                    omnisandbox_bytes_t argument) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"input", input}}));
    input->args.emplace_back(TRY(view(argument, "argument")));
    return {};
  });
}

omnisandbox_error_t* omnisandbox_input_set_stdin(omnisandbox_input_t* input,
                                                 omnisandbox_bytes_t data) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"input", input}}));
    input->stdin_data = TRY(view(data, "data"));
    return {};
  });
}

omnisandbox_error_t* omnisandbox_input_add_environment(omnisandbox_input_t* input,
                                                       omnisandbox_bytes_t name,
                                                       omnisandbox_bytes_t value) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"input", input}}));
    input->environment[std::string(TRY(view(name, "name")))] = TRY(view(value, "value"));
    return {};
  });
}

omnisandbox_error_t* omnisandbox_input_set_timeout(omnisandbox_input_t* input,
                                                   uint64_t timeout_ms) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"input", input}}));
    input->timeout = milliseconds(timeout_ms);
    return {};
  });
}

omnisandbox_error_t* omnisandbox_input_set_name(omnisandbox_input_t* input,
                                                omnisandbox_bytes_t name) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"input", input}}));
    input->name = TRY(view(name, "name"));
    return {};
  });
}

omnisandbox_error_t* omnisandbox_input_set_cancellation(
    omnisandbox_input_t* input, const omnisandbox_cancellation_t* cancellation) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"input", input}}));
    input->stop = cancellation == nullptr ? std::stop_token() : cancellation->source.get_token();
    return {};
  });
}

omnisandbox_error_t* omnisandbox_input_set_output(omnisandbox_input_t* input,
                                                  omnisandbox_output_callback_t on_stdout,
                                                  omnisandbox_output_callback_t on_stderr,
                                                  void* user_data) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"input", input}}));
    input->on_stdout = on_stdout;
    input->on_stderr = on_stderr;
    input->output_user_data = user_data;
    return {};
  });
}

omnisandbox_error_t* omnisandbox_input_set_stop_grace(omnisandbox_input_t* input,
                                                      uint64_t grace_ms) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"input", input}}));
    input->stop_grace = milliseconds(grace_ms);
    return {};
  });
}

omnisandbox_error_t* omnisandbox_input_set_explain(omnisandbox_input_t* input, bool explain) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"input", input}}));
    input->explain = explain;
    return {};
  });
}

omnisandbox_error_t* omnisandbox_input_set_working_dir(omnisandbox_input_t* input,
                                                       omnisandbox_bytes_t path) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"input", input}}));
    input->working_dir = TRY(view(path, "path"));
    return {};
  });
}

omnisandbox_error_t* omnisandbox_input_add_copy_in(omnisandbox_input_t* input,
                                                   omnisandbox_bytes_t host_path,
                                                   omnisandbox_bytes_t container_path) {
  return add_copy(input, &omnisandbox_input::copy_in, host_path, container_path);
}

omnisandbox_error_t* omnisandbox_input_add_copy_out(omnisandbox_input_t* input,
                                                    omnisandbox_bytes_t container_path,
                                                    omnisandbox_bytes_t host_path) {
  return add_copy(input, &omnisandbox_input::copy_out, host_path, container_path);
}

omnisandbox_error_t* omnisandbox_input_set_pull_progress(omnisandbox_input_t* input,
                                                         omnisandbox_pull_callback_t callback,
                                                         void* user_data) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"input", input}}));
    input->on_pull = callback;
    input->pull_user_data = user_data;
    return {};
  });
}
