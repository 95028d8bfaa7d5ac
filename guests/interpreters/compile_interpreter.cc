#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>

#include "wasm/interpreter/interpreter_files.h"

/// Compiles an interpreter's component at build time, so that no user waits for it; for many
/// processors, so that packages of it run on machines other than the one that built them.
///   compile_interpreter python|javascript COMPONENT.wasm FOLDER
int main(int argument_count, char** arguments) {
  using namespace omnisandbox;
  if (argument_count != 4) {
    std::fputs("usage: compile_interpreter python|javascript COMPONENT.wasm FOLDER\n", stderr);
    return 2;
  }
  const Language language =
      std::string(arguments[1]) == "python" ? Language::python : Language::javascript;
  std::ifstream file(arguments[2], std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  const auto engine =
      wasm::component::ComponentEngine::create_for_shipping(wasm::FuelMetering(false));
  if (!engine) {
    std::fprintf(stderr, "compile_interpreter: %s\n", engine.error().message.c_str());
    return 1;
  }
  const auto folder = std::filesystem::absolute(arguments[3]).string();
  const auto written = wasm::interpreter::InterpreterFiles::find(folder).write(
      **engine, language, std::as_bytes(std::span(bytes)));
  if (!written) {
    std::fprintf(stderr, "compile_interpreter: %s\n", written.error().message.c_str());
    return 1;
  }
  return 0;
}
