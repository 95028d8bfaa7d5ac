#include "wasm/worker/worker_program.h"

#include "linux/helper_program.h"

namespace omnisandbox::wasm::worker {

Expected<linux_::Fd> open_worker_program(const std::string& chosen) {
  return linux_::open_helper_program("omnisandbox-worker",
                                     {.chosen = chosen,
                                      .installed = OMNISANDBOX_WORKER_INSTALLED,
                                      .purpose = "modules cannot run in a worker process"});
}

}  // namespace omnisandbox::wasm::worker
