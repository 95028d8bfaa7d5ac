#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/try.h"
#include "cli/audit_log.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/report.h"
#include "cli/terminal.h"

namespace omnisandbox::cli {
namespace {

using mcp::ParsedJson;
using mcp::string_member;

// Fast enough for somebody who looks on; `tail -F` looks once a second.
constexpr std::chrono::milliseconds follow_interval{200};
// The most frequent denials, for people and for alerts.
constexpr std::size_t listed_denials = 10;

Expected<AuditFilter> filter_of(const Options& options) {
  AuditFilter filter{.capability = options.audit.capability,
                     .answer = options.audit.answer,
                     .run_id = options.audit.run_id};
  if (options.audit.since) {
    filter.since = TRY(audit_time(*options.audit.since));
  }
  if (options.audit.until) {
    filter.until = TRY(audit_time(*options.audit.until));
  }
  return filter;
}

/// Reads the whole log: what rotations have left, and the file itself. What is returned is the
/// latter, to go on with.
Expected<AuditFile> read_log(const std::string& path, const AuditFile::Events& events) {
  auto rotated = TRY(open_rotated(path, events));
  AuditFile file = TRY(AuditFile::open(path, events));
  for (AuditFile& before : rotated) {
    TRY(before.take_new());
    before.finish();
  }
  TRY(file.take_new());
  return file;
}

std::string text_of(const ParsedJson& record, const Palette& palette) {
  const auto text = [&](const char* name) { return base::printable(string_member(record, name)); };
  const bool is_decision = string_member(record, "event") == "decision";
  const std::string word = is_decision ? text("answer") : text("status");
  const std::string padded = fmt::format("{:<8}", word);
  const bool is_good = word == "grant" || word == "ok";
  std::string line = fmt::format(
      "{}  {}  {:<9} {:<14} {}", text("time"), is_good ? palette.good(padded) : palette.bad(padded),
      is_decision ? text("capability") : "outcome", text("operation"), text("resource"));
  if (const std::string reason = text("reason"); !reason.empty()) {
    line += "  (" + reason + ")";
  }
  return fmt::format("{}  run {}\n", line, text("run_id"));
}

/// Prints records that match, and counts lines that are none.
class Printer {
 public:
  Printer(AuditFilter filter, bool json)
      : filter_(std::move(filter)), json_(json), palette_(linux_::StandardStream::output) {}

  /// Keeps the last `count` until `print_kept`.
  void keep_last(std::size_t count) { kept_count_ = count; }
  AuditFile::Events events() {
    return {.on_record = [this](const ParsedJson& record,
                                std::string_view line) { take(record, line); },
            .on_garbage = [this] { ++garbage_; }};
  }
  void print_kept() {
    for (const std::string& line : kept_) {
      write(line);
    }
    kept_.clear();
    kept_count_.reset();
  }
  bool is_lost() const { return is_lost_; }
  int end() const {
    if (garbage_ > 0) {
      print_problem(fmt::format("{} lines of the log are no records", garbage_));
    }
    return is_lost_ ? exit_call_failed : exit_ok;
  }

 private:
  void take(const ParsedJson& record, std::string_view written) {
    if (!filter_.matches(record)) {
      return;
    }
    // As it was written, but for what could lead a terminal astray.
    std::string line =
        json_ ? to_line(Json::parse(written.begin(), written.end())) : text_of(record, palette_);
    if (!kept_count_) {
      write(line);
      return;
    }
    kept_.push_back(std::move(line));
    if (kept_.size() > *kept_count_) {
      kept_.pop_front();
    }
  }
  void write(const std::string& line) { is_lost_ = is_lost_ || !print(line); }

  const AuditFilter filter_;
  const bool json_;
  const Palette palette_;
  std::optional<std::size_t> kept_count_{};
  std::deque<std::string> kept_;
  std::uint64_t garbage_ = 0;
  bool is_lost_ = false;
};

/// Until nobody reads what is printed.
Expected<void> follow(const std::string& path, AuditFile first, Printer& printer) {
  std::optional<AuditFile> file(std::move(first));
  while (!printer.is_lost()) {
    std::this_thread::sleep_for(follow_interval);
    // In this order: what was written just before a rotation is still taken.
    const bool is_over = file->was_replaced(path);
    TRY(file->take_new());
    if (is_over) {
      file->finish();
      file.emplace(TRY(AuditFile::open(path, printer.events())));
    }
  }
  return {};
}

struct Counts {
  std::uint64_t records = 0;
  std::uint64_t garbage = 0;
  std::uint64_t grants = 0;
  std::uint64_t denials = 0;
  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> by_capability;
  std::map<std::string, std::uint64_t> outcomes;
  std::map<std::pair<std::string, std::string>, std::uint64_t> denied;  // capability, resource
  std::set<std::string> runs;
  std::string first;
  std::string last;

  void take(const ParsedJson& record) {
    ++records;
    runs.insert(string_member(record, "run_id"));
    const std::string time = string_member(record, "time");
    first = first.empty() ? time : std::min(first, time);
    last = std::max(last, time);
    if (string_member(record, "event") == "outcome") {
      ++outcomes[string_member(record, "status")];
      return;
    }
    const std::string capability = string_member(record, "capability");
    auto& [granted, refused] = by_capability[capability];
    if (string_member(record, "answer") == "grant") {
      ++grants;
      ++granted;
    } else {
      ++denials;
      ++refused;
      ++denied[{capability, string_member(record, "resource")}];
    }
  }

  std::vector<std::pair<std::pair<std::string, std::string>, std::uint64_t>> most_denied() const {
    std::vector<std::pair<std::pair<std::string, std::string>, std::uint64_t>> sorted(
        denied.begin(), denied.end());
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto& a, const auto& b) { return a.second > b.second; });
    sorted.resize(std::min(sorted.size(), listed_denials));
    return sorted;
  }
};

Json counts_json(const Counts& counts) {
  Json json = {{"records", counts.records},
               {"unreadable_lines", counts.garbage},
               {"runs", counts.runs.size()},
               {"first", counts.first},
               {"last", counts.last},
               {"decisions", {{"grant", counts.grants}, {"denial", counts.denials}}},
               {"by_capability", Json::object()},
               {"outcomes", Json::object()},
               {"most_denied", Json::array()}};
  for (const auto& [capability, count] : counts.by_capability) {
    json["by_capability"][capability] = {{"grant", count.first}, {"denial", count.second}};
  }
  for (const auto& [status, count] : counts.outcomes) {
    json["outcomes"][status] = count;
  }
  for (const auto& [what, count] : counts.most_denied()) {
    json["most_denied"].push_back(
        {{"capability", what.first}, {"resource", what.second}, {"count", count}});
  }
  return json;
}

std::string counts_text(const Counts& counts) {
  std::string text = fmt::format("{} records of {} runs", counts.records, counts.runs.size());
  if (counts.records > 0) {
    text += fmt::format(", {} to {}", base::printable(counts.first), base::printable(counts.last));
  }
  text += fmt::format("\n{:<24} {:>8} {:>8}\n", "decisions", "grants", "denials");
  for (const auto& [capability, count] : counts.by_capability) {
    text += fmt::format("  {:<22} {:>8} {:>8}\n", base::printable(capability), count.first,
                        count.second);
  }
  text += "outcomes\n";
  for (const auto& [status, count] : counts.outcomes) {
    text += fmt::format("  {:<22} {:>8}\n", base::printable(status), count);
  }
  if (!counts.denied.empty()) {
    text += "most denied\n";
  }
  for (const auto& [what, count] : counts.most_denied()) {
    text += fmt::format("  {:>6}  {} {}\n", count, base::printable(what.first),
                        base::printable(what.second));
  }
  return text;
}

int report_failure(const Error& error, const Options& options) {
  const bool is_usage = error.kind == ErrorKind::invalid_argument;
  return report_error(error, is_usage ? exit_usage : exit_call_failed, options.json);
}

}  // namespace

int audit_tail_command(const Options& options) {
  auto filter = filter_of(options);
  if (!filter) {
    return report_failure(filter.error(), options);
  }
  const std::string& path = options.operands.front();
  Printer printer(*std::move(filter), options.json);
  printer.keep_last(options.audit.last_count);
  auto file = read_log(path, printer.events());
  if (!file) {
    return report_failure(file.error(), options);
  }
  if (!options.audit.follow) {
    file->finish();
  }
  printer.print_kept();
  if (options.audit.follow) {
    if (const auto ended = follow(path, *std::move(file), printer); !ended) {
      return report_failure(ended.error(), options);
    }
  }
  return printer.end();
}

int audit_query_command(const Options& options) {
  auto filter = filter_of(options);
  if (!filter) {
    return report_failure(filter.error(), options);
  }
  Printer printer(*std::move(filter), options.json);
  auto file = read_log(options.operands.front(), printer.events());
  if (!file) {
    return report_failure(file.error(), options);
  }
  file->finish();
  return printer.end();
}

int audit_stats_command(const Options& options) {
  const auto filter = filter_of(options);
  if (!filter) {
    return report_failure(filter.error(), options);
  }
  Counts counts;
  auto file =
      read_log(options.operands.front(), {.on_record =
                                              [&](const ParsedJson& record, std::string_view) {
                                                if (filter->matches(record)) {
                                                  counts.take(record);
                                                }
                                              },
                                          .on_garbage = [&] { ++counts.garbage; }});
  if (!file) {
    return report_failure(file.error(), options);
  }
  file->finish();
  if (counts.garbage > 0 && !options.json) {
    print_problem(fmt::format("{} lines of the log are no records", counts.garbage));
  }
  return print(options.json ? to_line(counts_json(counts)) : counts_text(counts))
             ? exit_ok
             : exit_call_failed;
}

}  // namespace omnisandbox::cli
