// What people run: each works under confinement as it does outside, and is confined all the same.
#include <string>

#include "process_fixture.h"

namespace omnisandbox {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class Programs : public ProcessTest {
 protected:
  /// Under `config`, with room for large programs.
  Config roomy(std::vector<CommandRule> commands) const {
    Config result = config(std::move(commands));
    result.memory_limit_mb = 1024;
    result.max_write_bytes = 2'000'000'000;
    result.timeout = std::chrono::seconds(120);
    return result;
  }
  static bool has(const std::string& program) { return std::filesystem::exists(program); }
};

#define NEEDS(program)                                     \
  if (!has(program)) {                                     \
    GTEST_SKIP() << (program) << " is not installed here"; \
  }

TEST_F(Programs, GitInARepositoryWithAHistory) {
  NEEDS("/usr/bin/git");
  const Result result = must_run(
      roomy({"git", "sh", "tail"}), "sh",
      {"-c",
       "git init -q . && git config maintenance.auto false && git config user.name n && git config "
       "user.email e@example.com && "
       "git add inside.txt && git commit -qm first && echo more >> inside.txt && echo x > new && "
       "git status --short && git log --format=%s && git diff --stat | tail -1"});
  EXPECT_EQ(result.stdout_data,
            " M inside.txt\n?? new\nfirst\n 1 file changed, 1 insertion(+), 1 deletion(-)\n")
      << result.stderr_data;
  // What is no folder of the policy's is no repository either.
  EXPECT_EQ(must_run(roomy({"git"}), "git", {"-C", path("outside"), "status"}).exit_code, 128);
}

TEST_F(Programs, Go) {
  NEEDS("/usr/local/go/bin/go");
  Config policy = roomy({"/usr/local/go/bin/go"});
  policy.allowed_paths.emplace_back("/usr/local/go", PathAccess::read);
  const Result result = must_run(policy, "/usr/local/go/bin/go", {"version"});
  EXPECT_THAT(result.stdout_data, StartsWith("go version go1.")) << result.stderr_data;
  const Result environment = must_run(policy, "/usr/local/go/bin/go", {"env", "GOROOT", "GOPROXY"});
  EXPECT_THAT(environment.stdout_data, StartsWith("/usr/local/go\n")) << environment.stderr_data;
}

TEST_F(Programs, TarThereAndBack) {
  const Result result = must_run(
      roomy({"tar", "gzip", "sh", "cat", "mkdir"}), "sh",
      {"-c",
       "mkdir -p a/b && echo deep > a/b/deep && tar -czf a.tgz a inside.txt && mkdir out && "
       "tar -xzf a.tgz -C out && cat out/a/b/deep out/inside.txt && tar -tzf a.tgz"});
  EXPECT_EQ(result.stdout_data, "deep\ninsidea/\na/b/\na/b/deep\ninside.txt\n")
      << result.stderr_data;
  const Result other = must_run(roomy({"tar"}), "tar", {"-cf", "x.tar", path("outside")});
  EXPECT_THAT(other.stderr_data, HasSubstr("No such file or directory"));
}

TEST_F(Programs, SortOfALargeFileWithFilesOfItsOwn) {
  // 200 MB, backwards, or a tenth of that; a quarter of it in memory, the rest in temporary files.
  const int lines = test::rounds(200'000, 2'000'000);
  {
    std::ofstream file(folder_ / "work/large");
    char line[112];
    for (int number = lines; number > 0; --number) {
      std::snprintf(line, sizeof line, "%08d %090d\n", number, 0);
      file << line;
    }
  }
  ASSERT_EQ(std::filesystem::file_size(folder_ / "work/large"),
            static_cast<std::uintmax_t>(lines) * 100);
  const Result result = must_run(
      roomy({"sort"}), "sort",
      {"-S", std::to_string(lines * 25) + "b", "-T", path("work"), "-o", "sorted", "large"});
  ASSERT_EQ(result.status, Status::ok) << result.stderr_data;
  std::ifstream sorted(folder_ / "work/sorted");
  std::string line;
  int count = 0;
  while (std::getline(sorted, line)) {
    ++count;
    ASSERT_EQ(std::stoi(line.substr(0, 8), nullptr, 10), count);
  }
  EXPECT_EQ(count, lines);
}

TEST_F(Programs, PythonWithThreadsProcessesAndADatabase) {
  NEEDS("/usr/bin/python3");
  const Result result = must_run(
      roomy({"/usr/bin/python3", "cat"}), "/usr/bin/python3",
      {"-c",
       "import sqlite3, subprocess, tempfile, threading\n"
       "from concurrent.futures import ThreadPoolExecutor\n"
       "print(sum(ThreadPoolExecutor(4).map(lambda n: n * n, range(10))))\n"
       "print(subprocess.run(['cat', 'inside.txt'], capture_output=True).stdout.decode())\n"
       "base = sqlite3.connect('base.db')\n"
       "base.execute('create table t (n)'); base.execute('insert into t values (7)')\n"
       "base.commit()\n"
       "print(sqlite3.connect('base.db').execute('select n from t').fetchone()[0])\n"
       "print(tempfile.mkdtemp().startswith('/tmp/'))\n"
       "try: open('" +
           path("outside/secret.txt") +
           "')\n"
           "except FileNotFoundError: print('not there')\n"});
  EXPECT_EQ(result.stdout_data, "285\ninside\n7\nTrue\nnot there\n") << result.stderr_data;
}

TEST_F(Programs, Node) {
  NEEDS("/usr/bin/node");
  const Result result =
      must_run(roomy({"node"}), "node",
               {"-e",
                "const fs = require('fs'); fs.writeFileSync('made', 'by node');"
                "console.log(fs.readFileSync('inside.txt', 'utf8'), [3, 1, 2].sort().join());"
                "const {Worker} = require('worker_threads');"
                "new Worker('console.log(\"from a thread\")', {eval: true})"
                ".on('exit', () => { try { fs.readFileSync('" +
                    path("outside/secret.txt") +
                    "') }"
                    " catch (problem) { console.log(problem.code) } })"});
  EXPECT_EQ(result.stdout_data, "inside 1,2,3\nfrom a thread\nENOENT\n") << result.stderr_data;
  EXPECT_EQ(read("work/made"), "by node");
}

TEST_F(Programs, CurlWithoutANetworkSaysSo) {
  NEEDS("/usr/bin/curl");
  const Result result = must_run(roomy({"curl"}), "curl", {"-sS", "http://127.0.0.1:1/"});
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(must_run(roomy({"curl"}), "curl", {"--version"}).stdout_data, StartsWith("curl "));
  EXPECT_EQ(
      must_run(roomy({"curl"}), "curl", {"-sS", "file://" + path("work/inside.txt")}).stdout_data,
      "inside");
  EXPECT_THAT(must_run(roomy({"curl"}), "curl", {"-sS", "file://" + path("outside/secret.txt")})
                  .stdout_data,
              Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace omnisandbox
