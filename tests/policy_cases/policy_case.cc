#include "policy_case.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace omnisandbox::policy_cases {
namespace {

namespace fs = std::filesystem;

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

std::string_view take_word(std::string_view& text) {
  text = trimmed(text);
  const std::size_t end = text.find(' ');
  const std::string_view word = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view() : trimmed(text.substr(end));
  return word;
}

class TableReader {
 public:
  explicit TableReader(const fs::path& path) : path_(path) {}

  std::vector<Case> read() {
    std::ifstream file(path_);
    std::string line;
    while (std::getline(file, line)) {
      ++line_;
      take_line(line);
    }
    check(!cases_.empty(), "the table has no case");
    for (const Case& one : cases_) {
      check(!one.questions.empty() || !one.error.empty(), "\"" + one.title + "\" asks nothing");
    }
    return std::move(cases_);
  }

 private:
  enum class Block { none, setup, policy, narrow, questions };

  void check(bool condition, const std::string& message) const {
    if (!condition) {
      throw std::runtime_error(path_.native() + ":" + std::to_string(line_) + ": " + message);
    }
  }

  void take_line(const std::string& line) {
    const std::string_view content = trimmed(line);
    const bool is_yaml = block_ == Block::policy || block_ == Block::narrow;
    if (content.empty() || (line[0] == '#') || (!is_yaml && content[0] == '#')) {
      return;
    }
    if (line[0] == ' ') {
      take_block_line(line);
      return;
    }
    const std::size_t colon = line.find(':');
    check(
        colon != std::string::npos,
        "a line without indentation begins a block: case:, setup:, policy:, narrow:, error:, ask:");
    begin_block(line.substr(0, colon), trimmed(std::string_view(line).substr(colon + 1)));
  }

  void begin_block(const std::string& name, std::string_view rest) {
    if (name == "case") {
      cases_.push_back({.file = path_.stem().native(),
                        .path = path_.native(),
                        .line = line_,
                        .title = std::string(rest),
                        .setup = {},
                        .policy = {},
                        .narrower = {},
                        .error = {},
                        .questions = {}});
      block_ = Block::none;
      return;
    }
    check(!cases_.empty(), "the first block is case:");
    if (name == "error") {
      cases_.back().error = rest;
      block_ = Block::none;
      return;
    }
    check(rest.empty(), "nothing may follow " + name + ":");
    if (name == "setup") {
      block_ = Block::setup;
    } else if (name == "policy") {
      block_ = Block::policy;
    } else if (name == "narrow") {
      cases_.back().narrower.emplace_back();
      block_ = Block::narrow;
    } else if (name == "ask") {
      block_ = Block::questions;
    } else {
      check(false, "unknown block " + name);
    }
  }

  void take_block_line(const std::string& line) {
    switch (block_) {
      case Block::setup:
        take_setup(line);
        break;
      case Block::policy:
        cases_.back().policy += line.substr(2) + "\n";
        break;
      case Block::narrow:
        cases_.back().narrower.back() += line.substr(2) + "\n";
        break;
      case Block::questions:
        take_question(line);
        break;
      case Block::none:
        check(false, "an indented line belongs to a block");
    }
  }

  void take_setup(std::string_view line) {
    const std::string_view kind = take_word(line);
    SetupStep step;
    step.path = take_word(line);
    if (kind == "folder") {
      step.kind = SetupStep::Kind::folder;
    } else if (kind == "file") {
      step.kind = SetupStep::Kind::file;
    } else if (kind == "link" || kind == "hard_link") {
      step.kind = kind == "link" ? SetupStep::Kind::link : SetupStep::Kind::hard_link;
      check(take_word(line) == "->", "a link is written: link PATH -> TARGET");
      step.target = take_word(line);
    } else {
      check(false, "setup knows folder, file, link and hard_link");
    }
    check(line.empty() && !step.path.empty(),
          "a setup line is: folder|file PATH, or link|hard_link PATH -> TARGET");
    cases_.back().setup.push_back(std::move(step));
  }

  void take_question(std::string_view line) {
    Question question;
    question.line = line_;
    const auto capability = capability_from_string(take_word(line));
    check(capability.has_value(), "a question begins with a capability");
    question.capability = *capability;
    // The last arrow, as a resource may contain one.
    const std::size_t arrow = line.rfind(" -> ");
    check(arrow != std::string_view::npos,
          "a question is: CAPABILITY RESOURCE -> allow|deny  text");
    question.resource = trimmed(line.substr(0, arrow));
    std::string_view answer = line.substr(arrow + 4);
    const std::string_view verdict = take_word(answer);
    check(verdict == "allow" || verdict == "deny", "the answer is allow or deny");
    question.allowed = verdict == "allow";
    question.text = answer;
    cases_.back().questions.push_back(std::move(question));
  }

  fs::path path_;
  int line_ = 0;
  Block block_ = Block::none;
  std::vector<Case> cases_;
};

unsigned hexadecimal(char character) {
  if (character >= '0' && character <= '9') {
    return static_cast<unsigned>(character - '0');
  }
  if (character >= 'a' && character <= 'f') {
    return static_cast<unsigned>(character - 'a' + 10);
  }
  throw std::runtime_error("\\x takes two hexadecimal digits in small letters");
}

void replace_all(std::string& text, std::string_view name, std::string_view value) {
  for (std::size_t at = text.find(name); at != std::string::npos;
       at = text.find(name, at + value.size())) {
    text.replace(at, name.size(), value);
  }
}

}  // namespace

std::vector<Case> read_cases(const std::string& folder) {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".txt" && entry.path().filename() != "CMakeLists.txt") {
      paths.push_back(entry.path());
    }
  }
  std::sort(paths.begin(), paths.end());
  std::vector<Case> cases;
  for (const fs::path& path : paths) {
    for (Case& one : TableReader(path).read()) {
      cases.push_back(std::move(one));
    }
  }
  return cases;
}

std::string expand(std::string_view text, const std::string& temporary_folder) {
  std::string bytes;
  for (std::size_t index = 0; index < text.size(); ++index) {
    if (text[index] != '\\' || index + 1 == text.size()) {
      bytes += text[index];
      continue;
    }
    switch (text[++index]) {
      case 'n':
        bytes += '\n';
        break;
      case 't':
        bytes += '\t';
        break;
      case 's':
        bytes += ' ';
        break;
      case 'x':
        if (index + 2 >= text.size()) {
          throw std::runtime_error("\\x takes two hexadecimal digits");
        }
        bytes +=
            static_cast<char>(hexadecimal(text[index + 1]) * 16 + hexadecimal(text[index + 2]));
        index += 2;
        break;
      default:
        bytes += text[index];
    }
  }
  replace_all(bytes, "$TMP", temporary_folder);
  replace_all(bytes, "$LONG", std::string(5000, 'a'));
  return bytes;
}

}  // namespace omnisandbox::policy_cases
