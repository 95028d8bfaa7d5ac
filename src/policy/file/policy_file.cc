#include "omnisandbox/policy_file.h"

#include "base/error.h"

namespace omnisandbox {

Expected<PolicyFile> load_policy_file(const std::filesystem::path& path) {
  return parse_policy_file({}, path.native());
}

Expected<PolicyFile> parse_policy_file(std::string_view, std::string_view file_name) {
  return base::make_error(ErrorKind::unavailable, "{}:1:1: this build reads no policy files",
                          base::printable(file_name));
}

std::string policy_file_schema() { return "{}"; }

}  // namespace omnisandbox
