// Runs a fuzz target without libFuzzer: each seed of a corpus folder, and mutations of it that are
// the same every time.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "base/test_effort.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

namespace fs = std::filesystem;

// Time stops the mutations too, so that a build with sanitizers stays quick.
const int mutations_of_each_seed = omnisandbox::test::rounds(150, 2'000);
const std::chrono::seconds longest_run{omnisandbox::test::rounds(5, 20)};
constexpr std::size_t max_input_bytes = 4'096;

// Where an input differs from a seed in what parsers care about.
constexpr const char* fragments[] = {"\n",
                                     " ",
                                     "  ",
                                     "\t",
                                     "\"",
                                     "'",
                                     "[",
                                     "]",
                                     "{",
                                     "}",
                                     ":",
                                     ": ",
                                     "- ",
                                     ",",
                                     "#",
                                     "&a ",
                                     "*a",
                                     "!!x ",
                                     "%",
                                     "..",
                                     "/",
                                     "//",
                                     "\\",
                                     "\x01",
                                     "\x7f",
                                     "\xff",
                                     "\xc3\xa9",
                                     "\xe2\x80\xae",
                                     "0",
                                     "-1",
                                     "99999999999999999999",
                                     "true",
                                     "~",
                                     "null",
                                     "@",
                                     "?",
                                     "*",
                                     "**",
                                     "(",
                                     ")",
                                     "|",
                                     "@evil.example",
                                     "%2e",
                                     "%00",
                                     "[::1]",
                                     "localhost",
                                     "0x7f.1"};

std::string mutated(std::string text, const std::vector<std::string>& seeds, std::mt19937& random) {
  const auto below = [&](std::size_t bound) { return bound == 0 ? 0 : random() % bound; };
  for (std::size_t count = 1 + below(4); count > 0; --count) {
    const std::size_t at = below(text.size() + 1);
    switch (below(6)) {
      case 0:
        text.insert(at, fragments[below(std::size(fragments))]);
        break;
      case 1:
        text.erase(at, 1 + below(8));
        break;
      case 2:
        if (at < text.size()) {
          text[at] = static_cast<char>(below(256));
        }
        break;
      case 3:
        text.insert(at, text.substr(below(text.size() + 1), 1 + below(32)));
        break;
      case 4: {
        const std::string& other = seeds[below(seeds.size())];
        text.insert(at, other.substr(below(other.size() + 1), 1 + below(64)));
        break;
      }
      default:
        text.resize(at);
        break;
    }
  }
  text.resize(std::min(text.size(), max_input_bytes));
  return text;
}

void run(const std::string& input) {
  // A copy of exactly this size, so that the address sanitizer sees reads past the end.
  const std::vector<std::uint8_t> bytes(input.begin(), input.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]);
    return 2;
  }
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(argv[1])) {
    paths.push_back(entry.path());
  }
  // The order of a folder is the file system's; the random numbers are to meet the same seeds
  // everywhere.
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> seeds;
  for (const fs::path& path : paths) {
    std::ifstream file(path, std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    run(seeds.back());
  }
  if (seeds.empty()) {
    std::fprintf(stderr, "%s holds no seeds\n", argv[1]);
    return 1;
  }
  run({});
  const auto end = std::chrono::steady_clock::now() + longest_run;
  std::size_t inputs = 0;
  for (int round = 0; round < mutations_of_each_seed && std::chrono::steady_clock::now() < end;
       ++round) {
    for (std::size_t index = 0; index < seeds.size(); ++index, ++inputs) {
      std::mt19937 random(static_cast<unsigned>(round) * 1'000u + static_cast<unsigned>(index));
      run(mutated(seeds[index], seeds, random));
    }
  }
  std::printf("%zu seeds and %zu mutations\n", seeds.size(), inputs);
  return 0;
}
