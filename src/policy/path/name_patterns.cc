#include "policy/path/name_patterns.h"

#include <algorithm>
#include <climits>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "policy/path/prefix_tree.h"

namespace omnisandbox::policy {
namespace {

constexpr std::string_view wildcards = "*?";

// A pattern of more components than this is a mistake; it also bounds the work for one component of
// a path.
constexpr std::size_t max_pattern_components = 32;

std::size_t character_length(std::string_view text) {
  const auto character = base::decode_utf8(text);
  return character ? character->length_bytes : 1;
}

// Whether the last components of `path`, which has `depth` of them, match `components`.
bool ends_with(std::string_view path, std::size_t depth, std::span<const std::string> components,
               bool from_root) {
  if (components.size() > depth || (from_root && components.size() != depth)) {
    return false;
  }
  for (std::size_t index = components.size(); index-- > 0;) {
    const std::size_t slash = path.rfind('/');
    if (!matches_wildcards(path.substr(slash + 1), components[index])) {
      return false;
    }
    path = path.substr(0, slash);
  }
  return true;
}

}  // namespace

bool matches_wildcards(std::string_view name, std::string_view pattern) {
  // The usual greedy match: on a mismatch the last "*" takes one byte more.
  std::size_t name_at = 0;
  std::size_t pattern_at = 0;
  std::size_t star_at = std::string_view::npos;
  std::size_t star_took_to = 0;
  while (name_at < name.size()) {
    if (pattern_at < pattern.size() && pattern[pattern_at] == '*') {
      star_at = pattern_at++;
      star_took_to = name_at;
    } else if (pattern_at < pattern.size() && pattern[pattern_at] == '?') {
      ++pattern_at;
      name_at += character_length(name.substr(name_at));
    } else if (pattern_at < pattern.size() && pattern[pattern_at] == name[name_at]) {
      ++pattern_at;
      ++name_at;
    } else if (star_at != std::string_view::npos) {
      pattern_at = star_at + 1;
      name_at = ++star_took_to;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', pattern_at) == std::string_view::npos;
}

Expected<NamePattern> parse_name_pattern(std::string_view pattern) {
  const auto unusable = [pattern](std::string_view why) {
    return base::make_error(ErrorKind::invalid_argument, "the pattern \"{}\" cannot be used: {}",
                            base::printable(pattern), why);
  };
  NamePattern result;
  std::string_view rest = pattern;
  if (rest.starts_with("**/")) {
    rest.remove_prefix(2);
  } else {
    result.from_root = true;
  }
  if (!rest.starts_with('/') || rest.size() == 1 || rest.ends_with('/')) {
    return unusable("write \"**/name\" or \"**/folder/name\"");
  }
  if (rest.find('\0') != std::string_view::npos) {
    return unusable("it contains a NUL byte");
  }
  if (rest.find("//") != std::string_view::npos) {
    return unusable("it has an empty component");
  }
  for (std::string_view name = take_component(rest); !name.empty(); name = take_component(rest)) {
    if (name == "." || name == "..") {
      return unusable("no file has the name \".\" or \"..\"");
    }
    if (name.find("**") != std::string_view::npos) {
      return unusable("\"**\" can only stand at the beginning");
    }
    if (name.size() > NAME_MAX) {
      return unusable("a component is longer than 255 bytes");
    }
    result.components.emplace_back(name);
  }
  if (result.components.size() > max_pattern_components) {
    return unusable("it has more than 32 components");
  }
  return result;
}

void NamePatterns::ComponentIndex::add(std::string_view component, std::uint32_t value) {
  const std::size_t first = component.find_first_of(wildcards);
  if (first == std::string_view::npos) {
    exact_[std::string(component)].push_back(value);
    return;
  }
  const std::string_view beginning = component.substr(0, first);
  const std::string_view end = component.substr(component.find_last_of(wildcards) + 1);
  // The longer text tells more patterns apart.
  if (beginning.size() >= end.size() && !beginning.empty()) {
    by_beginning_[beginning.size()][std::string(beginning)].push_back(value);
  } else if (!end.empty()) {
    by_end_[end.size()][std::string(end)].push_back(value);
  } else {
    others_.push_back(value);
  }
}

template <class Visit>
void NamePatterns::ComponentIndex::candidates(std::string_view name, Visit&& visit) const {
  const auto visit_in = [&visit](const Table& table, std::string_view text) {
    const auto found = table.find(text);
    if (found != table.end()) {
      std::for_each(found->second.begin(), found->second.end(), visit);
    }
  };
  visit_in(exact_, name);
  for (const auto& [length, table] : by_beginning_) {
    if (length > name.size()) {
      break;
    }
    visit_in(table, name.substr(0, length));
  }
  for (const auto& [length, table] : by_end_) {
    if (length > name.size()) {
      break;
    }
    visit_in(table, name.substr(name.size() - length));
  }
  std::for_each(others_.begin(), others_.end(), visit);
}

void NamePatterns::add(NamePattern pattern) {
  const auto index = static_cast<std::uint32_t>(patterns_.size());
  by_last_.add(pattern.components.back(), index);
  for (std::uint32_t length = 1; length < pattern.components.size(); ++length) {
    if (pattern.most == PathAccess::read_write) {
      break;  // an exception takes nothing away beneath
    }
    by_inner_part_.add(pattern.components[length - 1],
                       static_cast<std::uint32_t>(inner_parts_.size()));
    inner_parts_.push_back({index, length});
  }
  patterns_.push_back(std::move(pattern));
}

const NamePattern* NamePatterns::strictest_ending_at(std::string_view path, std::size_t depth,
                                                     PatternSource only_up_to) const {
  const NamePattern* user = nullptr;
  const NamePattern* built_in = nullptr;
  bool is_exception = false;
  by_last_.candidates(path.substr(path.rfind('/') + 1), [&](std::uint32_t index) {
    const NamePattern& pattern = patterns_[index];
    if (pattern.source > only_up_to ||
        !ends_with(path, depth, pattern.components, pattern.from_root)) {
      return;
    }
    if (pattern.source == PatternSource::user) {
      user = &pattern;
    } else if (pattern.most == PathAccess::read_write) {
      is_exception = true;
    } else if (built_in == nullptr || pattern.most < built_in->most) {
      built_in = &pattern;
    }
  });
  if (user != nullptr) {
    return user;
  }
  return is_exception ? nullptr : built_in;
}

const NamePattern* NamePatterns::begun_at(std::string_view path, std::size_t depth) const {
  if (depth == 0) {
    return nullptr;
  }
  const NamePattern* begun = nullptr;
  by_inner_part_.candidates(path.substr(path.rfind('/') + 1), [&](std::uint32_t part_index) {
    const Part part = inner_parts_[part_index];
    const NamePattern& pattern = patterns_[part.pattern];
    const auto beginning = std::span(pattern.components).first(part.length);
    if (begun == nullptr && ends_with(path, depth, beginning, pattern.from_root)) {
      begun = &pattern;
    }
  });
  return begun;
}

}  // namespace omnisandbox::policy
