#include "policy/file/suggestion.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace omnisandbox::policy {
namespace {

// Longer words are not typing errors of ours; it also bounds the cost.
constexpr std::size_t max_word_bytes = 64;

std::string letters_of(std::string_view word) {
  std::string result;
  for (const char character : word) {
    if (character >= 'A' && character <= 'Z') {
      result += static_cast<char>(character - 'A' + 'a');
    } else if (character != '_' && character != '-' && character != ' ') {
      result += character;
    }
  }
  return result;
}

// Levenshtein's distance, one row at a time.
std::size_t distance(std::string_view left, std::string_view right) {
  std::vector<std::size_t> row(right.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < left.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < right.size(); ++j) {
      const std::size_t replaced = diagonal + (left[i] == right[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j + 1] + 1, row[j] + 1, replaced});
    }
  }
  return row.back();
}

}  // namespace

std::string_view nearest_word(std::string_view word, std::span<const std::string_view> candidates) {
  if (word.size() > max_word_bytes) {
    return {};
  }
  const std::string letters = letters_of(word);
  if (letters.size() < 2) {
    return {};
  }
  std::string_view nearest;
  std::size_t nearest_distance = max_word_bytes;
  for (const std::string_view candidate : candidates) {
    const std::string candidate_letters = letters_of(candidate);
    std::size_t candidate_distance = distance(letters, candidate_letters);
    const bool contained =
        letters.size() >= 3 && (candidate_letters.find(letters) != std::string::npos ||
                                letters.find(candidate_letters) != std::string::npos);
    const std::size_t tolerated = std::max(letters.size(), candidate_letters.size()) / 3;
    if (contained) {
      candidate_distance = std::min(candidate_distance, tolerated);
    }
    if (candidate_distance <= tolerated && candidate_distance < nearest_distance) {
      nearest = candidate;
      nearest_distance = candidate_distance;
    }
  }
  return nearest;
}

}  // namespace omnisandbox::policy
