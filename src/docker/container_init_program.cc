#include "docker/container_init_program.h"

#include "linux/helper_program.h"

namespace omnisandbox::docker {

Expected<linux_::Fd> open_container_init(const std::string& chosen) {
  return linux_::open_helper_program("omnisandbox-container-init",
                                     {.chosen = chosen,
                                      .installed = OMNISANDBOX_CONTAINER_INIT_INSTALLED,
                                      .purpose = "commands cannot be run in containers"});
}

}  // namespace omnisandbox::docker
