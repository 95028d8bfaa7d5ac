#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "host_functions/run_context.h"

/// fs_read and fs_write over the PathGate. Each judges, audits, then acts; see HostFunctions for
/// the contract.
namespace omnisandbox::host_functions {

Expected<std::string> read_file(RunContext& context, std::string_view path, ReadRange range);
Expected<FileInfo> stat_file(RunContext& context, std::string_view path);
Expected<std::vector<DirectoryEntry>> list_files(RunContext& context, std::string_view path);
Expected<void> write_file(RunContext& context, std::string_view path, std::string_view content,
                          WriteOptions options);
Expected<void> delete_file(RunContext& context, std::string_view path);
Expected<void> make_directory(RunContext& context, std::string_view path);

}  // namespace omnisandbox::host_functions
