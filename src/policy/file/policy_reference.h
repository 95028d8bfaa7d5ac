#pragma once

#include <string>

namespace omnisandbox::policy {

/// docs/policy_reference.md, made from the table of keys; a test holds the page to it.
std::string policy_reference_page();

}  // namespace omnisandbox::policy
