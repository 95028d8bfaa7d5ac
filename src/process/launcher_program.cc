#include "process/launcher_program.h"

#include "linux/helper_program.h"

namespace omnisandbox::process {

Expected<linux_::Fd> open_launcher(const std::string& chosen) {
  linux_::HelperPlaces places{.chosen = chosen, .purpose = "commands cannot be confined"};
#ifdef OMNISANDBOX_LAUNCHER_INSTALLED
  places.installed = OMNISANDBOX_LAUNCHER_INSTALLED;
#endif
  return linux_::open_helper_program("omnisandbox-launcher", places);
}

}  // namespace omnisandbox::process
