// The options of `audit` and of `mcp`.
#include <charconv>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "cli/option_parts.h"
#include "omnisandbox/capability.h"

namespace omnisandbox::cli {
namespace {

void add_audit_filters(CLI::App& app, Options& options) {
  AuditChoice& choice = options.audit;
  add_text(
      app, "--since", "TIME", [&](const std::string& text) { choice.since = text; },
      "Records from this time on: 2026-11-27, 2026-11-27T08:30 (both UTC), or 10m for ten minutes "
      "ago");
  add_text(
      app, "--until", "TIME", [&](const std::string& text) { choice.until = text; },
      "Records up to this time, with all of the day or the minute that is named");
  std::vector<std::pair<std::string, std::string>> capabilities;
  for (const Capability capability : all_capabilities) {
    capabilities.emplace_back(to_string(capability), to_string(capability));
  }
  add_choice<std::string>(app, "--capability", "Decisions about this capability", capabilities,
                          [&](const std::string& name) { choice.capability = name; });
  add_choice<std::string>(app, "--answer", "Decisions with this answer",
                          {{"grant", "grant"}, {"denial", "denial"}},
                          [&](const std::string& name) { choice.answer = name; });
  add_text(
      app, "--run", "ID", [&](const std::string& text) { choice.run_id = text; },
      "Records of this run");
}

}  // namespace

void add_audit_commands(CLI::App& root, Options& options) {
  CLI::App& audit = *root.add_subcommand("audit", "Read the audit logs that --audit writes");
  audit.require_subcommand(1);
  audit.footer(
      "Examples:\n"
      "  omnisandbox audit tail --follow --answer denial audit.jsonl\n"
      "  omnisandbox audit query --since 1h --capability net_http audit.jsonl\n"
      "  omnisandbox audit stats audit.jsonl");
  CLI::App& tail = *audit.add_subcommand("tail", "Print the last records");
  add_text(
      tail, "-n,--lines", "COUNT",
      [&](const std::string& text) {
        const auto [end, error] =
            std::from_chars(text.data(), text.data() + text.size(), options.audit.last_count);
        if (error != std::errc() || end != text.data() + text.size()) {
          throw CLI::ValidationError("--lines", "\"" + text + "\" is no number of records");
        }
      },
      "How many. Default: 10");
  tail.add_flag_callback(
      "-f,--follow", [&] { options.audit.follow = true; },
      "Go on with those that are written from now on, also when the log is rotated");
  tail.footer("Example:\n  omnisandbox audit tail --follow --answer denial audit.jsonl");
  CLI::App& query = *audit.add_subcommand("query", "Print all records that match");
  query.footer("Example:\n  omnisandbox audit query --run 0123456789abcdef --json audit.jsonl");
  CLI::App& stats = *audit.add_subcommand("stats", "Count decisions and outcomes");
  stats.footer("Example:\n  omnisandbox audit stats --since 24h audit.jsonl");
  for (CLI::App* command : {&tail, &query, &stats}) {
    show_operand(*command, "FILE",
                 "The log; what was rotated to FILE.1, FILE.2 and so on belongs to it");
    add_audit_filters(*command, options);
  }
  for (CLI::App* command : {&tail, &query}) {
    command->add_flag_callback(
        "--json", [&] { options.json = true; }, "Print each record as a JSON object, one a line");
  }
  add_json(stats, options);
}

void add_mcp(CLI::App& root, Options& options) {
  CLI::App& mcp = *root.add_subcommand(
      "mcp", "Serve the policy's tools to an agent, by the Model Context Protocol");
  add_policy(mcp, options);
  add_bounds(mcp, options);
  add_text(
      mcp, "--tools", "FOLDER", [&](const std::string& text) { options.tools_folder = text; },
      "Make a tool of each NAME.wasm component in this folder, under NAME.policy.yaml beside it, "
      "which narrows the policy; a component without one is granted nothing");
  mcp.add_flag_callback(
      "--explain", [&] { options.explain = true; },
      "Tell whoever calls run_command what the command was refused, by which layer, and what would "
      "allow it; this shows which files the machine has");
  add_text(
      mcp, "--http", "HOST:PORT", [&](const std::string& text) { options.http_address = text; },
      "Serve by HTTP at this address, below /mcp; port 0 takes a free one. Requests bear a token: "
      "of --token-file, else of the variable OMNISANDBOX_MCP_TOKEN, else one that is made up and "
      "printed on standard error");
  add_text(
      mcp, "--token-file", "FILE", [&](const std::string& text) { options.token_file = text; },
      "The token that requests by HTTP must bear");
  mcp.add_flag_callback(
      "--no-token", [&] { options.no_token = true; },
      "Let in whoever can reach the port, which every user of this machine can; at a loopback "
      "address only");
  add_repeated(
      mcp, "--allow-host", "NAME",
      [&](const std::string& text) { options.allowed_http_hosts.push_back(text); },
      "A name under which clients reach the server, beside IP addresses and localhost; may be "
      "repeated");
  add_repeated(
      mcp, "--allow-origin", "ORIGIN",
      [&](const std::string& text) { options.allowed_origins.push_back(text); },
      "An origin whose web pages may speak to the server (https://app.example.com); may be "
      "repeated");
  mcp.footer(
      "Speaks on standard input and output, one message a line, started by the agent's program; "
      "or\n"
      "with --http as a server by itself. run_python and run_javascript are always there, the "
      "other\n"
      "tools where the policy can grant them. --timeout holds for each call.\n\n"
      "Examples:\n"
      "  omnisandbox mcp --policy policy.yaml --audit audit.jsonl\n"
      "  omnisandbox mcp --policy policy.yaml --tools ./tools\n"
      "  omnisandbox mcp --policy policy.yaml --http 127.0.0.1:8080 --token-file token.txt");
}

}  // namespace omnisandbox::cli
