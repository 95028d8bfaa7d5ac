#pragma once

#include <cstdint>

#include "wasm/guest_run.h"
#include "wasm/wasi/types.h"

/// The functions of wasi_snapshot_preview1, with the arguments of their specification: pointers and
/// lengths are offsets into the guest's memory. None needs the engine: each works on a GuestCall
/// alone. A pointer outside the memory is the error `fault`, and nothing has been done then.
namespace omnisandbox::wasm::wasi {

using Pointer = std::uint32_t;
using Size = std::uint32_t;
using GuestFd = std::uint32_t;

// args_environ.cc
Errno args_get(GuestCall& call, Pointer pointers, Pointer text);
Errno args_sizes_get(GuestCall& call, Pointer count, Pointer text_size);
Errno environ_get(GuestCall& call, Pointer pointers, Pointer text);
Errno environ_sizes_get(GuestCall& call, Pointer count, Pointer text_size);

// clock_random.cc
Errno clock_res_get(GuestCall& call, std::uint32_t clock, Pointer resolution);
Errno clock_time_get(GuestCall& call, std::uint32_t clock, std::uint64_t precision, Pointer time);
Errno random_get(GuestCall& call, Pointer buffer, Size length);

// fd_data.cc
Errno fd_read(GuestCall& call, GuestFd fd, Pointer vectors, Size vector_count, Pointer read_size);
Errno fd_pread(GuestCall& call, GuestFd fd, Pointer vectors, Size vector_count,
               std::uint64_t offset, Pointer read_size);
Errno fd_write(GuestCall& call, GuestFd fd, Pointer vectors, Size vector_count,
               Pointer written_size);
Errno fd_pwrite(GuestCall& call, GuestFd fd, Pointer vectors, Size vector_count,
                std::uint64_t offset, Pointer written_size);
Errno fd_seek(GuestCall& call, GuestFd fd, std::int64_t delta, std::uint32_t whence,
              Pointer position);
Errno fd_tell(GuestCall& call, GuestFd fd, Pointer position);

// fd_operations.cc
Errno fd_advise(GuestCall& call, GuestFd fd, std::uint64_t offset, std::uint64_t length,
                std::uint32_t advice);
Errno fd_allocate(GuestCall& call, GuestFd fd, std::uint64_t offset, std::uint64_t length);
Errno fd_close(GuestCall& call, GuestFd fd);
Errno fd_datasync(GuestCall& call, GuestFd fd);
Errno fd_fdstat_get(GuestCall& call, GuestFd fd, Pointer fdstat);
Errno fd_fdstat_set_flags(GuestCall& call, GuestFd fd, std::uint32_t flags);
Errno fd_fdstat_set_rights(GuestCall& call, GuestFd fd, Rights base, Rights inheriting);
Errno fd_filestat_get(GuestCall& call, GuestFd fd, Pointer filestat);
Errno fd_filestat_set_size(GuestCall& call, GuestFd fd, std::uint64_t size);
Errno fd_filestat_set_times(GuestCall& call, GuestFd fd, std::uint64_t accessed,
                            std::uint64_t modified, std::uint32_t flags);
Errno fd_prestat_get(GuestCall& call, GuestFd fd, Pointer prestat);
Errno fd_prestat_dir_name(GuestCall& call, GuestFd fd, Pointer name, Size name_length);
Errno fd_renumber(GuestCall& call, GuestFd from, GuestFd to);
Errno fd_sync(GuestCall& call, GuestFd fd);

// directory.cc
Errno fd_readdir(GuestCall& call, GuestFd fd, Pointer buffer, Size buffer_length,
                 std::uint64_t cookie, Pointer used);

// path_open.cc
Errno path_open(GuestCall& call, GuestFd fd, std::uint32_t lookup_flags, Pointer path,
                Size path_length, std::uint32_t open_flags, Rights base, Rights inheriting,
                std::uint32_t descriptor_flags, Pointer opened);

// path_operations.cc
Errno path_create_directory(GuestCall& call, GuestFd fd, Pointer path, Size path_length);
Errno path_filestat_get(GuestCall& call, GuestFd fd, std::uint32_t lookup_flags, Pointer path,
                        Size path_length, Pointer filestat);
Errno path_filestat_set_times(GuestCall& call, GuestFd fd, std::uint32_t lookup_flags, Pointer path,
                              Size path_length, std::uint64_t accessed, std::uint64_t modified,
                              std::uint32_t flags);
Errno path_readlink(GuestCall& call, GuestFd fd, Pointer path, Size path_length, Pointer buffer,
                    Size buffer_length, Pointer used);
Errno path_remove_directory(GuestCall& call, GuestFd fd, Pointer path, Size path_length);
Errno path_unlink_file(GuestCall& call, GuestFd fd, Pointer path, Size path_length);

// path_names.cc
Errno path_link(GuestCall& call, GuestFd old_fd, std::uint32_t lookup_flags, Pointer old_path,
                Size old_path_length, GuestFd new_fd, Pointer new_path, Size new_path_length);
Errno path_rename(GuestCall& call, GuestFd old_fd, Pointer old_path, Size old_path_length,
                  GuestFd new_fd, Pointer new_path, Size new_path_length);
Errno path_symlink(GuestCall& call, Pointer target, Size target_length, GuestFd fd, Pointer path,
                   Size path_length);

// poll.cc
Errno poll_oneoff(GuestCall& call, Pointer subscriptions, Pointer events, Size subscription_count,
                  Pointer event_count);

// process_socket.cc
void proc_exit(GuestCall& call, std::uint32_t exit_code);
Errno proc_raise(GuestCall& call, std::uint32_t signal);
Errno sched_yield(GuestCall& call);
Errno sock_accept(GuestCall& call, GuestFd fd, std::uint32_t flags, Pointer accepted);
Errno sock_recv(GuestCall& call, GuestFd fd, Pointer vectors, Size vector_count,
                std::uint32_t flags, Pointer received_size, Pointer received_flags);
Errno sock_send(GuestCall& call, GuestFd fd, Pointer vectors, Size vector_count,
                std::uint32_t flags, Pointer sent_size);
Errno sock_shutdown(GuestCall& call, GuestFd fd, std::uint32_t how);

}  // namespace omnisandbox::wasm::wasi
