#pragma once

#include "omnisandbox/audit.h"            // IWYU pragma: export
#include "omnisandbox/capability.h"       // IWYU pragma: export
#include "omnisandbox/config.h"           // IWYU pragma: export
#include "omnisandbox/docker_config.h"    // IWYU pragma: export
#include "omnisandbox/docker_image.h"     // IWYU pragma: export
#include "omnisandbox/docker_sandbox.h"   // IWYU pragma: export
#include "omnisandbox/docker_session.h"   // IWYU pragma: export
#include "omnisandbox/error.h"            // IWYU pragma: export
#include "omnisandbox/expected.h"         // IWYU pragma: export
#include "omnisandbox/host_functions.h"   // IWYU pragma: export
#include "omnisandbox/interpreter.h"      // IWYU pragma: export
#include "omnisandbox/module_exports.h"   // IWYU pragma: export
#include "omnisandbox/policy.h"           // IWYU pragma: export
#include "omnisandbox/policy_file.h"      // IWYU pragma: export
#include "omnisandbox/process_sandbox.h"  // IWYU pragma: export
#include "omnisandbox/recommend.h"        // IWYU pragma: export
#include "omnisandbox/result.h"           // IWYU pragma: export
#include "omnisandbox/runtime.h"          // IWYU pragma: export
#include "omnisandbox/version.h"          // IWYU pragma: export
