#include "wasm/abi/functions.h"
#include "wasm/bind.h"
#include "wasm/host_module.h"

namespace omnisandbox::wasm::abi {

const HostModule& omnisandbox_v1_module() {
  static constexpr HostFunctionEntry functions[] = {
      bind<&abi_version>("abi_version"), bind<&last_error>("last_error"),
      bind<&fs_read>("fs_read"),         bind<&fs_stat>("fs_stat"),
      bind<&fs_list>("fs_list"),         bind<&fs_write>("fs_write"),
      bind<&fs_delete>("fs_delete"),     bind<&fs_make_directory>("fs_make_directory"),
      bind<&http_fetch>("http_fetch"),   bind<&exec_run>("exec_run"),
      bind<&result_size>("result_size"), bind<&result_total_size>("result_total_size"),
      bind<&result_read>("result_read"), bind<&result_status>("result_status"),
      bind<&result_drop>("result_drop"),
  };
  static constexpr HostModule module{.name = "omnisandbox_v1", .functions = functions};
  return module;
}

}  // namespace omnisandbox::wasm::abi
