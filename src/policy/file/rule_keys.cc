#include <vector>

#include "policy/file/key_binding.h"
#include "policy/limits.h"

namespace omnisandbox::policy {

template <>
const std::vector<BoundKey<PathRule>>& keys_of<PathRule>() {
  static const std::vector<BoundKey<PathRule>> keys = {
      bind<&PathRule::path>({.name = "path",
                             .type = KeyType::text,
                             .required = true,
                             .description = "An absolute path; \"*\" for everything; or, with "
                                            "access none, a pattern such as \"**/.git\".",
                             .example = "/tmp/data"}),
      bind<&PathRule::access>({.name = "access",
                               .type = KeyType::word,
                               .words = EnumWords<PathAccess>::words,
                               .description = "What the rule opens. automatic: what the "
                                              "capabilities say. none: nothing, also inside a "
                                              "folder that another rule opens.",
                               .example = "read"}),
      bind<&PathRule::guest_path>({.name = "guest_path",
                                   .type = KeyType::text,
                                   .description = "The absolute name under which guests see it.",
                                   .when_unset = "the same as on the host",
                                   .example = "/data"}),
  };
  return keys;
}

template <>
const std::vector<BoundKey<HostRule>>& keys_of<HostRule>() {
  static const std::vector<BoundKey<HostRule>> keys = {
      bind<&HostRule::host>(
          {.name = "host",
           .type = KeyType::text,
           .required = true,
           .description = "A name; \"*.example.org\" for the names under it, without itself; an IP "
                          "address; a CIDR range; "
                          "localhost; or \"*\". It may carry a scheme, a port or a port range, and "
                          "a path prefix: "
                          "\"https://files.example.net:8443/public/\". Without a port: 443 and 80.",
           .example = "api.example.com"}),
      bind<&HostRule::methods>({.name = "methods",
                                .type = KeyType::text_list,
                                .maximum = max_list_entries,
                                .description = "HTTP methods that are allowed.",
                                .when_unset = "every method but CONNECT and TRACE",
                                .example = "[GET, HEAD]"}),
      bind<&HostRule::addresses>({.name = "addresses",
                                  .type = KeyType::text_list,
                                  .maximum = max_list_entries,
                                  .description = "CIDR ranges of addresses that are not public "
                                                 "(private, loopback and the like) to which this "
                                                 "name may resolve.",
                                  .when_unset = "public addresses only",
                                  .example = "[10.0.0.0/8]"}),
  };
  return keys;
}

template <>
const std::vector<BoundKey<CommandRule>>& keys_of<CommandRule>() {
  static const std::vector<BoundKey<CommandRule>> keys = {
      bind<&CommandRule::command>(
          {.name = "command",
           .type = KeyType::text,
           .required = true,
           .description =
               "A bare name, looked up once on a fixed search path; an absolute path; or \"*\".",
           .example = "git"}),
      bind<&CommandRule::args>({.name = "args",
                                .type = KeyType::text_list,
                                .maximum = max_list_entries,
                                .control_characters = true,
                                .description = "The first arguments, exactly.",
                                .when_unset = "any arguments",
                                .example = "[status]"}),
      bind<&CommandRule::arg_globs>({.name = "arg_globs",
                                     .type = KeyType::text_list,
                                     .maximum = max_list_entries,
                                     .control_characters = true,
                                     .description = "Each further argument must match one of these "
                                                    "globs (*, ?, [a-z]; * matches / as well) or "
                                                    "one of arg_regexes.",
                                     .when_unset = "any further arguments",
                                     .example = "[\"--*\", \"*.txt\"]"}),
      bind<&CommandRule::arg_regexes>(
          {.name = "arg_regexes",
           .type = KeyType::text_list,
           .maximum = max_list_entries,
           .control_characters = true,
           .description = "RE2 expressions that match a whole argument; see arg_globs.",
           .when_unset = "any further arguments",
           .example = "[\"[a-z]+\"]"}),
      bind<&CommandRule::working_dir>({.name = "working_dir",
                                       .type = KeyType::text,
                                       .description = "Where the command starts.",
                                       .when_unset = "the policy's working_dir",
                                       .example = "/tmp/data"}),
      bind<&CommandRule::environment>(
          {.name = "environment",
           .type = KeyType::text_map,
           .control_characters = true,
           .description = "Variables added to the policy's; nothing is inherited.",
           .example = "{LANG: C.UTF-8}"}),
      bind<&CommandRule::timeout>(
          {.name = "timeout",
           .type = KeyType::duration,
           .minimum = 1,
           .maximum = max_duration_ms,
           .description =
               "Wall time of this command; it shortens the policy's, never lengthens it.",
           .when_unset = "the policy's timeout",
           .example = "5s"}),
      bind<&CommandRule::memory_limit_mb>({.name = "memory_limit_mb",
                                           .type = KeyType::mebibytes,
                                           .minimum = 1,
                                           .maximum = max_memory_limit_mb,
                                           .unit = "MiB",
                                           .description = "Memory of this command.",
                                           .when_unset = "the policy's memory_limit_mb",
                                           .example = "64"}),
      bind<&CommandRule::network>(
          {.name = "network",
           .type = KeyType::flag,
           .description = "false: this command has no network even where net_http is granted.",
           .example = "false"}),
  };
  return keys;
}

const Section& path_rule_section() {
  static const Section section =
      section_from<PathRule>("path_rule", "An entry of allowed_paths",
                             "A folder with everything under it, or a single file. The longest "
                             "rule that covers a path decides.");
  return section;
}
const Section& host_rule_section() {
  static const Section section =
      section_from<HostRule>("host_rule", "An entry of allowed_hosts", "Where requests may go.");
  return section;
}
const Section& command_rule_section() {
  static const Section section =
      section_from<CommandRule>("command_rule", "An entry of allowed_commands",
                                "A program that may run. Argument rules are advisory: they catch "
                                "mistakes; only confinement bounds a program.");
  return section;
}

}  // namespace omnisandbox::policy
