#pragma once

#include <memory>

#include "host_functions/run_context.h"

namespace omnisandbox {

class HostFunctions::Impl {
 public:
  explicit Impl(std::unique_ptr<host_functions::RunContext> run_context)
      : context(std::move(run_context)) {}
  std::unique_ptr<host_functions::RunContext> context;
};

}  // namespace omnisandbox
