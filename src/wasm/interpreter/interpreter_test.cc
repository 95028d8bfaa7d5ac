#include "omnisandbox/interpreter.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "base/test_effort.h"
#include "linux/fd.h"
#include "omnisandbox/policy.h"
#include "wasm/interpreter/interpreter_files.h"
#include "wasm/test_support.h"

namespace omnisandbox {
namespace {

using namespace std::chrono_literals;

InterpreterOptions options_for(const std::string& folder) {
  const RuntimeOptions tested = wasm::tested_isolation();
  return {.isolation = tested.isolation, .folder = folder, .worker_program = tested.worker_program};
}

Interpreter make(Language language, Config config = {}) {
  auto policy = Policy::compile(std::move(config));
  EXPECT_TRUE(policy) << policy.error().message;
  auto interpreter =
      Interpreter::create(*policy, language, options_for(OMNISANDBOX_INTERPRETERS_DIR));
  if (!interpreter) {
    ADD_FAILURE() << interpreter.error().message;
    std::abort();
  }
  return std::move(*interpreter);
}

template <class Evaluator>
Evaluation run(Evaluator& evaluator, std::string_view code, EvaluateOptions options = {}) {
  auto evaluation = evaluator.evaluate(code, std::move(options));
  if (!evaluation) {
    ADD_FAILURE() << evaluation.error().message;
    return {};
  }
  return std::move(*evaluation);
}

TEST(Interpreter, EachEvaluationStartsAfresh) {
  Interpreter python = make(Language::python);
  EXPECT_EQ(run(python, "import builtins; builtins.left = 'behind'; x = 1; x").value, "1");
  const auto next = run(python, "import builtins; (hasattr(builtins, 'left'), 'x' in globals())");
  EXPECT_EQ(next.value, "(False, False)") << next.result.stderr_data;
  Interpreter javascript = make(Language::javascript);
  EXPECT_EQ(run(javascript, "globalThis.left = 1; Array.prototype.left = 2; 3").value, "3");
  EXPECT_EQ(run(javascript, "typeof left + typeof [].left").value, "\"undefinedundefined\"");
}

// ---- What a snippet leaves in memory ----

// The pattern is made by the snippet, and never as a whole anywhere else: not in its code, and not
// in this program.
constexpr std::size_t pattern_length = 64;
// Address sanitizer's own map of all memory, in which no content is.
constexpr std::uint64_t shadow_bytes = std::uint64_t{1} << 40;
char pattern_at(std::size_t index) { return static_cast<char>('a' + (index * 7 + 3) % 26); }
constexpr std::string_view make_pattern =
    "held = ''.join(chr(97 + (i * 7 + 3) % 26) for i in range(64)) * 2000; len(held)";

std::size_t count_patterns(std::string_view bytes) {
  std::size_t count = 0;
  for (std::size_t at = bytes.find(pattern_at(0)); at != std::string_view::npos;
       at = bytes.find(pattern_at(0), at + 1)) {
    std::size_t same = 1;
    while (same < pattern_length && at + same < bytes.size() &&
           bytes[at + same] == pattern_at(same)) {
      ++same;
    }
    count += same == pattern_length ? 1 : 0;
  }
  return count;
}

/// Which pages of [begin, end) the process has touched, as the kernel's table tells: most of what
/// it has mapped was never used, and reading that would only make pages.
std::vector<bool> touched_pages(int table, std::uint64_t begin, std::uint64_t end) {
  const auto page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  std::vector<std::uint64_t> entries((end - begin) / page_bytes);
  const ssize_t got = ::pread(table, entries.data(), entries.size() * sizeof entries[0],
                              static_cast<off_t>(begin / page_bytes * sizeof entries[0]));
  std::vector<bool> touched(entries.size(), true);
  for (std::size_t index = 0; got > 0 && index < static_cast<std::size_t>(got) / 8; ++index) {
    touched[index] = entries[index] >> 62 != 0;  // present, or swapped out
  }
  return touched;
}

/// In all writable memory of the process; empty where it may not be read.
std::optional<std::size_t> patterns_in(pid_t pid) {
  const std::string process = "/proc/" + std::to_string(pid);
  std::ifstream maps(process + "/maps");
  const linux_::Fd memory(::open((process + "/mem").c_str(), O_RDONLY | O_CLOEXEC));
  const linux_::Fd table(::open((process + "/pagemap").c_str(), O_RDONLY | O_CLOEXEC));
  if (!memory.is_open() || !table.is_open()) {
    return std::nullopt;
  }
  const auto page_bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  constexpr std::uint64_t window_bytes = 1 << 20;
  std::size_t count = 0;
  std::vector<char> piece(window_bytes);
  for (std::string line; std::getline(maps, line);) {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    char permissions[5] = {};
    if (std::sscanf(line.c_str(), "%lx-%lx %4s", &begin, &end, permissions) != 3 ||
        std::string_view(permissions).substr(0, 2) != "rw" || end - begin > shadow_bytes) {
      continue;
    }
    for (; begin < end; begin += window_bytes) {
      const auto touched = touched_pages(table.get(), begin, std::min(end, begin + window_bytes));
      // Runs of touched pages, so that a pattern on the border of two is found.
      for (std::size_t from = 0; from < touched.size();) {
        std::size_t to = from;
        while (to < touched.size() && touched[to]) {
          ++to;
        }
        if (to == from) {
          ++from;
          continue;
        }
        const ssize_t got = ::pread(memory.get(), piece.data(), (to - from) * page_bytes,
                                    static_cast<off_t>(begin + from * page_bytes));
        count +=
            count_patterns({piece.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0))});
        from = to + 1;
      }
    }
  }
  ::explicit_bzero(piece.data(), piece.size());  // it is in our own memory
  return count;
}

/// Over this process and its children, which are its workers.
std::optional<std::size_t> patterns_anywhere() {
  auto count = patterns_in(::getpid());
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream children(task.path() / "children");
    for (pid_t pid = 0; children >> pid;) {
      const auto more = patterns_in(pid);
      if (!count || !more) {
        return std::nullopt;
      }
      *count += *more;
    }
  }
  return count;
}

TEST(Interpreter, NothingOfASnippetIsLeftInMemory) {
  Interpreter python = make(Language::python);
  EXPECT_EQ(run(python, make_pattern).value, "128000");
  // A worker drops the snippet's memory after it has answered.
  auto left = patterns_anywhere();
  for (int attempt = 0; attempt < 100 && left.value_or(0) > 0; ++attempt) {
    std::this_thread::sleep_for(50ms);
    left = patterns_anywhere();
  }
  if (!left) {
    GTEST_SKIP() << "the memory of worker processes can be read by root only";
  }
  EXPECT_EQ(*left, 0U);
  // A session keeps it, which shows that the search finds what is there.
  auto session = python.open_session();
  ASSERT_TRUE(session);
  EXPECT_EQ(run(*session, make_pattern).value, "128000");
  EXPECT_GT(patterns_anywhere().value_or(0), 1000U);
}

TEST(Interpreter, ManyAtOnceUnderDifferentPolicies) {
  const wasm::TestFolder folder;
  folder.write("a.txt", "content of a");
  folder.write("b.txt", "content of b");
  const auto policy_of = [&](std::string_view name) {
    return Config{.capabilities = {Capability::fs_read},
                  .allowed_paths = {PathRule(folder.file(name))}};
  };
  Interpreter sees_a = make(Language::python, policy_of("a.txt"));
  Interpreter sees_b = make(Language::python, policy_of("b.txt"));
  const auto code_for = [&](std::string_view name) {
    return "open('" + folder.file(name) + "').read()";
  };
  constexpr int count = 8;
  std::vector<std::thread> threads;
  threads.reserve(count);
  for (int number = 0; number < count; ++number) {
    threads.emplace_back([&, number] {
      Interpreter& own = number % 2 == 0 ? sees_a : sees_b;
      const std::string mine = number % 2 == 0 ? "a.txt" : "b.txt";
      const std::string other = number % 2 == 0 ? "b.txt" : "a.txt";
      for (int round = 0; round < test::rounds(4, 10); ++round) {
        EXPECT_EQ(run(own, code_for(mine)).value, "'content of " + mine.substr(0, 1) + "'");
        const auto refused = run(own, code_for(other));
        EXPECT_EQ(refused.result.exit_code, 1);
        EXPECT_FALSE(refused.value);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

TEST(Interpreter, StopEndsASleepingSnippet) {
  Interpreter python = make(Language::python);
  for (const std::string_view code : {"import time; time.sleep(3600)", "while True: pass"}) {
    std::stop_source source;
    std::jthread stopper([&] {
      std::this_thread::sleep_for(100ms);
      source.request_stop();
    });
    const auto evaluation = run(python, code, {.stop = source.get_token()});
    EXPECT_EQ(evaluation.result.status, Status::cancelled);
  }
}

TEST(Interpreter, FilesWrittenCountAgainstTheQuota) {
  const wasm::TestFolder folder;
  Config config{.capabilities = {Capability::fs_read, Capability::fs_write},
                .allowed_paths = {PathRule(folder.path())}};
  config.max_write_bytes = 1'000'000;
  Interpreter python = make(Language::python, config);
  const std::string write = "open('" + folder.file("x") + "', 'wb').write(b'x' * 900000)";
  EXPECT_EQ(run(python, write).value, "900000");
  EXPECT_EQ(std::filesystem::file_size(folder.file("x")), 900'000);
  const auto twice = run(python, write + "; " + write);
  EXPECT_EQ(twice.result.exit_code, 1);
  EXPECT_LT(std::filesystem::file_size(folder.file("x")), 900'000);
}

std::string repeated(Language language, std::string_view character, int count) {
  const std::string quoted = "'" + std::string(character) + "'";
  const std::string number = std::to_string(count);
  return language == Language::python ? quoted + " * " + number
                                      : quoted + ".repeat(" + number + ")";
}

// Output of a kind, so it has output's limit.
TEST(Interpreter, AValueIsKeptUpToTheOutputLimit) {
  Config config;
  config.max_output_bytes = 10;
  for (const Language language : {Language::python, Language::javascript}) {
    Interpreter interpreter = make(language, config);
    auto session = interpreter.open_session();
    ASSERT_TRUE(session);
    const auto whole = run(*session, repeated(language, "x", 8));  // with two quotes
    EXPECT_EQ(whole.value.value_or("").size(), 10U);
    EXPECT_FALSE(whole.value_truncated);
    const auto cut = run(*session, repeated(language, "x", 5'000'000));
    EXPECT_EQ(cut.value.value_or("?").substr(1), "xxxxxxxxx");
    EXPECT_TRUE(cut.value_truncated);
    EXPECT_EQ(cut.result.status, Status::ok);
    EXPECT_FALSE(session->has_ended());
    const auto between = run(interpreter, repeated(language, "ä", 5));  // ten bytes, two quotes
    EXPECT_EQ(between.value.value_or("?").substr(1), "ääää");
    EXPECT_TRUE(between.value_truncated);
    EXPECT_FALSE(run(*session, "not_defined").value_truncated);
  }
}

// What cannot pass to the host is an exception like any other, before anything is called.
TEST(Interpreter, HostFunctionsRefuseValuesOfAnotherKind) {
  const wasm::TestFolder folder;
  Config config{.capabilities = {Capability::fs_read, Capability::fs_write},
                .allowed_paths = {PathRule(folder.path())}};
  const std::string file = "'" + folder.file("f") + "'";
  Interpreter python = make(Language::python, config);
  Interpreter javascript = make(Language::javascript, config);
  auto python_session = python.open_session();
  auto javascript_session = javascript.open_session();
  ASSERT_TRUE(python_session && javascript_session);
  const auto expect_refused = [&](Interpreter::Session& session, const std::string& call,
                                  std::string_view error) {
    folder.write("f", "precious");
    const auto refused = run(session, call);
    EXPECT_EQ(refused.result.status, Status::exited) << call;
    EXPECT_NE(refused.result.stderr_data.find(error), std::string::npos)
        << call << refused.result.stderr_data;
    EXPECT_EQ(refused.result.denial_count, 0U) << call;
    EXPECT_EQ(folder.read("f"), "precious") << call;
    EXPECT_FALSE(session.has_ended()) << call;
  };
  for (const char* call :
       {"http_fetch('http://x/', {'Accept': 'x'})", "http_fetch(None)", "exec_run(['ls', '-l'])",
        "fs_read(None)", "http_fetch('http://x/', body=5)"}) {
    expect_refused(*python_session, std::string("import omnisandbox; omnisandbox.") + call,
                   "TypeError");
  }
  for (const char* content : {"5", "None", "[1]", "memoryview(b'abcd')[::2]"}) {
    expect_refused(*python_session, "omnisandbox.fs_write(" + file + ", " + content + ")",
                   "TypeError");
  }
  for (const std::string& call :
       {std::string("fs_read('\\udc80')"), "fs_write(" + file + ", '\\ud83d')",
        std::string("http_fetch('http://x/', headers={'a': '\\ud800'})")}) {
    expect_refused(*python_session, "omnisandbox." + call, "UnicodeEncodeError");
  }
  for (const std::string content : {"5", "true", "({})", "null", "[1]", "undefined"}) {
    expect_refused(*javascript_session, "omnisandbox.fsWrite(" + file + ", " + content + ")",
                   "TypeError");
    if (content != "undefined") {
      expect_refused(*javascript_session,
                     "omnisandbox.httpFetch('http://x/', {body: " + content + "})", "TypeError");
    }
  }
  const auto written = [&](Interpreter::Session& session, const std::string& call) {
    EXPECT_EQ(run(session, call).result.status, Status::ok) << call;
    return folder.read("f");
  };
  EXPECT_EQ(written(*python_session, "omnisandbox.fs_write(" + file + ", 'ä')"), "ä");
  EXPECT_EQ(written(*python_session, "omnisandbox.fs_write(" + file + ", bytearray(b'ab'))"), "ab");
  EXPECT_EQ(written(*javascript_session,
                    "omnisandbox.fsWrite(" + file + ", new Uint8Array([97, 98]).buffer)"),
            "ab");
  EXPECT_EQ(written(*javascript_session,
                    "omnisandbox.fsWrite(" + file +
                        ", new DataView(new Uint8Array([97, 98, 99]).buffer, 1, 2))"),
            "bc");
  EXPECT_EQ(
      written(*javascript_session, "omnisandbox.fsWrite(" + file + ", new Uint16Array([0x6261]))"),
      "ab");
  EXPECT_EQ(written(*javascript_session, "omnisandbox.fsWrite(" + file + ", 'ä')"), "ä");
}

// However a snippet ends, and whatever it broke, its end is told on standard error.
TEST(Interpreter, AnEndIsToldWhateverTheSnippetBroke) {
  const std::vector<std::tuple<Language, std::string, int, std::string>> cases = {
      {Language::python, "import sys; sys.stderr.close(); sys.exit('bye')", 1, "bye"},
      {Language::python,
       "class S:\n  def __str__(self): raise ValueError('none')\nraise SystemExit(S())", 1,
       "ValueError: none"},
      {Language::python, "class S(SystemExit):\n  code = property(lambda s: 1 / 0)\nraise S()", 1,
       "ZeroDivisionError"},
      {Language::python, "import sys; sys.stderr = None; 1 / 0", 1, "ZeroDivisionError"},
      {Language::python, "import sys, io; sys.stderr = io.StringIO(); 1 / 0", 1,
       "ZeroDivisionError"},
      {Language::python, "raise SystemExit(1 << 70)", 255, ""},
      {Language::python, "raise SystemExit(259)", 3, ""},
      {Language::javascript, "let e = new Error('x'); e.stack = 7; throw e", 1,
       "Uncaught Error: x"},
      {Language::javascript,
       "throw new Proxy({}, {get() { throw 1 }, getPrototypeOf() { throw 2 }})", 1, "Uncaught"},
      {Language::javascript, "String.prototype.split = null; throw new Error('x')", 1,
       "Uncaught Error: x"},
      {Language::javascript, "Error = String = JSON.stringify = null; throw new TypeError('x')", 1,
       "Uncaught TypeError: x"}};
  for (const auto& [language, code, exit_code, error] : cases) {
    Interpreter interpreter = make(language);
    auto session = interpreter.open_session();
    ASSERT_TRUE(session);
    const auto ended = run(*session, code);
    EXPECT_EQ(ended.result.status, Status::exited) << code;
    EXPECT_EQ(ended.result.exit_code, exit_code) << code;
    EXPECT_NE(ended.result.stderr_data.find(error), std::string::npos)
        << code << ended.result.stderr_data;
    EXPECT_EQ(ended.result.stdout_data, "") << code;
    EXPECT_EQ(run(*session, "40 + 2").value, "42") << code;
  }
}

TEST(Interpreter, RefusesWhatIsNoText) {
  Interpreter python = make(Language::python);
  for (const std::string_view code : {std::string_view("a\0b", 3), std::string_view("\xff")}) {
    const auto refused = python.evaluate(code);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::invalid_argument);
  }
  EXPECT_EQ(run(python, "'größe'").value, "'größe'");
}

TEST(Interpreter, FuelIsRefusedRatherThanIgnored) {
  auto policy = Policy::compile(Config{.fuel_limit = 1000});
  ASSERT_TRUE(policy);
  const auto refused =
      Interpreter::create(*policy, Language::python, options_for(OMNISANDBOX_INTERPRETERS_DIR));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::unavailable);
}

TEST(InterpreterSession, KeepsItsVariables) {
  for (const auto& [language, set, get, value] :
       {std::tuple{Language::python, "x = 20", "x + 1", "21"},
        std::tuple{Language::javascript, "var x = 20; undefined", "x + 1", "21"}}) {
    Interpreter interpreter = make(language);
    auto session = interpreter.open_session();
    auto other = interpreter.open_session();
    ASSERT_TRUE(session && other);
    EXPECT_EQ(run(*session, set).value, std::nullopt);
    EXPECT_EQ(run(*session, get).value, value);
    EXPECT_EQ(run(*other, get).result.exit_code, 1);  // not there
    EXPECT_FALSE(session->has_ended());
  }
}

TEST(InterpreterSession, ARejectionIsTheSnippetsThatLeftIt) {
  Interpreter javascript = make(Language::javascript);
  auto session = javascript.open_session();
  ASSERT_TRUE(session);
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(run(*session, "'good'").value, "\"good\"");
    const auto left = run(*session, "Promise.reject(new Error('left')); Promise.reject(2); 1");
    EXPECT_EQ(left.result.exit_code, 1);
    EXPECT_EQ(left.value, std::nullopt);
    EXPECT_NE(left.result.stderr_data.find("Uncaught (in promise) Error: left"), std::string::npos)
        << left.result.stderr_data;
    EXPECT_EQ(run(*session, "Promise.reject(3); throw new Error('first')").result.exit_code, 1);
    EXPECT_EQ(run(*session, "Promise.reject(4).catch((n) => n + 1)").value, "5");
    EXPECT_EQ(run(*session, "globalThis.setTimeout = 1; 6").value, "6");
  }
}

TEST(InterpreterSession, ADeadlineIsToldByTheNameOfTheTimeout) {
  Interpreter python = make(Language::python, {.timeout = 40s});
  auto session = python.open_session();
  ASSERT_TRUE(session);
  const auto message = [](auto& evaluator, EvaluateOptions options) {
    options.deadline = std::chrono::steady_clock::now() + 200ms;
    const Result result = run(evaluator, "while True: pass", std::move(options)).result;
    EXPECT_EQ(result.status, Status::timeout);
    return wasm::message_of(result);
  };
  EXPECT_NE(message(python, {}).find("after 40 s (timeout)"), std::string::npos);
  EXPECT_NE(message(*session, {.timeout = 30s}).find("after 30 s (timeout)"), std::string::npos);
}

TEST(InterpreterSession, GoesOnAfterAnExceptionAndEndsWithADeadline) {
  Interpreter python = make(Language::python);
  auto session = python.open_session();
  ASSERT_TRUE(session);
  EXPECT_EQ(run(*session, "x = 1; 1/0").result.exit_code, 1);
  EXPECT_EQ(run(*session, "import sys; sys.exit(5)").result.exit_code, 5);
  EXPECT_EQ(run(*session, "x").value, "1");
  EXPECT_EQ(run(*session, "while True: pass", {.timeout = 200ms}).result.status, Status::timeout);
  EXPECT_TRUE(session->has_ended());
  const auto refused = session->evaluate("x");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::unavailable);
}

TEST(InterpreterSession, AForkedChildHarmsNobody) {
  Interpreter python = make(Language::python);
  auto session = python.open_session();
  ASSERT_TRUE(session);
  EXPECT_EQ(run(*session, "x = 1; x").value, "1");
  const pid_t child = ::fork();
  if (child == 0) {
    bool refused = false;
    {
      Interpreter own = std::move(python);
      const Interpreter::Session inherited = std::move(*session);
      refused = !own.evaluate("1");
    }
    ::_exit(refused ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(run(*session, "x").value, "1");
}

TEST(InterpreterSession, KeepsItsOpenFiles) {
  const wasm::TestFolder folder;
  Interpreter python =
      make(Language::python, {.capabilities = {Capability::fs_read, Capability::fs_write},
                              .allowed_paths = {PathRule(folder.path())}});
  auto session = python.open_session();
  ASSERT_TRUE(session);
  EXPECT_EQ(run(*session, "f = open('" + folder.file("log") + "', 'w'); f.write('a')").value, "1");
  EXPECT_EQ(run(*session, "f.write('b'); f.close()").result.status, Status::ok);
  EXPECT_EQ(folder.read("log"), "ab");
}

TEST(InterpreterSession, QuotasAreTheWholeSessions) {
  const wasm::TestFolder folder;
  folder.write("f", "content");
  Config config{.capabilities = {Capability::fs_read, Capability::fs_write},
                .allowed_paths = {PathRule(folder.path())}};
  config.max_write_bytes = 10;
  config.max_files_created = 2;
  config.max_host_calls = 8;
  Interpreter python = make(Language::python, config);
  const auto write = [&](std::string_view name, std::string_view text) {
    return "import omnisandbox; omnisandbox.fs_write('" + folder.file(name) + "', '" +
           std::string(text) + "')";
  };
  auto bytes = python.open_session();
  auto other = python.open_session();
  ASSERT_TRUE(bytes && other);
  EXPECT_EQ(run(*bytes, write("a", "123456")).result.status, Status::ok);
  EXPECT_EQ(run(*bytes, write("b", "123456")).result.exit_code, 1);
  EXPECT_FALSE(std::filesystem::exists(folder.file("b")));
  const std::string as_a_file =
      "with open('" + folder.file("a") + "', 'w') as f: f.write('123456')";
  EXPECT_EQ(run(*bytes, as_a_file).result.exit_code, 1);
  EXPECT_EQ(run(*bytes, write("b", "1234")).result.status, Status::ok);  // what was left
  EXPECT_EQ(run(*other, write("a", "123456")).result.status, Status::ok);

  auto files = python.open_session();
  ASSERT_TRUE(files);
  const auto make_file = [&](std::string_view name) {
    return "open('" + folder.file(name) + "', 'w').close()";
  };
  EXPECT_EQ(run(*files, make_file("c")).result.status, Status::ok);
  EXPECT_EQ(run(*files, make_file("d")).result.status, Status::ok);
  EXPECT_EQ(run(*files, make_file("e")).result.exit_code, 1);
  EXPECT_FALSE(std::filesystem::exists(folder.file("e")));

  auto calls = python.open_session();
  ASSERT_TRUE(calls);
  const std::string read =
      "import omnisandbox; omnisandbox.fs_read('" + folder.file("f") + "').decode()";
  int count = 0;
  while (count < 20 && run(*calls, read).value == "'content'") {
    ++count;
  }
  EXPECT_GT(count, 1);
  EXPECT_LE(count, 8);
  EXPECT_EQ(run(python, read).value, "'content'");  // a fresh interpreter's are its own
}

// A refusal is reported with the snippet that met it, and the next one has all its time.
TEST(InterpreterSession, DenialsAndTheDeadlineAreASnippetsOwn) {
  Interpreter python = make(Language::python, {.timeout = 2s});
  auto session = python.open_session();
  ASSERT_TRUE(session);
  EXPECT_EQ(
      run(*session, "import omnisandbox; omnisandbox.fs_read('/etc/passwd')").result.denial_count,
      1U);
  EXPECT_EQ(run(*session, "import time; time.sleep(1.2)").result.denial_count, 0U);
  EXPECT_EQ(run(*session, "time.sleep(1.2)").result.status, Status::ok);
}

// The language's error for it is believed where the host refused memory, and not else.
TEST(InterpreterSession, AnErrorThatTalksOfMemoryIsNoMemoryLimit) {
  const std::vector<std::pair<Language, std::string>> cases = {
      {Language::python, "raise MemoryError"},
      {Language::python, "eval('(' * 500 + ')' * 500)"},
      {Language::javascript, "throw 'out of memory'"}};
  for (const auto& [language, code] : cases) {
    Interpreter interpreter = make(language);
    auto session = interpreter.open_session();
    ASSERT_TRUE(session);
    const auto ended = run(*session, code);
    EXPECT_EQ(ended.result.status, Status::exited) << code;
    EXPECT_EQ(ended.result.exit_code, 1) << code;
    EXPECT_EQ(run(*session, "40 + 2").value, "42") << code;
  }
  for (const std::string_view filler : {"new Uint8Array(1 << 20)", "{x: 1}"}) {
    Interpreter javascript = make(Language::javascript, {.timeout = 60s});
    const auto ended =
        run(javascript, "const a = []; while (true) a.push(" + std::string(filler) + ")");
    EXPECT_EQ(ended.result.status, Status::memory_limit) << filler;
  }
  Interpreter python = make(Language::python);
  auto session = python.open_session();
  ASSERT_TRUE(session);
  const std::string caught = "try: bytearray(1 << 30)\nexcept MemoryError: pass";
  EXPECT_EQ(run(*session, caught).result.status, Status::ok);
  EXPECT_EQ(run(*session, "raise MemoryError").result.status, Status::exited);  // not this one's
  EXPECT_EQ(run(*session, "bytearray(1 << 30)").result.status, Status::memory_limit);
  EXPECT_TRUE(session->has_ended());
}

TEST(InterpreterSession, InputArgumentsAndEnvironmentAreASnippetsOwn) {
  Interpreter python = make(Language::python);
  auto session = python.open_session();
  ASSERT_TRUE(session);
  const EvaluateOptions first{
      .args = {"a"}, .stdin_data = "one\ntwo\n", .environment = {{"TOKEN", "secret"}}};
  EXPECT_EQ(run(*session,
                "import os, sys; (os.environ['TOKEN'], sys.stdin.readline(), sys.argv[1:])", first)
                .value,
            "('secret', 'one\\n', ['a'])");
  const std::string all = "(dict(os.environ), sys.stdin.read(), sys.argv[1:])";
  EXPECT_EQ(run(*session, all, {.stdin_data = "three"}).value, "({}, 'three', [])");
  EXPECT_EQ(run(*session, all).value, "({}, '', [])");
}

TEST(InterpreterSession, MemoryIsTheWholeSessions) {
  Interpreter python = make(Language::python);
  auto session = python.open_session();
  ASSERT_TRUE(session);
  EXPECT_EQ(run(*session, "a = bytearray(60 << 20); len(a)").result.status, Status::ok);
  EXPECT_EQ(run(*session, "b = bytearray(60 << 20)").result.status, Status::memory_limit);
}

TEST(InterpreterSession, EndsWithAnExitThatSkipsTheInterpreter) {
  Interpreter python = make(Language::python);
  auto session = python.open_session();
  ASSERT_TRUE(session);
  EXPECT_EQ(run(*session, "x = 1; import os; os._exit(7)").result.exit_code, 1);
  EXPECT_TRUE(session->has_ended());
  EXPECT_EQ(run(python, "'x' in globals()").value, "False");
}

// The engine trusts what it maps, so a file that others could have written is not mapped.
TEST(InterpreterFiles, AreUsedOnlyWhereNobodyElseCanWrite) {
  const wasm::TestFolder folder;
  std::filesystem::permissions(folder.path(), std::filesystem::perms::owner_all);
  for (const char* name : {"python.code", "python.shape"}) {
    std::filesystem::copy_file(std::string(OMNISANDBOX_INTERPRETERS_DIR) + "/" + name,
                               folder.file(name));
  }
  auto policy = Policy::compile({});
  const auto create = [&] {
    return Interpreter::create(*policy, Language::python, options_for(folder.path()));
  };
  EXPECT_TRUE(create());
  using std::filesystem::perm_options;
  using std::filesystem::perms;
  for (const std::string& changed :
       {folder.file("python.code"), folder.file("python.shape"), folder.path()}) {
    for (const perms added : {perms::group_write, perms::others_write}) {
      std::filesystem::permissions(changed, added, perm_options::add);
      const auto refused = create();
      ASSERT_FALSE(refused) << changed;
      EXPECT_EQ(refused.error().kind, ErrorKind::unavailable);
      std::filesystem::permissions(changed, added, perm_options::remove);
    }
  }
  EXPECT_TRUE(create());
}

TEST(InterpreterFiles, DamagedOrAbsentIsAnError) {
  const wasm::TestFolder folder;
  std::filesystem::permissions(folder.path(), std::filesystem::perms::owner_all);
  auto policy = Policy::compile({});
  // A worker finds that code is damaged when it maps it.
  const auto kind = [&] {
    auto made = Interpreter::create(*policy, Language::python, options_for(folder.path()));
    if (!made) {
      return std::string(to_string(made.error().kind));
    }
    const auto evaluation = made->evaluate("1");
    return !evaluation || !evaluation->result.error
               ? std::string("made")
               : std::string(to_string(evaluation->result.error->kind));
  };
  EXPECT_EQ(kind(), "unavailable");
  folder.write("python.code", "not code");
  folder.write("python.shape", "1 1000 1\n");
  EXPECT_EQ(kind(), "unavailable");
  folder.write("python.shape", "x");
  EXPECT_EQ(kind(), "unavailable");
  const auto open_files = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  };
  const auto before = open_files();
  for (int time = 0; time < 5; ++time) {
    EXPECT_EQ(kind(), "unavailable");
  }
  EXPECT_EQ(open_files(), before);
}

}  // namespace
}  // namespace omnisandbox
