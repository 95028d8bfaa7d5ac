#include "wasm/interpreter/interpreter_folder.h"

#include <filesystem>
#include <system_error>

namespace omnisandbox::wasm::interpreter {

namespace fs = std::filesystem;

std::string interpreter_folder(const std::string& asked_for) {
  if (!asked_for.empty()) {
    return asked_for;
  }
  std::error_code failed;
  const fs::path program = fs::read_symlink("/proc/self/exe", failed);
  if (!failed) {
    const fs::path prefix = program.parent_path().parent_path();
    for (const fs::path& folder : {prefix / "interpreters",  // of a build
                                   prefix / "lib" / "omnisandbox" / "interpreters"}) {
      if (fs::is_directory(folder, failed)) {
        return folder.native();
      }
    }
  }
  return OMNISANDBOX_INSTALLED_INTERPRETERS;
}

}  // namespace omnisandbox::wasm::interpreter
