// Paths, judged and walked. For every input: a path has one canonical text; what a rule takes away
// stays closed beneath it; what the gate opens is the file that the kernel finds by the same name,
// and lies inside; what the kernel finds without leaving the folder the gate opens too, unless a
// rule takes it away. The input is lines: a path beneath a folder full of links, then one path or
// pattern that is taken away a line.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "linux/file_handles.h"
#include "linux/file_system.h"
#include "policy/path/path_gate.h"
#include "policy/path/path_rules.h"
#include "policy/path/path_test_judge.h"
#include "policy/path/path_text.h"

namespace {

using namespace omnisandbox;
using namespace omnisandbox::policy;

// Rules are compiled for each input; more would only slow the search down.
constexpr std::size_t max_rules = 16;

void require(bool condition, const char* property, std::string_view input) {
  if (condition) {
    return;
  }
  std::fprintf(stderr, "%s:\n%.*s\n", property, static_cast<int>(input.size()), input.data());
  std::abort();
}

// A folder of files, folders and links of every kind, made once and removed at the end.
class Folder {
 public:
  Folder() {
    namespace fs = std::filesystem;
    std::string name = (fs::temp_directory_path() / "omnisandbox_fuzz_XXXXXX").string();
    path_ = fs::canonical(::mkdtemp(name.data())).string();
    fs::create_directories(path_ + "/in/a/b/c");
    fs::create_directories(path_ + "/in/d");
    fs::create_directories(path_ + "/out/a");
    std::ofstream(path_ + "/in/f") << "f";
    std::ofstream(path_ + "/in/a/b/f") << "f";
    std::ofstream(path_ + "/out/f") << "secret";
    const std::string in = path_ + "/in/";
    fs::create_symlink("a", in + "l");            // to a folder
    fs::create_symlink("a/b/f", in + "k");        // to a file
    fs::create_symlink("..", in + "a/u");         // up, inside
    fs::create_symlink("../..", in + "a/b/v");    // up, by two
    fs::create_symlink("../../out", in + "a/x");  // out
    fs::create_symlink(in + "a/b", in + "d/s");   // absolute, inside
    fs::create_symlink(path_ + "/out/f", in + "o");
    fs::create_symlink("m", in + "n");  // without end
    fs::create_symlink("n", in + "m");
    fs::create_symlink("nowhere", in + "e");
    fs::create_symlink("l/u/l/b//./c/", in + "w");
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string inside() const { return path_ + "/in"; }

 private:
  std::string path_;
};

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (true) {
    const std::size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) {
      return lines;
    }
    text.remove_prefix(end + 1);
  }
}

void check_text(std::string_view text) {
  const auto parsed = parse_path(text);
  if (!parsed) {
    require(parsed.error().kind == ErrorKind::invalid_argument, "a bad path is the caller's", text);
    return;
  }
  const std::string& path = parsed->path;
  require(path.starts_with('/') && path.find("//") == std::string::npos &&
              path.find("/./") == std::string::npos && !path.ends_with("/."),
          "a canonical text has no empty and no dot component", text);
  require(path.size() == 1 || !path.ends_with('/'), "nor a slash at the end", text);
  require(parse_path(path)->path == path, "and is its own canonical text", text);
}

void check_judgement(const PathRules& rules, const std::string& path, std::string_view input) {
  const bool closed = rules.judge(path).access == PathAccess::none;
  const bool closed_beneath = rules.judge(join(path, "q")).access == PathAccess::none;
  require(!closed || closed_beneath || !is_at_or_beneath(path, rules.roots().at(0)->path),
          "what is taken away stays so beneath", input);
}

bool same_file(const struct stat& one, const struct stat& other) {
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

void check_gate(const PathGate& gate, const Folder& folder, const std::string& path,
                std::string_view input) {
  const auto opened = gate.open({.path = path}, O_PATH);
  struct stat by_kernel {};
  const bool exists = ::stat(path.c_str(), &by_kernel) == 0;
  if (opened) {
    require(is_at_or_beneath(opened->canonical, folder.inside()), "what is opened lies inside",
            input);
    require(*linux_::path_of(opened->file) == opened->canonical, "and has the judged name", input);
    require(exists && same_file(opened->status, by_kernel), "and is what the kernel finds", input);
    return;
  }
  const auto root = linux_::open_at2(AT_FDCWD, folder.inside(), O_PATH, 0, 0);
  const auto beneath = linux_::open_at2(root->get(), path.substr(folder.inside().size() + 1),
                                        O_PATH, 0, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
  require(!beneath || (opened.error().denial && !opened.error().denial->rule.empty()),
          "what the kernel finds inside is opened, unless a rule takes it away", input);
  const auto located = gate.locate({.path = path, .use = PathUse::write});
  require(!located || is_at_or_beneath(located->canonical, folder.inside()),
          "what is located lies inside", input);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Folder folder;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto lines = lines_of(input);
  const std::string path = folder.inside() + "/" + lines[0];
  check_text(lines[0]);
  check_text(path);
  Config config{.capabilities = {Capability::fs_read, Capability::fs_write},
                .allowed_paths = {folder.inside()}};
  for (std::size_t i = 1; i < lines.size() && i <= max_rules; ++i) {
    const bool is_pattern = lines[i].starts_with("**/");
    config.allowed_paths.emplace_back(is_pattern ? lines[i] : folder.inside() + "/" + lines[i],
                                      PathAccess::none);
  }
  auto rules = PathRules::compile(config);
  if (!rules || rules->roots().empty()) {
    return 0;
  }
  if (const auto parsed = parse_path(path); parsed && !parsed->has_parent_steps) {
    check_judgement(*rules, parsed->path, input);
  }
  const RulesJudge judge(std::move(*rules), config);
  if (path.find('\0') == std::string::npos) {
    check_gate(PathGate(judge), folder, path, input);
  }
  return 0;
}
