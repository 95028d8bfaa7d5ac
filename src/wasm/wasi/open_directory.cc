#include "wasm/wasi/open_directory.h"

#include <fcntl.h>

#include <utility>

#include "wasm/wasi/errors.h"

namespace omnisandbox::wasm::wasi {

tl::expected<Handle, Errno> handle_of(GuestCall& call, std::string_view operation,
                                      const Descriptor& descriptor) {
  if (descriptor.file.is_open()) {
    return Handle(&descriptor.file);
  }
  if (!descriptor.is_directory() || descriptor.is_folder_of_files) {
    return tl::unexpected(Errno::badf);
  }
  host_functions::RunContext& context = call.run.context;
  auto opened = context.gate().open({.path = descriptor.canonical,
                                     .use = policy::PathUse::read,
                                     .view = PathView::host,
                                     .follow_last = policy::FollowLast::no},
                                    O_RDONLY | O_DIRECTORY);
  if (!opened) {
    return tl::unexpected(fail(call, operation, std::move(opened).error()));
  }
  if (auto granted =
          context.granted(Capability::fs_read, operation, opened->canonical, opened->rule);
      !granted) {
    return tl::unexpected(fail(call, operation, std::move(granted).error()));
  }
  return Handle(std::move(opened->file));
}

}  // namespace omnisandbox::wasm::wasi
