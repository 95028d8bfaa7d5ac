#pragma once

#include "c_api/handles.h"

/// The options of the C++ interface that settings stand for; NULL stands for the defaults.
namespace omnisandbox::c_api {

RuntimeOptions runtime_options(const omnisandbox_settings_t* settings);
InterpreterOptions interpreter_options(const omnisandbox_settings_t* settings);
/// With an egress proxy, through which commands reach the hosts that the policy allows.
ProcessSandboxOptions process_options(const omnisandbox_settings_t* settings);
HostFunctionOptions function_options(const omnisandbox_settings_t* settings);
DockerSandboxOptions docker_options(const omnisandbox_settings_t* settings);

}  // namespace omnisandbox::c_api
