#include "process/launch_plan.h"

#include <concepts>
#include <cstring>

namespace omnisandbox::process {
namespace {

// Both sides run on one machine, from one build: numbers travel as they are in memory.
class Writer {
 public:
  template <class T>
  requires(std::integral<T> || std::is_enum_v<T>) void operator()(const T& value) {
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    text_.append(bytes, sizeof value);
  }
  void operator()(const std::string& text) {
    (*this)(static_cast<std::uint32_t>(text.size()));
    text_ += text;
  }
  template <class T>
  void operator()(const std::vector<T>& list) {
    (*this)(static_cast<std::uint32_t>(list.size()));
    for (const T& entry : list) {
      visit(*this, entry);
    }
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  template <class T>
  requires(std::integral<T> || std::is_enum_v<T>) void operator()(T& value) {
    if (rest_.size() < sizeof value) {
      fail();
      return;
    }
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_.remove_prefix(sizeof value);
  }
  void operator()(std::string& text) {
    const std::uint32_t length = count();
    if (length > rest_.size() || length > max_plan_text_bytes) {
      fail();
      return;
    }
    text.assign(rest_.substr(0, length));
    rest_.remove_prefix(length);
  }
  template <class T>
  void operator()(std::vector<T>& list) {
    const std::uint32_t length = count();
    // Each entry takes a byte at least: a short message cannot make a long list.
    if (length > max_plan_entries || length > rest_.size()) {
      fail();
      return;
    }
    list.reserve(length);
    for (std::uint32_t index = 0; index < length && good_; ++index) {
      visit(*this, list.emplace_back());
    }
  }
  bool at_good_end() const { return good_ && rest_.empty(); }

 private:
  std::uint32_t count() {
    std::uint32_t value = 0;
    (*this)(value);
    return value;
  }
  void fail() {
    good_ = false;
    rest_ = {};
  }
  std::string_view rest_;
  bool good_ = true;
};

// One list of fields for both directions.
template <class Visitor>
void visit(Visitor& visitor,
           auto& text) requires std::same_as<std::remove_cvref_t<decltype(text)>, std::string> {
  visitor(text);
}
template <class Visitor>
void visit(Visitor& visitor,
           auto& step) requires std::same_as<std::remove_cvref_t<decltype(step)>, ViewStep> {
  visitor(step.kind);
  visitor(step.flags);
  visitor(step.source);
  visitor(step.target);
  visitor(step.device);
  visitor(step.inode);
  visitor(step.modified_ns);
  visitor(step.changed_ns);
  visitor(step.size_bytes);
  visitor(step.file_count);
}
template <class Visitor>
void visit(Visitor& visitor,
           auto& rule) requires std::same_as<std::remove_cvref_t<decltype(rule)>, LandlockPath> {
  visitor(rule.path);
  visitor(rule.access);
}
template <class Visitor>
void visit(Visitor& visitor,
           auto& limit) requires std::same_as<std::remove_cvref_t<decltype(limit)>, ResourceLimit> {
  visitor(limit.resource);
  visitor(limit.value);
}
template <class Visitor>
void visit(Visitor& visitor,
           auto& plan) requires std::same_as<std::remove_cvref_t<decltype(plan)>, LaunchPlan> {
  visitor(plan.tier);
  visitor(plan.steps);
  visitor(plan.landlock_paths);
  visitor(plan.seccomp_filter);
  visitor(plan.limits);
  visitor(plan.host_name);
  visitor(plan.proxy_port);
  visitor(plan.watched_memory_bytes);
  visitor(plan.watched_tasks);
  visitor(plan.watched_cpu_ms);
  visitor(plan.has_terminal);
  visitor(plan.hands_calls_over);
  visitor(plan.failing_step);
}
template <class Visitor>
void visit(Visitor& visitor,
           auto& start) requires std::same_as<std::remove_cvref_t<decltype(start)>, CommandStart> {
  visitor(start.program);
  visitor(start.args);
  visitor(start.environment);
  visitor(start.working_dir);
}

template <class Message>
std::string encoded(const Message& message) {
  Writer writer;
  visit(writer, message);
  return writer.take();
}

template <class Message>
std::optional<Message> decoded(std::string_view bytes) {
  if (bytes.size() > max_plan_bytes) {
    return std::nullopt;
  }
  std::optional<Message> message(std::in_place);
  Reader reader(bytes);
  visit(reader, *message);
  if (!reader.at_good_end()) {
    return std::nullopt;
  }
  return message;
}

// Goes over a message as Writer does, and writes nothing.
class Measure {
 public:
  template <class T>
  requires(std::integral<T> || std::is_enum_v<T>) void operator()(const T&) { bytes_ += sizeof(T); }
  void operator()(const std::string& text) {
    bytes_ += sizeof(std::uint32_t) + text.size();
    fits_ &= text.size() <= max_plan_text_bytes;
  }
  template <class T>
  void operator()(const std::vector<T>& list) {
    bytes_ += sizeof(std::uint32_t);
    fits_ &= list.size() <= max_plan_entries;
    for (const T& entry : list) {
      visit(*this, entry);
    }
  }
  bool fits() const { return fits_ && bytes_ <= max_plan_bytes; }

 private:
  std::size_t bytes_ = 0;
  bool fits_ = true;
};

template <class Message>
bool fits(const Message& message) {
  Measure measure;
  visit(measure, message);
  return measure.fits();
}

bool has_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

bool is_usable(const ViewStep& step) {
  return step.kind <= StepKind::keep && step.target.starts_with('/') && !has_nul(step.target) &&
         (step.kind == StepKind::text_file || !has_nul(step.source));
}

}  // namespace

bool is_within_bounds(const LaunchPlan& plan) { return fits(plan); }
bool is_within_bounds(const CommandStart& start) { return fits(start); }

std::string encode(const LaunchPlan& plan) { return encoded(plan); }
std::string encode(const CommandStart& start) { return encoded(start); }

std::optional<LaunchPlan> decode_plan(std::string_view bytes) {
  auto plan = decoded<LaunchPlan>(bytes);
  if (!plan || (plan->tier != Tier::namespaces && plan->tier != Tier::landlock_only)) {
    return std::nullopt;
  }
  for (const ViewStep& step : plan->steps) {
    if (!is_usable(step)) {
      return std::nullopt;
    }
  }
  for (const LandlockPath& rule : plan->landlock_paths) {
    if (!rule.path.starts_with('/') || has_nul(rule.path)) {
      return std::nullopt;
    }
  }
  return plan;
}

std::optional<CommandStart> decode_start(std::string_view bytes) {
  auto start = decoded<CommandStart>(bytes);
  if (!start || start->args.empty() || !start->program.starts_with('/')) {
    return std::nullopt;
  }
  return start;
}

std::string framed(std::string_view message) {
  const auto length = static_cast<std::uint32_t>(message.size());
  std::string result(sizeof length, '\0');
  std::memcpy(result.data(), &length, sizeof length);
  result += message;
  return result;
}

}  // namespace omnisandbox::process
