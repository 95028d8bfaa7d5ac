// Asks the questions of the text tables in this folder of real policies.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "omnisandbox/policy.h"
#include "omnisandbox/policy_file.h"
#include "policy_case.h"
#include "remedy.h"

namespace omnisandbox::policy_cases {
namespace {

namespace fs = std::filesystem;

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (fs::temp_directory_path() / "omnisandbox-cases-XXXXXX").native();
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    path_ = fs::canonical(pattern).native();
  }
  ~TemporaryFolder() { fs::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

void set_up(const std::vector<SetupStep>& steps, const std::string& folder) {
  for (const SetupStep& step : steps) {
    const fs::path path = expand(step.path, folder);
    const fs::path target = expand(step.target, folder);
    fs::create_directories(path.parent_path());
    switch (step.kind) {
      case SetupStep::Kind::folder:
        fs::create_directories(path);
        break;
      case SetupStep::Kind::file:
        std::ofstream(path) << "content\n";
        break;
      case SetupStep::Kind::link:
        fs::create_symlink(target, path);
        break;
      case SetupStep::Kind::hard_link:
        fs::create_hard_link(target, path);
        break;
    }
  }
}

std::string replaced(std::string text, const std::string& folder) {
  for (std::size_t at = text.find("$TMP"); at != std::string::npos; at = text.find("$TMP", at)) {
    text.replace(at, 4, folder);
  }
  return text;
}

Expected<std::vector<Config>> read_layers(const Case& one, const std::string& folder) {
  auto file = parse_policy_file(replaced(one.policy, folder), one.file + ".yaml");
  if (!file) {
    return std::move(file).error();
  }
  std::vector<Config> layers = {std::move(file->config)};
  for (const std::string& text : one.narrower) {
    auto narrower = parse_policy_file(replaced(text, folder), one.file + ".narrow.yaml");
    if (!narrower) {
      return std::move(narrower).error();
    }
    layers.push_back(std::move(narrower->config));
  }
  return layers;
}

Expected<Policy> compile(const Case& one, const std::string& folder) {
  const auto layers = read_layers(one, folder);
  if (!layers) {
    return layers.error();
  }
  return compile_layers(*layers);
}

class PolicyCases : public testing::TestWithParam<Case> {};

TEST_P(PolicyCases, AnswerAsWritten) {
  const Case& one = GetParam();
  const TemporaryFolder folder;
  set_up(one.setup, folder.path());
  const auto policy = compile(one, folder.path());
  if (!one.error.empty()) {
    if (policy) {
      ADD_FAILURE_AT(one.path.c_str(), one.line) << "the policy compiles";
    } else if (policy.error().message.find(one.error) == std::string::npos) {
      ADD_FAILURE_AT(one.path.c_str(), one.line) << "the error is: " << policy.error().message;
    }
    return;
  }
  if (!policy) {
    ADD_FAILURE_AT(one.path.c_str(), one.line) << policy.error().message;
    return;
  }
  for (const Question& question : one.questions) {
    const std::string resource = expand(question.resource, folder.path());
    const Explanation answer = policy->explain(question.capability, resource);
    const std::string text = answer.rule + " | " + answer.reason;
    if (answer.allowed != question.allowed ||
        text.find(replaced(question.text, folder.path())) == std::string::npos) {
      ADD_FAILURE_AT(one.path.c_str(), question.line)
          << to_string(question.capability) << " " << question.resource.substr(0, 200) << "\n  is "
          << (answer.allowed ? "allowed: " : "denied: ") << text;
    }
    EXPECT_EQ(answer.capability, question.capability);
    EXPECT_TRUE(resource.starts_with(answer.resource))
        << answer.resource;  // of a command: its name
    EXPECT_FALSE(answer.reason.empty());
    EXPECT_EQ(answer.reason.find_first_of(std::string_view("\n\x1b\0", 3)), std::string::npos)
        << "a control character in a reason";
    EXPECT_TRUE(!answer.allowed || !answer.rule.empty())
        << "allowed without a rule: " << question.resource;
    EXPECT_TRUE(!answer.allowed || policy->has(question.capability));
  }
}

// Whoever follows what a denial proposes, as often as it proposes something, is allowed in the end.
TEST_P(PolicyCases, RemediesWork) {
  const Case& one = GetParam();
  for (const Question& question : one.questions) {
    if (question.allowed) {
      continue;
    }
    const TemporaryFolder folder;
    set_up(one.setup, folder.path());
    const auto layers = read_layers(one, folder.path());
    ASSERT_TRUE(layers) << layers.error().message;
    const std::string problem =
        follow_remedies(*layers, question.capability, expand(question.resource, folder.path()));
    if (!problem.empty()) {
      ADD_FAILURE_AT(one.path.c_str(), question.line)
          << to_string(question.capability) << " " << question.resource.substr(0, 200) << "\n  "
          << problem;
    }
  }
}

std::string test_name(const testing::TestParamInfo<Case>& info) {
  std::string name = info.param.file + "_" + info.param.title;
  for (char& character : name) {
    if (!std::isalnum(static_cast<unsigned char>(character))) {
      character = '_';
    }
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(Tables, PolicyCases,
                         testing::ValuesIn(read_cases(OMNISANDBOX_POLICY_CASES_FOLDER)), test_name);

TEST(PolicyCaseTables, HoldHundredsOfQuestions) {
  std::size_t questions = 0;
  std::size_t denials = 0;
  for (const Case& one : read_cases(OMNISANDBOX_POLICY_CASES_FOLDER)) {
    questions += one.questions.size();
    for (const Question& question : one.questions) {
      denials += question.allowed ? 0 : 1;
    }
  }
  // A folder that is not found, or a table that is not read, must not pass for success.
  EXPECT_GT(questions, 400u);
  EXPECT_GT(denials, 200u);
  EXPECT_GT(questions - denials, 100u);
}

}  // namespace
}  // namespace omnisandbox::policy_cases
