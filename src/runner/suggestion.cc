#include "runner/suggestion.h"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

namespace omnisandbox::runner {
namespace {

// Words on a command line are short; comparing a whole pasted text with each of them is wasted
// time.
constexpr std::size_t max_compared_bytes = 40;

/// The optimal string alignment distance: insertions, deletions and replacements of one byte, and
/// exchanges of two neighbours, which is what fingers do most.
std::size_t distance(std::string_view left, std::string_view right) {
  std::vector<std::size_t> before_last;  // the row of left[i - 2]
  std::vector<std::size_t> last(right.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 0; i < left.size(); ++i) {
    std::vector<std::size_t> row(right.size() + 1);
    row[0] = i + 1;
    for (std::size_t j = 0; j < right.size(); ++j) {
      const std::size_t replaced = last[j] + (left[i] == right[j] ? 0 : 1);
      row[j + 1] = std::min({replaced, row[j] + 1, last[j + 1] + 1});
      if (i > 0 && j > 0 && left[i] == right[j - 1] && left[i - 1] == right[j]) {
        row[j + 1] = std::min(row[j + 1], before_last[j - 1] + 1);
      }
    }
    before_last = std::exchange(last, std::move(row));
  }
  return last.back();
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
