#include "wasm/wasi/preview1.h"

#include <array>

#include "wasm/bind.h"
#include "wasm/host_module.h"
#include "wasm/wasi/entry.h"

namespace omnisandbox::wasm::wasi {
namespace {

constexpr std::array functions = {
    entry<&args_get>("args_get"),
    entry<&args_sizes_get>("args_sizes_get"),
    entry<&clock_res_get>("clock_res_get"),
    entry<&clock_time_get>("clock_time_get"),
    entry<&environ_get>("environ_get"),
    entry<&environ_sizes_get>("environ_sizes_get"),
    entry<&fd_advise>("fd_advise"),
    entry<&fd_allocate>("fd_allocate"),
    entry<&fd_close>("fd_close"),
    entry<&fd_datasync>("fd_datasync"),
    entry<&fd_fdstat_get>("fd_fdstat_get"),
    entry<&fd_fdstat_set_flags>("fd_fdstat_set_flags"),
    entry<&fd_fdstat_set_rights>("fd_fdstat_set_rights"),
    entry<&fd_filestat_get>("fd_filestat_get"),
    entry<&fd_filestat_set_size>("fd_filestat_set_size"),
    entry<&fd_filestat_set_times>("fd_filestat_set_times"),
    entry<&fd_pread>("fd_pread"),
    entry<&fd_prestat_dir_name>("fd_prestat_dir_name"),
    entry<&fd_prestat_get>("fd_prestat_get"),
    entry<&fd_pwrite>("fd_pwrite"),
    entry<&fd_read>("fd_read"),
    entry<&fd_readdir>("fd_readdir"),
    entry<&fd_renumber>("fd_renumber"),
    entry<&fd_seek>("fd_seek"),
    entry<&fd_sync>("fd_sync"),
    entry<&fd_tell>("fd_tell"),
    entry<&fd_write>("fd_write"),
    entry<&path_create_directory>("path_create_directory"),
    entry<&path_filestat_get>("path_filestat_get"),
    entry<&path_filestat_set_times>("path_filestat_set_times"),
    entry<&path_link>("path_link"),
    entry<&path_open>("path_open"),
    entry<&path_readlink>("path_readlink"),
    entry<&path_remove_directory>("path_remove_directory"),
    entry<&path_rename>("path_rename"),
    entry<&path_symlink>("path_symlink"),
    entry<&path_unlink_file>("path_unlink_file"),
    entry<&poll_oneoff>("poll_oneoff"),
    bind<&proc_exit>("proc_exit"),
    entry<&proc_raise>("proc_raise"),
    entry<&random_get>("random_get"),
    entry<&sched_yield>("sched_yield"),
    entry<&sock_accept>("sock_accept"),
    entry<&sock_recv>("sock_recv"),
    entry<&sock_send>("sock_send"),
    entry<&sock_shutdown>("sock_shutdown"),
};
static_assert(functions.size() == 46, "the specification has 46 functions");

constexpr HostModule preview1{"wasi_snapshot_preview1", functions};

}  // namespace

const HostModule& preview1_module() { return preview1; }

}  // namespace omnisandbox::wasm::wasi
