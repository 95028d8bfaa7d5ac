#include "wasm/wasi/write_rules.h"

#include <algorithm>
#include <string>
#include <utility>

#include "wasm/wasi/errors.h"

namespace omnisandbox::wasm::wasi {

Errno check_link_count(GuestCall& call, std::string_view operation, const struct stat& status,
                       std::string_view canonical) {
  host_functions::RunContext& context = call.run.context;
  if (!S_ISREG(status.st_mode) || status.st_nlink <= 1 || context.compiled().allows_hard_links()) {
    return Errno::success;
  }
  return errno_of(context.refused(
      operation, Denial{.capability = Capability::fs_write,
                        .resource = std::string(canonical),
                        .rule = "allow_hard_links: false",
                        .reason = "the file has more than one name, and another one may lie "
                                  "outside the allowed paths",
                        .remedy = "allow_hard_links: true"}));
}

Errno charge_growth(GuestCall& call, std::string_view operation, std::uint64_t old_size,
                    std::uint64_t new_end, std::uint64_t length_bytes) {
  host_functions::RunContext& context = call.run.context;
  const std::uint64_t growth = new_end > old_size ? new_end - old_size : 0;
  if (growth > 0 && new_end > context.limits().max_file_bytes) {
    return Errno::fbig;
  }
  if (auto charged = context.charge_write(std::max(growth, length_bytes)); !charged) {
    return fail(call, operation, std::move(charged).error());
  }
  return Errno::success;
}

}  // namespace omnisandbox::wasm::wasi
