#include "guest_runs.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <thread>
#include <vector>

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
  const auto start = Clock::now();
  {
    std::vector<std::jthread> workers;
    for (int i = 0; i < threads; ++i) {
      workers.emplace_back([&] {
        for (int done = 0; done < runs / threads; ++done) {
          echo_once(run, input);
        }
      });
    }
  }
  print("runs_per_second", {runs / threads * threads / since<std::chrono::seconds>(start)}, "");
}

void time_compute(const RunGuest& run, int runs, const std::string& kernel) {
  std::vector<double> samples;
  std::string answer;
  for (int i = 0; i < runs; ++i) {
    const auto start = Clock::now();
    answer = run(kernel, "");
    samples.push_back(since<std::chrono::milliseconds>(start));
  }
  while (!answer.empty() && answer.back() == '\n') {
    answer.pop_back();
  }
  print("ms", samples, answer);
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
  const bool known =
      what == "echo" || ((what == "threads" || what == "compute") && args.size() == 4);
  if (!known || runs < 1) {
    fail(fmt::format(
        "usage: {} echo FOLDER RUNS | threads FOLDER RUNS THREADS | compute FOLDER RUNS KERNEL",
        argv[0]));
  }
  const RunGuest run = prepare(args[1] + (what == "compute" ? "/compute.wasm" : "/echo.wasm"));
  if (what == "echo") {
    time_echo(run, runs);
  } else if (what == "threads") {
    time_threads(run, runs, std::max(1, std::atoi(args[3].c_str())));
  } else {
    time_compute(run, runs, args[3]);
  }
  return 0;
}

}  // namespace omnisandbox::bench
