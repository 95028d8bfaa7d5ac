#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "omnisandbox/capability.h"

/// The text tables of this folder; README.md describes their form.
namespace omnisandbox::policy_cases {

/// One line "CAPABILITY RESOURCE -> allow|deny  text".
struct Question {
  int line = 0;
  Capability capability{};
  std::string resource;
  bool allowed = false;
  std::string text;  ///< a part of "RULE | REASON"; empty: any
};

/// A line of `setup:`, in order.
struct SetupStep {
  enum class Kind { folder, file, link, hard_link };
  Kind kind{};
  std::string path;
  std::string target;  ///< of links
};

struct Case {
  std::string file;  ///< without folder and ".txt"
  std::string path;
  int line = 0;
  std::string title;
  std::vector<SetupStep> setup;
  std::string policy;
  std::vector<std::string> narrower;  ///< each narrows the one before
  std::string error;  ///< not empty: the last policy must not compile, with this in its message
  std::vector<Question> questions;
};

/// Every case of every *.txt in `folder`. A table that cannot be read throws std::runtime_error
/// with FILE:LINE.
std::vector<Case> read_cases(const std::string& folder);

/// `text` with $TMP and $LONG replaced and \n, \t, \\ and \xNN turned into the bytes they stand
/// for.
std::string expand(std::string_view text, const std::string& temporary_folder);

}  // namespace omnisandbox::policy_cases
