#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "omnisandbox/audit.h"
#include "omnisandbox/docker_config.h"
#include "omnisandbox/docker_sandbox.h"
#include "omnisandbox/docker_session.h"
#include "omnisandbox/error.h"
#include "omnisandbox/host_functions.h"
#include "omnisandbox/interpreter.h"
#include "omnisandbox/module_exports.h"
#include "omnisandbox/omnisandbox.h"
#include "omnisandbox/policy.h"
#include "omnisandbox/process_sandbox.h"
#include "omnisandbox/result.h"
#include "omnisandbox/runtime.h"

// What is behind the handles of omnisandbox.h. Each owns one object of the C++ interface.

struct omnisandbox_denial {
  omnisandbox::Denial denial;
};

struct omnisandbox_error {
  explicit omnisandbox_error(omnisandbox::Error its_error) : error(std::move(its_error)) {
    if (error.denial) {
      denial.emplace(omnisandbox_denial{*error.denial});
    }
  }
  omnisandbox::Error error;
  std::optional<omnisandbox_denial> denial;
};

struct omnisandbox_buffer {
  std::string bytes;
};

struct omnisandbox_policy {
  omnisandbox::Policy policy;
  std::vector<std::string> warnings;
  std::optional<omnisandbox::DockerConfig> docker;
};

struct omnisandbox_explanation {
  omnisandbox::Explanation explanation;
};

struct omnisandbox_audit {
  std::shared_ptr<omnisandbox::AuditSink> sink;  // shared with every sandbox that writes to it
};

struct omnisandbox_cancellation {
  std::stop_source source;
};

struct omnisandbox_settings {
  std::shared_ptr<omnisandbox::AuditSink> audit;
  omnisandbox::Isolation isolation = omnisandbox::Isolation::worker;
  std::string module_cache;
  std::string worker_program;
  std::string launcher_program;
  std::string interpreters;
  std::string container_init_program;
  std::string engine;
  std::string registry_config;
  std::size_t warm_containers = 0;
};

struct omnisandbox_input {
  std::vector<std::string> args;
  std::string stdin_data;
  std::map<std::string, std::string> environment;
  std::optional<std::chrono::milliseconds> timeout;
  std::optional<std::string> name;
  std::stop_token stop;
  omnisandbox_output_callback_t on_stdout = nullptr;
  omnisandbox_output_callback_t on_stderr = nullptr;
  void* output_user_data = nullptr;
  std::chrono::milliseconds stop_grace{};
  bool explain = false;
  std::string working_dir;
  std::vector<omnisandbox::DockerCopy> copy_in;
  std::vector<omnisandbox::DockerCopy> copy_out;
  omnisandbox_pull_callback_t on_pull = nullptr;
  void* pull_user_data = nullptr;
};

struct omnisandbox_refusal {
  omnisandbox::Refusal refusal;
};

struct omnisandbox_result {
  omnisandbox_result(omnisandbox::Result its_result, std::optional<std::string> its_value = {},
                     bool its_value_is_truncated = false);
  omnisandbox::Result result;
  std::optional<std::string> value;
  bool value_is_truncated;
  std::string image;
  std::vector<omnisandbox_denial> denials;
  std::vector<omnisandbox_refusal> refusals;
  std::optional<omnisandbox_error> error;
};

struct omnisandbox_functions {
  omnisandbox::HostFunctions functions;
};

struct omnisandbox_listing {
  std::vector<omnisandbox::DirectoryEntry> entries;
};

struct omnisandbox_request {
  omnisandbox::HttpRequest request;
};

struct omnisandbox_response {
  omnisandbox::HttpResponse response;
};

struct omnisandbox_runtime {
  omnisandbox::Runtime runtime;
};

struct omnisandbox_exports {
  omnisandbox::ModuleExports exports;
  std::vector<std::string> signatures;
};

struct omnisandbox_interpreter {
  omnisandbox::Interpreter interpreter;
};

struct omnisandbox_session {
  omnisandbox::Interpreter::Session session;
};

struct omnisandbox_process_sandbox {
  omnisandbox::ProcessSandbox sandbox;
};

struct omnisandbox_docker_sandbox {
  omnisandbox::DockerSandbox sandbox;
};

struct omnisandbox_docker_session {
  omnisandbox::DockerSession session;
};
