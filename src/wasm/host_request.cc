#include "wasm/host_request.h"

#include <utility>

#include "base/try.h"

namespace omnisandbox::wasm {
namespace {

struct Perform {
  HostFunctions& functions;

  Expected<HostAnswer> operator()(const ReadFile& request) const {
    return HostAnswer(TRY(functions.fs_read(request.path)));
  }
  Expected<HostAnswer> operator()(const WriteFile& request) const {
    TRY(functions.fs_write(request.path, request.content, {.mode = request.mode}));
    return HostAnswer();
  }
  Expected<HostAnswer> operator()(const StatFile& request) const {
    return HostAnswer(TRY(functions.fs_stat(request.path)));
  }
  Expected<HostAnswer> operator()(const ListDirectory& request) const {
    return HostAnswer(TRY(functions.fs_list(request.path)));
  }
  Expected<HostAnswer> operator()(const DeleteFile& request) const {
    TRY(functions.fs_delete(request.path));
    return HostAnswer();
  }
  Expected<HostAnswer> operator()(const MakeDirectory& request) const {
    TRY(functions.fs_make_directory(request.path));
    return HostAnswer();
  }
  Expected<HostAnswer> operator()(const HttpRequest& request) const {
    return HostAnswer(TRY(functions.http_fetch(request)));
  }
  Expected<HostAnswer> operator()(const CommandRequest& request) const {
    return HostAnswer(TRY(functions.exec_run(request)));
  }
};

}  // namespace

Expected<HostAnswer> perform(HostFunctions& functions, const HostRequest& request) {
  return std::visit(Perform{functions}, request);
}

}  // namespace omnisandbox::wasm
