#include "host_functions/file_functions.h"

#include <fcntl.h>

#include "base/error.h"
#include "base/try.h"

namespace omnisandbox::host_functions {
namespace {

Expected<policy::OpenedPath> open_granted(RunContext& context, std::string_view operation,
                                          std::string_view path, int flags) {
  TRY(context.begin_call());
  auto opened = context.gate().open({.path = path, .view = context.options().path_view}, flags);
  if (!opened) {
    return context.pass_on(operation, std::move(opened).error());
  }
  TRY(context.granted(Capability::fs_read, operation, path, opened->rule));
  return opened;
}

Expected<policy::LocatedPath> locate_granted(RunContext& context, std::string_view operation,
                                             std::string_view path, policy::FollowLast follow) {
  TRY(context.begin_call());
  auto located = context.gate().locate({.path = path,
                                        .use = policy::PathUse::write,
                                        .view = context.options().path_view,
                                        .follow_last = follow});
  if (!located) {
    return context.pass_on(operation, std::move(located).error());
  }
  TRY(context.granted(Capability::fs_write, operation, path, located->rule));
  return located;
}

Error not_in_this_build() {
  return base::make_error(ErrorKind::unavailable, "file functions are not part of this build");
}

}  // namespace

Expected<std::string> read_file(RunContext& context, std::string_view path, ReadRange /*range*/) {
  TRY(open_granted(context, "fs_read", path, O_RDONLY));
  return not_in_this_build();
}

Expected<FileInfo> stat_file(RunContext& context, std::string_view path) {
  TRY(open_granted(context, "fs_read.stat", path, O_PATH));
  return not_in_this_build();
}

Expected<std::vector<DirectoryEntry>> list_files(RunContext& context, std::string_view path) {
  TRY(open_granted(context, "fs_read.list", path, O_RDONLY | O_DIRECTORY));
  return not_in_this_build();
}

Expected<void> write_file(RunContext& context, std::string_view path, std::string_view /*content*/,
                          WriteOptions /*options*/) {
  TRY(locate_granted(context, "fs_write", path, policy::FollowLast::yes));
  return not_in_this_build();
}

Expected<void> delete_file(RunContext& context, std::string_view path) {
  TRY(locate_granted(context, "fs_write.delete", path, policy::FollowLast::no));
  return not_in_this_build();
}

Expected<void> make_directory(RunContext& context, std::string_view path) {
  TRY(locate_granted(context, "fs_write.make_directory", path, policy::FollowLast::no));
  return not_in_this_build();
}

}  // namespace omnisandbox::host_functions
