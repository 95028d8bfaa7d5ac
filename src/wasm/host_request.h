#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "omnisandbox/expected.h"
#include "omnisandbox/host_functions.h"
#include "omnisandbox/result.h"

/// A call of a host function as a value, so that it can be made here or sent to where it is made.
namespace omnisandbox::wasm {

struct ReadFile {
  std::string_view path;
};
struct WriteFile {
  std::string_view path;
  std::string_view content;
  WriteMode mode = WriteMode::replace;
};
struct StatFile {
  std::string_view path;
};
struct ListDirectory {
  std::string_view path;
};
struct DeleteFile {
  std::string_view path;
};
struct MakeDirectory {
  std::string_view path;
};

/// Views are borrowed from whoever asks.
using HostRequest = std::variant<ReadFile, WriteFile, StatFile, ListDirectory, DeleteFile,
                                 MakeDirectory, HttpRequest, CommandRequest>;
/// What the function of that request returns; nothing for those that only act.
using HostAnswer = std::variant<std::monostate, std::string, FileInfo, std::vector<DirectoryEntry>,
                                HttpResponse, Result>;

Expected<HostAnswer> perform(HostFunctions& functions, const HostRequest& request);

}  // namespace omnisandbox::wasm
