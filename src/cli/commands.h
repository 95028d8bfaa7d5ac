#pragma once

#include "cli/options.h"

/// One function for each command. Each prints everything itself and returns the process's exit
/// code.
namespace omnisandbox::cli {

int run_command(const Options& options);

int eval_command(const Options& options);
int call_export_command(const Options& options);

/// fs_read, fs_write, http_fetch or exec_run, as `options.command` says.
int call_command(const Options& options);

int policy_check_command(const Options& options);
int policy_lint_command(const Options& options);
int policy_explain_command(const Options& options);
int policy_schema_command(const Options& options);

int cache_list_command(const Options& options);
int cache_clear_command(const Options& options);
int compile_command(const Options& options);

int audit_tail_command(const Options& options);
int audit_query_command(const Options& options);
int audit_stats_command(const Options& options);

int mcp_command(const Options& options);

int doctor_command(const Options& options);
int version_command(const Options& options);
int completion_command(const Options& options);

}  // namespace omnisandbox::cli
