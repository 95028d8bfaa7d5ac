#include "runner/suggestion.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace omnisandbox::runner {
namespace {

// Words on a command line are short; comparing a whole pasted text with each of them is wasted
// time.
constexpr std::size_t max_compared_bytes = 40;

/// Levenshtein's distance: insertions, deletions and replacements of one byte.
std::size_t distance(std::string_view left, std::string_view right) {
  std::vector<std::size_t> row(right.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < left.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < right.size(); ++j) {
      const std::size_t replaced = diagonal + (left[i] == right[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string nearest_word(std::string_view written, std::span<const std::string> known) {
  if (written.empty() || written.size() > max_compared_bytes) {
    return {};
  }
  std::string nearest;
  // A third of the letters wrong is a typing error; more is another word.
  std::size_t best = std::max<std::size_t>(1, written.size() / 3) + 1;
  for (const std::string& word : known) {
    if (const std::size_t found = distance(written, word); found < best) {
      best = found;
      nearest = word;
    }
  }
  return nearest;
}

}  // namespace omnisandbox::runner
