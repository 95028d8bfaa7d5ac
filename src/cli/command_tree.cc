#include "cli/command_tree.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <utility>

#include "cli/option_parts.h"

namespace omnisandbox::cli {
namespace {

constexpr std::size_t any_number = std::numeric_limits<std::size_t>::max();

constexpr std::array operand_rules = {
    OperandRule{
        .command = "run", .min_count = 1, .max_count = any_number, .rest_is_for_target = true},
    OperandRule{
        .command = "eval", .min_count = 0, .max_count = any_number, .rest_is_for_target = true},
    OperandRule{.command = "call-export",
                .min_count = 1,
                .max_count = any_number,
                .rest_is_for_target = true},
    OperandRule{.command = "call fs_read", .min_count = 1, .max_count = 1},
    OperandRule{.command = "call fs_write", .min_count = 1, .max_count = 1},
    OperandRule{.command = "call http_fetch", .min_count = 1, .max_count = 1},
    OperandRule{.command = "call exec_run",
                .min_count = 1,
                .max_count = any_number,
                .rest_is_for_target = true},
    OperandRule{.command = "policy check", .min_count = 1, .max_count = 1},
    OperandRule{.command = "policy lint", .min_count = 1, .max_count = 1},
    OperandRule{.command = "policy explain", .min_count = 2, .max_count = any_number},
    OperandRule{.command = "policy schema"},
    OperandRule{.command = "cache ls"},
    OperandRule{.command = "cache clear"},
    OperandRule{.command = "compile", .min_count = 1, .max_count = 1},
    OperandRule{.command = "audit tail", .min_count = 1, .max_count = 1},
    OperandRule{.command = "audit query", .min_count = 1, .max_count = 1},
    OperandRule{.command = "audit stats", .min_count = 1, .max_count = 1},
    OperandRule{.command = "mcp"},
    OperandRule{.command = "doctor"},
    OperandRule{.command = "completion", .min_count = 1, .max_count = 1},
    OperandRule{.command = "version"},
};

void take_environment(Options& options, const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw CLI::ValidationError("--env", "\"" + text + "\" is not NAME=VALUE");
  }
  options.environment.insert_or_assign(text.substr(0, equals), text.substr(equals + 1));
}

/// "FROM:TO", where the side inside a container is an absolute path.
DockerCopy copy_of(const std::string& option, const std::string& text, std::size_t colon,
                   bool is_host_first) {
  if (colon == std::string::npos || colon == 0 || colon + 1 == text.size()) {
    throw CLI::ValidationError(option, "\"" + text + "\" is not FROM:TO");
  }
  std::string from = text.substr(0, colon);
  std::string to = text.substr(colon + 1);
  return is_host_first ? DockerCopy{.host_path = std::move(from), .container_path = std::move(to)}
                       : DockerCopy{.host_path = std::move(to), .container_path = std::move(from)};
}

void take_header(Options& options, const std::string& text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos || colon == 0) {
    throw CLI::ValidationError("--header", "\"" + text + "\" is not \"Name: value\"");
  }
  const std::size_t value = text.find_first_not_of(" \t", colon + 1);
  options.headers.push_back({.name = text.substr(0, colon),
                             .value = value == std::string::npos ? "" : text.substr(value)});
}

void add_isolation(CLI::App& app, Options& options, const std::string& guest) {
  using runner::IsolationChoice;
  add_choice<IsolationChoice>(
      app, "--isolation",
      "Where " + guest +
          " runs: in a process of its own without any rights (the default), or in "
          "ours",
      {{"worker", IsolationChoice::worker}, {"in-process", IsolationChoice::in_process}},
      [&](IsolationChoice choice) { options.isolation = choice; });
}

void add_run(CLI::App& root, Options& options) {
  using runner::SandboxKind;
  CLI::App& run = *root.add_subcommand("run", "Run a module or a command in a sandbox");
  add_policy(run, options);
  add_choice<std::optional<SandboxKind>>(
      run, "--sandbox",
      "Which sandbox. A .wasm or .wat file runs in wasm, --image means docker, all else is "
      "process. "
      "auto, where it is written: what this machine offers counts as well, and the reason is told",
      {{"auto", std::nullopt},
       {"wasm", SandboxKind::wasm},
       {"process", SandboxKind::process},
       {"docker", SandboxKind::docker}},
      [&](std::optional<SandboxKind> kind) {
        options.sandbox = kind;
        options.asks_machine = !kind;
      });
  add_isolation(run, options, "a module");
  add_text(
      run, "--stdin", "FILE", [&](const std::string& text) { options.stdin_from = text; },
      "The guest's standard input; - passes ours on. Without it, it is empty");
  add_repeated(
      run, "--env", "NAME=VALUE", [&](const std::string& text) { take_environment(options, text); },
      "A variable of the guest's environment; may be repeated. Nothing is inherited");
  add_bounds(run, options);
  add_text(
      run, "--image", "IMAGE", [&](const std::string& text) { options.image = text; },
      "The container's image");
  add_choice<NetworkMode>(
      run, "--network", "The container's network",
      {{"none", NetworkMode::none}, {"bridge", NetworkMode::bridge}, {"host", NetworkMode::host}},
      [&](NetworkMode mode) { options.network = mode; });
  run.add_flag_callback(
      "--explain", [&] { options.explain = true; },
      "Say what a command was refused, by which layer, and what would allow it");
  add_choice<PullPolicy>(run, "--pull",
                         "When the image is fetched from its registry; never more often than the "
                         "policy's docker.pull",
                         {{"never", PullPolicy::never},
                          {"missing", PullPolicy::missing},
                          {"always", PullPolicy::always}},
                         [&](PullPolicy policy) { options.pull = policy; });
  add_repeated(
      run, "--copy-in", "FROM:TO",
      [&](const std::string& text) {
        options.copy_in.push_back(copy_of("--copy-in", text, text.rfind(':'), true));
      },
      "A file or folder of this machine (fs_read) that is copied into the container before the "
      "command; may be repeated");
  add_repeated(
      run, "--copy-out", "FROM:TO",
      [&](const std::string& text) {
        options.copy_out.push_back(copy_of("--copy-out", text, text.find(':'), false));
      },
      "A file or folder of the container that is copied to this machine (fs_write) after the "
      "command; may be repeated");
  add_json(run, options);
  show_operand(run, "TARGET", "A module's file, or a command that the policy lists");
  show_operand(run, "ARG", "Passed to the target unchanged, options too");
  run.footer(
      "Options of omnisandbox stand before TARGET; write -- between them where it could be "
      "unclear.\n\n"
      "Examples:\n"
      "  omnisandbox run tool.wasm\n"
      "  omnisandbox run --policy policy.yaml --timeout 5s -- tool.wasm --verbose input.txt\n"
      "  echo data | omnisandbox run --policy policy.yaml --stdin - --json -- tool.wasm");
}

void add_eval(CLI::App& root, Options& options) {
  CLI::App& eval = *root.add_subcommand(
      "eval", "Run a snippet of Python or JavaScript in a fresh interpreter in a sandbox");
  add_policy(eval, options);
  add_choice<Language>(eval, "--lang", "The language of the code. Default: python",
                       {{"python", Language::python}, {"javascript", Language::javascript}},
                       [&](Language language) { options.language = language; });
  add_isolation(eval, options, "the snippet");
  add_text(
      eval, "-f,--file", "FILE", [&](const std::string& text) { options.code_file = text; },
      "Read the code from FILE; all operands are the snippet's arguments then");
  add_text(
      eval, "--stdin", "FILE", [&](const std::string& text) { options.stdin_from = text; },
      "The snippet's standard input; - passes ours on. Without it, it is empty");
  add_repeated(
      eval, "--env", "NAME=VALUE",
      [&](const std::string& text) { take_environment(options, text); },
      "A variable of the snippet's environment; may be repeated. Nothing is inherited");
  add_bounds(eval, options);
  add_json(eval, options);
  show_operand(eval, "CODE", "The code; - reads it from standard input");
  show_operand(eval, "ARG", "Passed to the snippet unchanged, options too");
  eval.footer(
      "The value of the last expression is printed after what the snippet prints itself, unless it "
      "is None or undefined.\n\n"
      "Examples:\n"
      "  omnisandbox eval 'sum(range(100))'\n"
      "  omnisandbox eval --lang javascript '[1, 2, 3].map((n) => n * n)'\n"
      "  omnisandbox eval --policy policy.yaml -f report.py 2026-10\n"
      "  echo 'print(6 * 7)' | omnisandbox eval -");
}

void add_call_export(CLI::App& root, Options& options) {
  CLI::App& call = *root.add_subcommand(
      "call-export", "Call a function that a module or a component exports, or list them");
  add_policy(call, options);
  add_isolation(call, options, "the module");
  add_bounds(call, options);
  add_json(call, options);
  show_operand(call, "MODULE", "A core module's or a component's file");
  show_operand(call, "NAME", "The function, or interface#function; without it, all are listed");
  show_operand(call, "JSON", "One JSON value for each parameter; a string has its quotes");
  call.footer(
      "Examples:\n"
      "  omnisandbox call-export tool.wasm\n"
      "  omnisandbox call-export tool.wasm add 1 2\n"
      "  omnisandbox call-export tool.wasm greet '{\"name\": \"Ada\"}'");
}

void add_call(CLI::App& root, Options& options) {
  CLI::App& call = *root.add_subcommand("call", "Call one host function under a policy");
  call.require_subcommand(1);
  add_policy(call, options);
  add_bounds(call, options);
  add_json(call, options);
  call.footer(
      "Examples:\n"
      "  omnisandbox call --policy policy.yaml fs_read /data/report.txt\n"
      "  echo text | omnisandbox call --policy policy.yaml fs_write /data/out.txt\n"
      "  omnisandbox call --policy policy.yaml http_fetch https://api.example.com/status");
  CLI::App& read = *call.add_subcommand("fs_read", "Print a file");
  show_operand(read, "PATH", "The file; relative to the working folder, or absolute");
  read.footer("Example:\n  omnisandbox call --policy policy.yaml fs_read /data/report.txt");
  CLI::App& write =
      *call.add_subcommand("fs_write", "Replace a file by what stands on standard input");
  show_operand(write, "PATH", "The file; relative to the working folder, or absolute");
  write.footer(
      "Example:\n  echo text | omnisandbox call --policy policy.yaml fs_write /data/out.txt");
  CLI::App& fetch =
      *call.add_subcommand("http_fetch", "Make an HTTP request and print the body of the answer");
  show_operand(fetch, "URL", "An http or https URL");
  add_text(
      fetch, "-X,--method", "METHOD", [&](const std::string& text) { options.method = text; },
      "The method. Default: GET, with --data POST");
  add_repeated(
      fetch, "-H,--header", "\"NAME: VALUE\"",
      [&](const std::string& text) { take_header(options, text); }, "A header; may be repeated");
  fetch
      .add_option_function<std::string>(
          "-d,--data", [&](const std::string& text) { options.data = text; }, "The request's body")
      ->type_name("DATA");
  fetch.footer(
      "Example:\n"
      "  omnisandbox call --policy policy.yaml http_fetch https://api.example.com/items \\\n"
      "      -X POST -H 'Content-Type: application/json' -d '{\"name\": \"x\"}'");
  CLI::App& exec = *call.add_subcommand("exec_run", "Run a command that the policy lists");
  show_operand(exec, "COMMAND", "As the policy lists it");
  show_operand(exec, "ARG", "Passed to the command unchanged, options too");
  exec.footer("Example:\n  omnisandbox call --policy policy.yaml exec_run git status --short");
  for (CLI::App* function : {&read, &write, &fetch, &exec}) {
    add_policy(*function, options);
    add_bounds(*function, options);
    add_json(*function, options);
  }
}

void add_policy_commands(CLI::App& root, Options& options) {
  CLI::App& policy = *root.add_subcommand("policy", "Check and explain policies");
  policy.require_subcommand(1);
  policy.footer(
      "Examples:\n"
      "  omnisandbox policy check policy.yaml\n"
      "  omnisandbox policy explain --policy policy.yaml fs_read /etc/passwd");
  CLI::App& check =
      *policy.add_subcommand("check", "Say whether a policy is valid, and what it allows");
  show_operand(check, "FILE", "The policy");
  check.footer("Example:\n  omnisandbox policy check policy.yaml");
  CLI::App& lint = *policy.add_subcommand(
      "lint", "Find what is wider than it should be; exit code 1 with findings");
  show_operand(lint, "FILE", "The policy");
  lint.footer("Example:\n  omnisandbox policy lint policy.yaml");
  CLI::App& explain = *policy.add_subcommand(
      "explain", "Say whether something is allowed, and why; exit code 0 or 126");
  add_policy(explain, options);
  show_operand(explain, "CAPABILITY", "fs_read, fs_write, net_http or exec_run");
  show_operand(explain, "RESOURCE",
               "A path, a URL (or METHOD URL), or a command with its arguments");
  explain.footer(
      "Examples:\n"
      "  omnisandbox policy explain --policy policy.yaml fs_read /etc/passwd\n"
      "  omnisandbox policy explain --policy policy.yaml net_http \"POST "
      "https://api.example.com/\"\n"
      "  omnisandbox policy explain --policy policy.yaml exec_run \"git status\"");
  CLI::App& schema = *policy.add_subcommand("schema", "Print the JSON Schema of policy files");
  schema.footer("Example:\n  omnisandbox policy schema > policy.schema.json");
  for (CLI::App* command : {&check, &lint, &explain}) {
    add_json(*command, options);
  }
}

void add_cache_commands(CLI::App& root, Options& options) {
  CLI::App& cache = *root.add_subcommand("cache", "The user's cache of compiled modules");
  cache.require_subcommand(1);
  cache.footer("Examples:\n  omnisandbox cache ls\n  omnisandbox cache clear");
  CLI::App& list = *cache.add_subcommand("ls", "List what it holds, oldest use first");
  list.footer("Example:\n  omnisandbox cache ls --json");
  CLI::App& clear = *cache.add_subcommand("clear", "Remove everything in it");
  clear.footer("Example:\n  omnisandbox cache clear");
  CLI::App& compile =
      *root.add_subcommand("compile", "Compile a module to a file that run takes in its place");
  show_operand(compile, "MODULE", "A module's file");
  add_policy(compile, options);
  add_text(
      compile, "-o,--output", "FILE", [&](const std::string& text) { options.output_file = text; },
      "Where to; this user can run it, on this machine, nobody else")
      ->required();
  compile.footer("Example:\n  omnisandbox compile tool.wasm -o tool.compiled.wasm");
  for (CLI::App* command : {&list, &clear, &compile}) {
    add_json(*command, options);
  }
}

}  // namespace

std::string help_text(const CLI::App& app) {
  const OperandRule* rule = operand_rule(command_name(app));
  std::string usage = "Usage: omnisandbox " + command_name(app);
  if (rule == nullptr) {
    usage += command_name(app).empty() ? "COMMAND" : " [OPTIONS] COMMAND";
  } else {
    usage += " [OPTIONS]";
    if (rule->rest_is_for_target) {
      usage += " [--]";
    }
    for (const CLI::Option* option : app.get_options(
             [](const CLI::Option* candidate) { return candidate->get_positional(); })) {
      usage += " " + option->get_name(true);
    }
    usage += rule->max_count == any_number ? "…" : "";
  }
  std::string text = app.help();
  const std::size_t start = text.find("Usage: ");
  return start == std::string::npos ? text
                                    : text.replace(start, text.find('\n', start) - start, usage);
}

const OperandRule* operand_rule(std::string_view command) {
  const auto found = std::find_if(operand_rules.begin(), operand_rules.end(),
                                  [&](const OperandRule& rule) { return rule.command == command; });
  return found == operand_rules.end() ? nullptr : &*found;
}

std::string command_name(const CLI::App& app) {
  if (app.get_parent() == nullptr) {
    return {};
  }
  const std::string parent = command_name(*app.get_parent());
  return parent.empty() ? app.get_name() : parent + " " + app.get_name();
}

std::unique_ptr<CLI::App> make_command_tree(Options& options) {
  auto root = std::make_unique<CLI::App>(
      "One permission policy over layered isolation, for the tools that AI agents call",
      "omnisandbox");
  root->require_subcommand(1);
  root->set_help_all_flag();
  add_run(*root, options);
  add_eval(*root, options);
  add_call_export(*root, options);
  add_call(*root, options);
  add_policy_commands(*root, options);
  add_cache_commands(*root, options);
  add_audit_commands(*root, options);
  add_mcp(*root, options);
  CLI::App& doctor =
      *root->add_subcommand("doctor", "Show what this machine and this build can isolate");
  add_json(doctor, options);
  doctor.footer(
      "Exit code 0 when every sandbox has its first tier, else 1.\n\nExample:\n  omnisandbox "
      "doctor");
  CLI::App& completion =
      *root->add_subcommand("completion", "Print a completion script for a shell");
  show_operand(completion, "SHELL", "bash, zsh or fish");
  completion.footer("Example:\n  omnisandbox completion bash > /etc/bash_completion.d/omnisandbox");
  CLI::App& version = *root->add_subcommand("version", "Print the version");
  add_json(version, options);
  version.footer("Example:\n  omnisandbox version --json");
  root->footer(
      "Exit codes: the guest's own; 1 an allowed call failed; 2 wrong arguments or a bad policy;\n"
      "124 deadline or fuel; 125 the sandbox could not start; 126 denied by the policy;\n"
      "127 no such command, module or image; 134 trap; 137 memory limit.\n\n"
      "Examples:\n"
      "  omnisandbox run --policy policy.yaml -- tool.wasm input.txt\n"
      "  omnisandbox policy explain --policy policy.yaml net_http https://api.example.com/");
  return root;
}

}  // namespace omnisandbox::cli
