#include "wasm/interpreter/interpreter_files.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "linux/file_system.h"
#include "wasm/component/component_shape.h"
#include "wasm/interpreter/interpreter_folder.h"

namespace omnisandbox::wasm::interpreter {
namespace {

namespace fs = std::filesystem;

constexpr const char* code_suffix = ".code";
constexpr const char* shape_suffix = ".shape";
constexpr mode_t writable_by_others = S_IWOTH;
constexpr mode_t writable_by_anyone_else = S_IWGRP | S_IWOTH;

Expected<struct stat> look_at(const fs::path& path) {
  const linux_::Fd handle =
      TRY(linux_::open_at2(AT_FDCWD, path.native(), O_PATH | O_CLOEXEC, 0, 0));
  return linux_::stat_of(handle);
}

Error not_safe(const fs::path& path) {
  return base::make_error(ErrorKind::unavailable,
                          "the interpreter is not used, because others could have changed {}: it "
                          "must belong to this user or root, and nobody else may write it",
                          base::printable(path.native()));
}

Expected<void> check_owner(const fs::path& path, mode_t refused) {
  const auto status = TRY(look_at(path));
  const bool shared_folder = S_ISDIR(status.st_mode) && (status.st_mode & S_ISVTX) != 0;
  if ((status.st_uid != 0 && status.st_uid != geteuid()) ||
      ((status.st_mode & refused) != 0 && !shared_folder)) {
    return not_safe(path);
  }
  return {};
}

// The engine runs what the file holds, outside of any sandbox.
Expected<void> check_trust(const fs::path& file) {
  std::error_code failed;
  const fs::path path = fs::canonical(file, failed);
  if (failed) {
    return base::make_error(ErrorKind::unavailable,
                            "the interpreter is not installed: there is no {}; `make` builds it",
                            base::printable(file.native()));
  }
  TRY(check_owner(path, writable_by_anyone_else));
  if (!fs::is_regular_file(path, failed)) {
    return not_safe(path);
  }
  const fs::path folder = path.parent_path();
  TRY(check_owner(folder, writable_by_anyone_else));
  for (fs::path above = folder.parent_path(); above.has_relative_path();
       above = above.parent_path()) {
    TRY(check_owner(above, writable_by_others));
  }
  return {};
}

Expected<component::ComponentShape> read_shape(const std::string& path) {
  std::ifstream file(path);
  component::ComponentShape shape;
  if (!(file >> shape.memory_count >> shape.largest_minimum_memory_bytes >> shape.table_count)) {
    return base::make_error(ErrorKind::unavailable, "{} is damaged; build the interpreter again",
                            base::printable(path));
  }
  return shape;
}

Expected<void> write_file(const std::string& path, std::string_view content) {
  const std::string temporary = path + ".new";
  std::error_code failed;
  fs::remove(temporary, failed);
  {
    std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
    file.write(content.data(), static_cast<std::streamsize>(content.size()));
    if (!file.flush()) {
      return base::make_error(ErrorKind::io, "cannot write {}", base::printable(temporary));
    }
  }
  using fs::perms;
  fs::permissions(temporary,
                  perms::owner_read | perms::owner_write | perms::group_read | perms::others_read,
                  failed);
  if (!failed) {
    fs::rename(temporary, path, failed);
  }
  if (failed) {
    return base::make_error(ErrorKind::io, "cannot write {}: {}", base::printable(path),
                            failed.message());
  }
  return {};
}

}  // namespace

InterpreterFiles InterpreterFiles::find(const std::string& asked_for) {
  return InterpreterFiles(interpreter_folder(asked_for));
}

std::string InterpreterFiles::file(Language language, const char* suffix) const {
  return folder_ + "/" + std::string(to_string(language)) + suffix;
}

Expected<std::shared_ptr<const component::CompiledComponent>> InterpreterFiles::load(
    const component::ComponentEngine& engine, Language language) const {
  const std::string code = file(language, code_suffix);
  const std::string shape = file(language, shape_suffix);
  TRY(check_trust(code));
  TRY(check_trust(shape));
  const component::ComponentShape known_shape = TRY(read_shape(shape));
  auto loaded = component::CompiledComponent::load(engine, code, known_shape);
  if (!loaded) {
    return base::make_error(ErrorKind::unavailable, "{}; build the interpreter again",
                            loaded.error().message);
  }
  return loaded;
}

Expected<worker::InterpreterCode> InterpreterFiles::open(Language language) const {
  const std::string code = file(language, code_suffix);
  const std::string shape = file(language, shape_suffix);
  TRY(check_trust(code));
  TRY(check_trust(shape));
  worker::InterpreterCode opened;
  opened.code = TRY(linux_::open_at2(AT_FDCWD, code, O_RDONLY | O_CLOEXEC, 0, 0));
  opened.shape = TRY(read_shape(shape));
  return opened;
}

Expected<void> InterpreterFiles::write(const component::ComponentEngine& engine, Language language,
                                       std::span<const std::byte> component_bytes) const {
  const auto component = TRY(component::CompiledComponent::compile(
      engine, component_bytes, std::numeric_limits<std::uint64_t>::max()));
  std::error_code failed;
  fs::create_directories(folder_, failed);
  using fs::perms;
  fs::permissions(folder_,
                  perms::owner_all | perms::group_read | perms::group_exec | perms::others_read |
                      perms::others_exec,
                  failed);
  std::ostringstream shape;
  shape << component->shape().memory_count << ' ' << component->shape().largest_minimum_memory_bytes
        << ' ' << component->shape().table_count << '\n';
  const std::string code = TRY(component->serialize());
  TRY(write_file(file(language, code_suffix), code));
  return write_file(file(language, shape_suffix), shape.str());
}

}  // namespace omnisandbox::wasm::interpreter
