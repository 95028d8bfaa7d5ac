#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace omnisandbox::docker::bench {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

inline double milliseconds_since(Clock::time_point start) {
  return Milliseconds(Clock::now() - start).count();
}

inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// What is measured beside others: `run` says whether it did what it should.
struct Contestant {
  std::string name;
  std::function<bool()> run;
  std::vector<double> times_ms{};
};

/// What was measured, for people, or as JSON, one object a line; and whether the bars were met.
class Report {
 public:
  explicit Report(bool is_json) : is_json_(is_json) {}

  /// What follows belongs to this.
  void begin(std::string part) {
    part_ = std::move(part);
    if (!is_json_) {
      std::printf("%s\n", part_.c_str());
    }
  }

  void times(const Contestant& each) {
    const auto [low, high] = std::minmax_element(each.times_ms.begin(), each.times_ms.end());
    const double middle = median(each.times_ms);
    if (is_json_) {
      print({{"part", part_},
             {"name", each.name},
             {"median_ms", middle},
             {"lowest_ms", *low},
             {"highest_ms", *high},
             {"times_ms", each.times_ms}});
    } else {
      std::printf("  %-48s %8.1f ms [%.1f to %.1f]\n", each.name.c_str(), middle, *low, *high);
    }
  }

  /// One figure, without a bar or beside it.
  void figure(const std::string& what, double value) {
    if (is_json_) {
      print({{"part", part_}, {"what", what}, {"value", value}});
    } else {
      std::printf("    %-64s %9.3f\n", what.c_str(), value);
    }
  }
  void at_most(const std::string& what, double value, double bar) {
    beside_bar(what, value, "at most", bar, value <= bar);
  }
  void at_least(const std::string& what, double value, double bar) {
    beside_bar(what, value, "at least", bar, value >= bar);
  }
  bool are_bars_met() const noexcept { return are_met_; }

 private:
  static void print(const nlohmann::ordered_json& line) {
    std::puts(line.dump().c_str());
    std::fflush(stdout);
  }

  void beside_bar(const std::string& what, double value, const char* relation, double bar,
                  bool is_met) {
    are_met_ = are_met_ && is_met;
    if (is_json_) {
      print({{"part", part_},
             {"what", what},
             {"value", value},
             {"relation", relation},
             {"bar", bar},
             {"met", is_met}});
      return;
    }
    std::printf("    %-64s %9.3f  bar: %s %g: %s\n", what.c_str(), value, relation, bar,
                is_met ? "met" : "NOT met");
    std::fflush(stdout);
  }

  bool is_json_;
  std::string part_;
  bool are_met_ = true;
};

/// Every round runs each contestant once, in turn another one first, with a pause before each in
/// which engine and pool come to rest. The first round only warms caches.
inline void measure(std::vector<Contestant>& contestants, int rounds,
                    std::chrono::milliseconds pause, Report& report) {
  for (int round = -1; round < rounds; ++round) {
    for (std::size_t index = 0; index < contestants.size(); ++index) {
      Contestant& each =
          contestants[(index + static_cast<std::size_t>(round + 1)) % contestants.size()];
      std::this_thread::sleep_for(pause);
      const auto start = Clock::now();
      if (!each.run()) {
        throw std::runtime_error(each.name + ": it did not do what it should");
      }
      if (round >= 0) {
        each.times_ms.push_back(milliseconds_since(start));
      }
    }
  }
  for (const Contestant& each : contestants) {
    report.times(each);
  }
}

/// The median of the ratios that were made within a round.
inline double ratio(const Contestant& ours, const Contestant& theirs) {
  std::vector<double> ratios;
  for (std::size_t round = 0; round < ours.times_ms.size(); ++round) {
    ratios.push_back(ours.times_ms[round] / theirs.times_ms[round]);
  }
  return median(ratios);
}

}  // namespace omnisandbox::docker::bench
