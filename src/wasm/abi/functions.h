#pragma once

#include <cstdint>

#include "wasm/guest_run.h"

/// The functions of omnisandbox_v1, as docs/guest_abi.md describes them. Byte strings are an
/// address and a length.
namespace omnisandbox::wasm::abi {

std::int32_t abi_version(GuestCall& call);
std::int32_t last_error(GuestCall& call, std::uint32_t buffer, std::uint32_t buffer_len);

std::int32_t fs_read(GuestCall& call, std::uint32_t path, std::uint32_t path_len,
                     std::int64_t offset, std::int64_t length);
std::int32_t fs_stat(GuestCall& call, std::uint32_t path, std::uint32_t path_len,
                     std::uint32_t stat);
std::int32_t fs_list(GuestCall& call, std::uint32_t path, std::uint32_t path_len);
std::int32_t fs_write(GuestCall& call, std::uint32_t path, std::uint32_t path_len,
                      std::uint32_t content, std::uint32_t content_len, std::int32_t mode);
std::int32_t fs_delete(GuestCall& call, std::uint32_t path, std::uint32_t path_len);
std::int32_t fs_make_directory(GuestCall& call, std::uint32_t path, std::uint32_t path_len);

std::int32_t http_fetch(GuestCall& call, std::uint32_t method, std::uint32_t method_len,
                        std::uint32_t url, std::uint32_t url_len, std::uint32_t headers,
                        std::uint32_t headers_len, std::uint32_t body, std::uint32_t body_len);

std::int32_t exec_run(GuestCall& call, std::uint32_t command, std::uint32_t command_len,
                      std::uint32_t args, std::uint32_t args_len, std::uint32_t input,
                      std::uint32_t input_len);

std::int64_t result_size(GuestCall& call, std::int32_t handle, std::int32_t part);
std::int64_t result_total_size(GuestCall& call, std::int32_t handle, std::int32_t part);
std::int32_t result_read(GuestCall& call, std::int32_t handle, std::int32_t part,
                         std::int64_t offset, std::uint32_t buffer, std::uint32_t buffer_len);
std::int32_t result_status(GuestCall& call, std::int32_t handle);
std::int32_t result_drop(GuestCall& call, std::int32_t handle);

}  // namespace omnisandbox::wasm::abi
