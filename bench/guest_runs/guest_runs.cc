#include "guest_runs.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string_view>
#include <thread>
#include <vector>

#include "entries.h"

namespace omnisandbox::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t input_bytes = 200;

template <class Unit>
double since(Clock::time_point start) {
  return std::chrono::duration<double, typename Unit::period>(Clock::now() - start).count();
}

void echo_once(const RunGuest& run, const std::string& input) {
  if (run("", input) != input) {
    fail("the echo guest did not answer with its input");
  }
}

void print(std::string_view unit, const std::vector<double>& samples, std::string_view answer) {
  fmt::print("{{\"unit\": \"{}\", \"samples\": [{:.3f}], \"answer\": \"{}\"}}\n", unit,
             fmt::join(samples, ", "), answer);
}

void time_echo(const RunGuest& run, int runs) {
  const std::string input(input_bytes, 'a');
  std::vector<double> samples;
  for (int i = -runs / 10; i < runs; ++i) {  // the first tenth warms up
    const auto start = Clock::now();
    echo_once(run, input);
    if (i >= 0) {
      samples.push_back(since<std::chrono::microseconds>(start));
    }
  }
  print("us", samples, "");
}

void time_threads(const RunGuest& run, int runs, int threads) {
  const std::string input(input_bytes, 'a');
  std::int64_t descriptors_used = 0;
  std::int64_t threads_used = 0;
  std::atomic<int> done = 0;
  const auto start = Clock::now();
  {
    std::vector<std::jthread> workers;
    for (int i = 0; i < threads; ++i) {
      workers.emplace_back([&] {
        for (int mine = 0; mine < runs / threads; ++mine) {
          echo_once(run, input);
          if (++done == runs / 2) {
            descriptors_used = entries_in("/proc/self/fd");
            threads_used = entries_in("/proc/self/task");
          }
        }
      });
    }
  }
  const double rate = runs / threads * threads / since<std::chrono::seconds>(start);
  fmt::print(
      "{{\"unit\": \"runs_per_second\", \"samples\": [{:.3f}], \"descriptors\": {}, \"threads\": "
      "{}}}\n",
      rate, descriptors_used, threads_used);
}

void time_whole_runs(const RunGuest& run, int runs, const std::string& argument) {
  std::vector<double> samples;
  std::string answer;
  for (int i = 0; i < runs; ++i) {
    const auto start = Clock::now();
    answer = run(argument, "");
    samples.push_back(since<std::chrono::milliseconds>(start));
  }
  while (!answer.empty() && answer.back() == '\n') {
    answer.pop_back();
  }
  print("ms", samples, answer);
}

void time_first(const PrepareGuest& prepare, const Guest& guest, int runs) {
  const std::string input(input_bytes, 'a');
  std::vector<double> samples;
  if (!guest.cache_folder.empty()) {
    echo_once(prepare(guest), input);
  }
  for (int i = 0; i < runs; ++i) {
    const auto start = Clock::now();
    echo_once(prepare(guest), input);
    samples.push_back(since<std::chrono::milliseconds>(start));
  }
  print("ms", samples, "");
}

}  // namespace

void fail(const std::string& message) {
  fmt::print(stderr, "{}\n", message);
  std::exit(1);
}

int measure_guest_runs(int argc, char** argv, const PrepareGuest& prepare) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  const std::string what = args.empty() ? "" : args[0];
  const int runs = args.size() > 2 ? std::atoi(args[2].c_str()) : 0;
  const std::map<std::string, std::size_t> arguments_of = {
      {"echo", 3}, {"first", 3}, {"cached", 4}, {"threads", 4}, {"compute", 4}, {"files", 5}};
  const auto known = arguments_of.find(what);
  if (known == arguments_of.end() || args.size() != known->second || runs < 1) {
    fail(
        fmt::format("usage: {} echo FOLDER RUNS | threads FOLDER RUNS THREADS | compute FOLDER "
                    "RUNS KERNEL | files FOLDER RUNS GUEST FILE | first FOLDER RUNS | cached "
                    "FOLDER RUNS CACHE",
                    argv[0]));
  }
  const std::string& folder = args[1];
  const Guest echo{.path = folder + "/echo.wasm"};
  if (what == "echo") {
    time_echo(prepare(echo), runs);
  } else if (what == "first") {
    time_first(prepare, echo, runs);
  } else if (what == "cached") {
    time_first(prepare, {.path = echo.path, .cache_folder = args[3]}, runs);
  } else if (what == "threads") {
    time_threads(prepare(echo), runs, std::max(1, std::atoi(args[3].c_str())));
  } else if (what == "compute") {
    time_whole_runs(prepare({.path = folder + "/compute.wasm"}), runs, args[3]);
  } else {
    const std::string parent = std::filesystem::path(args[4]).parent_path();
    time_whole_runs(prepare({.path = folder + "/" + args[3] + ".wasm", .readable_folder = parent}),
                    runs, args[4]);
  }
  return 0;
}

}  // namespace omnisandbox::bench
