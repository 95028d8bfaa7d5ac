#include "policy/file/policy_keys.h"

#include "policy/file/key_binding.h"
#include "policy/limits.h"

namespace omnisandbox::policy {

namespace {

Expected<void> read_version_key(ValueReader& reader, const Key&, const YamlNode& node,
                                const std::string&, PolicyFile&) {
  return reader.read_version(node);
}

Expected<void> read_docker_key(ValueReader& reader, const Key& key, const YamlNode& node,
                               const std::string& where, PolicyFile& file) {
  return read_value(reader, key, node, where, file.docker);
}

}  // namespace

template <>
const std::vector<BoundKey<PolicyFile>>& keys_of<PolicyFile>() {
  static const std::vector<BoundKey<PolicyFile>> keys = {
      {{.name = "version",
        .type = KeyType::version,
        .minimum = 1,
        .maximum = 1,
        .required = true,
        .description = "The version of this format.",
        .example = "1"},
       read_version_key},
      bind_config<&Config::capabilities>(
          {.name = "capabilities",
           .type = KeyType::word_list,
           .maximum = EnumWords<Capability>::words.size(),
           .words = EnumWords<Capability>::words,
           .description = "What may be asked for at all. Each needs its list below as well.",
           .example = "[fs_read, net_http]"}),
      bind_config<&Config::memory_limit_mb>({.name = "memory_limit_mb",
                                             .type = KeyType::mebibytes,
                                             .minimum = 1,
                                             .maximum = max_memory_limit_mb,
                                             .unit = "MiB",
                                             .description =
                                                 "Memory of a run, all together. When it is left "
                                                 "out, interpreters and commands get 128 "
                                                 "and containers 256.",
                                             .example = "64"}),
      bind_config<&Config::timeout>({.name = "timeout",
                                     .type = KeyType::duration,
                                     .minimum = 1,
                                     .maximum = max_duration_ms,
                                     .description = "Wall time of a run, whatever it waits for.",
                                     .example = "10s"}),
      bind_config<&Config::allowed_paths>(
          {.name = "allowed_paths",
           .type = KeyType::entry_list,
           .maximum = max_rules_per_list,
           .section = &path_rule_section(),
           .short_form = "path",
           .description = "What fs_read and fs_write may reach.",
           .example = "[/tmp/data, {path: /home/user/docs, access: read}]"}),
      bind_config<&Config::allowed_hosts>(
          {.name = "allowed_hosts",
           .type = KeyType::entry_list,
           .maximum = max_rules_per_list,
           .section = &host_rule_section(),
           .short_form = "host",
           .description = "What net_http may reach.",
           .example = "[api.example.com, {host: \"*.example.org\", methods: [GET]}]"}),
      bind_config<&Config::allowed_commands>({.name = "allowed_commands",
                                              .type = KeyType::entry_list,
                                              .maximum = max_rules_per_list,
                                              .section = &command_rule_section(),
                                              .short_form = "command",
                                              .description = "What exec_run may run.",
                                              .example = "[ls, {command: git, args: [status]}]"}),
      bind_config<&Config::fuel_limit>(
          {.name = "fuel_limit",
           .type = KeyType::count,
           .minimum = 1,
           .maximum = max_fuel,
           .unit = "fuel units",
           .description = "WebAssembly fuel of a run, about one unit an instruction.",
           .when_unset = "not metered",
           .example = "1000000000"}),
      bind_config<&Config::working_dir>({.name = "working_dir",
                                         .type = KeyType::text,
                                         .description = "Where commands start.",
                                         .when_unset = "the first allowed folder, else \"/\"",
                                         .example = "/tmp/data"}),
      bind_config<&Config::max_output_bytes>(
          {.name = "max_output_bytes",
           .type = KeyType::byte_size,
           .maximum = max_buffer_bytes,
           .unit = "bytes",
           .description = "Kept of stdout and of stderr, each; the rest is counted and flagged.",
           .example = "4MiB"}),
      bind_config<&Config::max_file_bytes>({.name = "max_file_bytes",
                                            .type = KeyType::byte_size,
                                            .maximum = max_buffer_bytes,
                                            .unit = "bytes",
                                            .description = "Largest file that is read or written.",
                                            .when_unset = "max_output_bytes",
                                            .example = "16MiB"}),
      bind_config<&Config::max_response_bytes>(
          {.name = "max_response_bytes",
           .type = KeyType::byte_size,
           .maximum = max_buffer_bytes,
           .unit = "bytes",
           .description = "Largest HTTP body, after decompression.",
           .when_unset = "max_output_bytes",
           .example = "16MiB"}),
      bind_config<&Config::max_write_bytes>(
          {.name = "max_write_bytes",
           .type = KeyType::byte_size,
           .maximum = max_write_bytes_ceiling,
           .unit = "bytes",
           .description = "Written to files in one run, all together.",
           .example = "64MiB"}),
      bind_config<&Config::max_files_created>(
          {.name = "max_files_created",
           .type = KeyType::count,
           .maximum = max_files_created_ceiling,
           .description = "Files and folders created in one run.",
           .example = "1000"}),
      bind_config<&Config::cpu_time_limit>(
          {.name = "cpu_time_limit",
           .type = KeyType::duration,
           .minimum = 1,
           .maximum = max_duration_ms,
           .description = "CPU time of a run's whole process tree.",
           .when_unset = "wall time bounds it",
           .example = "10s"}),
      bind_config<&Config::max_processes>(
          {.name = "max_processes",
           .type = KeyType::count,
           .minimum = 1,
           .maximum = max_processes_ceiling,
           .description = "Processes and threads of a command's tree.",
           .example = "16"}),
      bind_config<&Config::max_open_files>({.name = "max_open_files",
                                            .type = KeyType::count,
                                            .minimum = 1,
                                            .maximum = max_open_files_ceiling,
                                            .description = "Open files of a guest or a process.",
                                            .example = "64"}),
      bind_config<&Config::max_concurrent_runs>(
          {.name = "max_concurrent_runs",
           .type = KeyType::count,
           .minimum = 1,
           .maximum = max_concurrent_runs_ceiling,
           .description = "Runs at the same time; one more waits until its deadline.",
           .example = "8"}),
      bind_config<&Config::max_host_calls>({.name = "max_host_calls",
                                            .type = KeyType::count,
                                            .maximum = max_host_calls_ceiling,
                                            .description = "Host-function calls of one run.",
                                            .example = "10000"}),
      bind_config<&Config::environment>(
          {.name = "environment",
           .type = KeyType::text_map,
           .control_characters = true,
           .description = "Variables of guests and commands; nothing is inherited.",
           .example = "{LANG: C.UTF-8}"}),
      bind_config<&Config::allow_hard_links>(
          {.name = "allow_hard_links",
           .type = KeyType::flag,
           .description = "true: writes may go to files that have more than one name.",
           .example = "false"}),
      bind_config<&Config::audit_required>(
          {.name = "audit_required",
           .type = KeyType::flag,
           .description = "true: nothing runs without a working audit log.",
           .example = "true"}),
      bind_config<&Config::allow_secrets>({.name = "allow_secrets",
                                           .type = KeyType::flag,
                                           .description =
                                               "true: the built-in list of secrets (private keys, "
                                               "credentials, .env files and the like) "
                                               "is not taken out of the allowed paths.",
                                           .example = "false"}),
      {{.name = "docker",
        .type = KeyType::section,
        .section = &docker_section(),
        .description = "How a container is made, for the Docker sandbox.",
        .when_unset = "the defaults of its keys",
        .example = "{image: \"alpine:3.20\"}"},
       read_docker_key},
  };
  return keys;
}

const std::vector<const Section*>& policy_sections() {
  static const Section root =
      section_from<PolicyFile>("policy", "The policy file", "The keys at the top of the file.");
  static const std::vector<const Section*> sections = {&root,
                                                       &path_rule_section(),
                                                       &host_rule_section(),
                                                       &command_rule_section(),
                                                       &docker_section(),
                                                       &docker_mount_section()};
  return sections;
}

Expected<PolicyFile> read_policy(const YamlNode& root, std::string_view file_name) {
  ValueReader reader(file_name);
  PolicyFile file;
  TRY(read_section(reader, root, std::string(), file));
  file.positions = reader.take_positions();
  return file;
}

}  // namespace omnisandbox::policy
