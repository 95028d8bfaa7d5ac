#include "wasm/wasi/path_argument.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "policy/limits.h"
#include "policy/path/path_text.h"

namespace omnisandbox::wasm::wasi {
namespace {

// A relative path without what does not change its meaning at its two ends: "./", and slashes.
struct Trimmed {
  std::string_view text;  // "." for the directory itself
  bool wants_directory = false;
};

Trimmed trim(std::string_view text) {
  Trimmed trimmed{text};
  while (trimmed.text.ends_with('/')) {
    trimmed.text.remove_suffix(1);
    trimmed.wants_directory = true;
  }
  while (trimmed.text.starts_with("./")) {
    trimmed.text.remove_prefix(1);
    trimmed.text.remove_prefix(std::min(trimmed.text.find_first_not_of('/'), trimmed.text.size()));
  }
  if (trimmed.text.empty()) {
    trimmed.text = ".";
  }
  return trimmed;
}

Errno refuse(GuestCall& call, std::string_view operation, std::string_view path,
             std::string_view reason) {
  return errno_of(call.run.context.refused(operation, Denial{.capability = Capability::fs_read,
                                                             .resource = std::string(path),
                                                             .rule = {},
                                                             .reason = std::string(reason),
                                                             .remedy = {}}));
}

bool has_parent_step(std::string_view path) {
  return path == ".." || path.starts_with("../") || path.ends_with("/..") ||
         path.find("/../") != std::string_view::npos;
}

const AllowedFile* allowed_file(const Descriptor& directory, std::string_view name) {
  const auto found = std::find_if(directory.allowed_files.begin(), directory.allowed_files.end(),
                                  [name](const AllowedFile& file) { return file.name == name; });
  return found == directory.allowed_files.end() ? nullptr : &*found;
}

}  // namespace

tl::expected<std::string, Errno> take_path_text(const GuestCall& call, Pointer path, Size length) {
  const auto text = call.memory.text(path, length);
  if (!text) {
    return tl::unexpected(Errno::fault);
  }
  if (text->empty()) {
    return tl::unexpected(Errno::noent);
  }
  if (text->size() > policy::max_path_bytes) {
    return tl::unexpected(Errno::nametoolong);
  }
  if (text->find('\0') != std::string_view::npos) {
    return tl::unexpected(Errno::inval);
  }
  return std::string(*text);
}

tl::expected<PathArgument, Errno> take_path(GuestCall& call, std::string_view operation, GuestFd fd,
                                            Rights needed, Pointer path, Size length) {
  const Descriptor* directory = table_of(call.run).find(fd);
  if (directory == nullptr) {
    return tl::unexpected(Errno::badf);
  }
  if (!directory->is_directory()) {
    return tl::unexpected(Errno::notdir);
  }
  if ((directory->base & needed) != needed) {
    return tl::unexpected(Errno::notcapable);
  }
  auto text = take_path_text(call, path, length);
  if (!text) {
    return tl::unexpected(text.error());
  }
  if (text->starts_with('/')) {
    return tl::unexpected(refuse(call, operation, *text,
                                 "a guest names files relative to a directory that it has opened, "
                                 "never by an absolute path"));
  }
  const Trimmed trimmed = trim(*text);
  PathArgument argument;
  argument.directory = directory;
  argument.wants_directory = trimmed.wants_directory;
  const std::string_view last = trimmed.text.substr(trimmed.text.find_last_of('/') + 1);
  argument.names_itself = last == "." || last == "..";
  argument.is_the_directory = trimmed.text == ".";
  if (const AllowedFile* file = allowed_file(*directory, trimmed.text)) {
    argument.path = file->host_path;
    argument.beneath = policy::parent_of(file->host_path);
    return argument;
  }
  argument.path = argument.is_the_directory ? directory->canonical
                                            : policy::join(directory->canonical, trimmed.text);
  if (directory->is_folder_of_files) {
    // The folder is a name of the guest's alone, so no folder of the host holds the path in it.
    if (has_parent_step(trimmed.text)) {
      return tl::unexpected(refuse(call, operation, argument.path,
                                   "it may lead out of the folder, of which the policy opens "
                                   "single files only"));
    }
    argument.view = PathView::guest;
  } else {
    argument.beneath = directory->canonical;
  }
  if (argument.path.size() > policy::max_path_bytes) {
    return tl::unexpected(Errno::nametoolong);
  }
  return argument;
}

tl::expected<policy::LocatedPath, Errno> locate_for_change(GuestCall& call,
                                                           std::string_view operation,
                                                           const PathArgument& argument,
                                                           policy::PathUse use) {
  if (argument.names_itself) {
    return tl::unexpected(Errno::inval);
  }
  host_functions::RunContext& context = call.run.context;
  policy::PathQuestion question = argument.name_question(use);
  question.deadline = context.deadline();
  auto located = context.gate().locate(question);
  if (!located) {
    return tl::unexpected(fail(call, operation, std::move(located).error()));
  }
  // An allowed folder or file itself: its name lies in a folder that the policy does not open.
  if (located->name == ".") {
    return tl::unexpected(Errno::busy);
  }
  if (auto granted = context.granted(Capability::fs_write, operation, argument.path, located->rule);
      !granted) {
    return tl::unexpected(fail(call, operation, std::move(granted).error()));
  }
  return std::move(*located);
}

}  // namespace omnisandbox::wasm::wasi
