#pragma once

#include <functional>
#include <stop_token>

#include "c_api/handles.h"

/// The options of the C++ interface that an input stands for; NULL stands for none.
namespace omnisandbox::c_api {

RunOptions run_options(const omnisandbox_input_t* input);
EvaluateOptions evaluate_options(const omnisandbox_input_t* input);
ProcessRunOptions process_run_options(const omnisandbox_input_t* input);
DockerRunOptions docker_run_options(const omnisandbox_input_t* input);
std::stop_token stop_of(const omnisandbox_input_t* input);
std::function<void(const PullProgress&)> pull_progress_of(const omnisandbox_input_t* input);

}  // namespace omnisandbox::c_api
