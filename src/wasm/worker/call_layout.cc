#include "wasm/worker/call_layout.h"

#include <algorithm>
#include <array>

namespace omnisandbox::wasm::worker {
namespace {

using Written = CallLayout::Written;
using Place = CallLayout::Place;

constexpr std::string_view wasi = "wasi_snapshot_preview1";
constexpr std::string_view abi = "omnisandbox_v1";

constexpr std::array layouts = {
    CallLayout{wasi, "args_get", "vv", Written::all, Place::worker},
    CallLayout{wasi, "args_sizes_get", "vv", Written::all, Place::worker},
    CallLayout{wasi, "clock_res_get", "vv", Written::all, Place::worker},
    CallLayout{wasi, "clock_time_get", "vvv", Written::all, Place::worker},
    CallLayout{wasi, "environ_get", "vv", Written::all, Place::worker},
    CallLayout{wasi, "environ_sizes_get", "vv", Written::all, Place::worker},
    CallLayout{wasi, "fd_advise", "vvvv"},
    CallLayout{wasi, "fd_allocate", "vvv"},
    CallLayout{wasi, "fd_close", "v"},
    CallLayout{wasi, "fd_datasync", "v"},
    CallLayout{wasi, "fd_fdstat_get", "vc", Written::all, Place::streams_in_worker},
    CallLayout{wasi, "fd_fdstat_set_flags", "vv"},
    CallLayout{wasi, "fd_fdstat_set_rights", "vvv"},
    CallLayout{wasi, "fd_filestat_get", "vd", Written::all, Place::streams_in_worker},
    CallLayout{wasi, "fd_filestat_set_size", "vv"},
    CallLayout{wasi, "fd_filestat_set_times", "vvvv"},
    CallLayout{wasi, "fd_pread", "vOlva", Written::in_last_argument},
    CallLayout{wasi, "fd_prestat_dir_name", "vnl"},
    CallLayout{wasi, "fd_prestat_get", "vb", Written::all, Place::streams_in_worker},
    CallLayout{wasi, "fd_pwrite", "vIlva"},
    CallLayout{wasi, "fd_read", "vOla", Written::in_last_argument, Place::streams_in_worker},
    CallLayout{wasi, "fd_readdir", "volva", Written::in_last_argument},
    CallLayout{wasi, "fd_renumber", "vv"},
    CallLayout{wasi, "fd_seek", "vvvb", Written::all, Place::streams_in_worker},
    CallLayout{wasi, "fd_sync", "v"},
    CallLayout{wasi, "fd_tell", "vb", Written::all, Place::streams_in_worker},
    CallLayout{wasi, "fd_write", "vIla", Written::all, Place::streams_in_worker},
    CallLayout{wasi, "path_create_directory", "vil"},
    CallLayout{wasi, "path_filestat_get", "vvild"},
    CallLayout{wasi, "path_filestat_set_times", "vvilvvv"},
    CallLayout{wasi, "path_link", "vvilvil"},
    CallLayout{wasi, "path_open", "vvilvvvva"},
    CallLayout{wasi, "path_readlink", "vilola", Written::in_last_argument},
    CallLayout{wasi, "path_remove_directory", "vil"},
    CallLayout{wasi, "path_rename", "vilvil"},
    CallLayout{wasi, "path_symlink", "ilvil"},
    CallLayout{wasi, "path_unlink_file", "vil"},
    CallLayout{wasi, "poll_oneoff", "PEva", Written::events, Place::streams_in_worker},
    CallLayout{wasi, "proc_exit", "v", Written::all, Place::worker},
    CallLayout{wasi, "proc_raise", "v", Written::all, Place::worker},
    CallLayout{wasi, "random_get", "vv", Written::all, Place::worker},
    CallLayout{wasi, "sched_yield", "", Written::all, Place::worker},
    // There are no sockets: these look at the descriptor alone.
    CallLayout{wasi, "sock_accept", "vvv"},
    CallLayout{wasi, "sock_recv", "vvvvvv"},
    CallLayout{wasi, "sock_send", "vvvvv"},
    CallLayout{wasi, "sock_shutdown", "vv"},

    CallLayout{abi, "abi_version", "", Written::all, Place::worker},
    CallLayout{abi, "last_error", "ol", Written::result},
    CallLayout{abi, "fs_read", "ilvv"},
    CallLayout{abi, "fs_stat", "ilc"},
    CallLayout{abi, "fs_list", "il"},
    CallLayout{abi, "fs_write", "ililv"},
    CallLayout{abi, "fs_delete", "il"},
    CallLayout{abi, "fs_make_directory", "il"},
    CallLayout{abi, "http_fetch", "ilililil"},
    CallLayout{abi, "exec_run", "ililil"},
    CallLayout{abi, "result_size", "vv"},
    CallLayout{abi, "result_total_size", "vv"},
    CallLayout{abi, "result_read", "vvvol", Written::result},
    CallLayout{abi, "result_status", "v"},
    CallLayout{abi, "result_drop", "v"},
};

}  // namespace

const CallLayout* find_layout(std::string_view module, std::string_view name) {
  const auto* const found = std::find_if(
      layouts.begin(), layouts.end(),
      [&](const CallLayout& layout) { return layout.module == module && layout.name == name; });
  return found == layouts.end() ? nullptr : found;
}

}  // namespace omnisandbox::wasm::worker
