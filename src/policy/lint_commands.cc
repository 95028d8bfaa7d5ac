#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "base/error.h"
#include "policy/lint.h"

namespace omnisandbox::policy {
namespace {

// Why a program opens more than its name says. The reason and the advice belong to the kind.
enum class Kind : std::uint8_t {
  shell,
  interpreter,
  launcher,
  many_in_one,
  loader,
  privileges,
  namespaces,
  containers,
  remote,
  network,
  debugger,
  builder,
  packages,
  editor,
  options,
};

struct KindText {
  Kind kind;
  std::string_view message;
  std::string_view advice;
};

constexpr KindText kinds[] = {
    {Kind::shell,
     "a shell runs whatever its arguments say, so that the list of commands means little",
     "list the programs themselves; exec_run passes arguments without a shell"},
    {Kind::interpreter, "an interpreter runs whatever code it is given",
     "run the code in the WebAssembly sandbox (`eval`), or list the one program that is needed"},
    {Kind::launcher, "it runs the program that its arguments name", "list that program itself"},
    {Kind::many_in_one, "it is many programs in one, a shell among them",
     "list the one program, such as /bin/ls"},
    {Kind::loader, "the loader runs any file, also one that is not executable",
     "list the program itself"},
    {Kind::privileges,
     "it changes the user or the privileges; inside the sandbox it gains nothing, outside it is a "
     "way to root",
     "take it out"},
    {Kind::namespaces, "it makes namespaces and mounts, which the sandbox forbids", "take it out"},
    {Kind::containers, "it commands the container engine, and who does that is root on the machine",
     "use the Docker sandbox, which runs the container under the policy"},
    {Kind::remote, "it runs commands on other machines, and can be made to run some on this one",
     "use http_fetch, or list the one host and command by args"},
    {Kind::network, "it sends anything anywhere that the network allows",
     "use http_fetch, which asks the policy for each request"},
    {Kind::debugger, "it reads and changes other processes, and runs any program", "take it out"},
    {Kind::builder, "it runs the commands that a file in the folder names",
     "list the one target by args, and let no tool write that file"},
    {Kind::packages, "it runs scripts that packages bring along", "install packages beforehand"},
    {Kind::editor, "it can run a shell from inside", "list cat, head or tail instead"},
    {Kind::options, "some of its options run other programs or write files",
     "narrow it by args, arg_globs or arg_regexes"},
};

struct WideCommand {
  std::string_view name;
  Kind kind;
};

constexpr WideCommand wide_commands[] = {
    {"sh", Kind::shell},
    {"bash", Kind::shell},
    {"rbash", Kind::shell},
    {"dash", Kind::shell},
    {"ash", Kind::shell},
    {"zsh", Kind::shell},
    {"fish", Kind::shell},
    {"ksh", Kind::shell},
    {"mksh", Kind::shell},
    {"csh", Kind::shell},
    {"tcsh", Kind::shell},
    {"pwsh", Kind::shell},
    {"nu", Kind::shell},
    {"xonsh", Kind::shell},
    {"elvish", Kind::shell},
    {"python", Kind::interpreter},
    {"pypy", Kind::interpreter},
    {"ipython", Kind::interpreter},
    {"perl", Kind::interpreter},
    {"ruby", Kind::interpreter},
    {"irb", Kind::interpreter},
    {"node", Kind::interpreter},
    {"nodejs", Kind::interpreter},
    {"deno", Kind::interpreter},
    {"bun", Kind::interpreter},
    {"php", Kind::interpreter},
    {"lua", Kind::interpreter},
    {"luajit", Kind::interpreter},
    {"tclsh", Kind::interpreter},
    {"expect", Kind::interpreter},
    {"guile", Kind::interpreter},
    {"java", Kind::interpreter},
    {"jshell", Kind::interpreter},
    {"groovy", Kind::interpreter},
    {"scala", Kind::interpreter},
    {"Rscript", Kind::interpreter},
    {"R", Kind::interpreter},
    {"octave", Kind::interpreter},
    {"julia", Kind::interpreter},
    {"elixir", Kind::interpreter},
    {"erl", Kind::interpreter},
    {"ghci", Kind::interpreter},
    {"runghc", Kind::interpreter},
    {"awk", Kind::interpreter},
    {"gawk", Kind::interpreter},
    {"mawk", Kind::interpreter},
    {"nawk", Kind::interpreter},
    {"sqlite", Kind::interpreter},
    {"psql", Kind::interpreter},
    {"mysql", Kind::interpreter},
    {"gdb-python", Kind::interpreter},
    {"env", Kind::launcher},
    {"xargs", Kind::launcher},
    {"parallel", Kind::launcher},
    {"nohup", Kind::launcher},
    {"nice", Kind::launcher},
    {"ionice", Kind::launcher},
    {"chrt", Kind::launcher},
    {"taskset", Kind::launcher},
    {"timeout", Kind::launcher},
    {"time", Kind::launcher},
    {"watch", Kind::launcher},
    {"stdbuf", Kind::launcher},
    {"setsid", Kind::launcher},
    {"script", Kind::launcher},
    {"screen", Kind::launcher},
    {"tmux", Kind::launcher},
    {"flock", Kind::launcher},
    {"start-stop-daemon", Kind::launcher},
    {"daemonize", Kind::launcher},
    {"at", Kind::launcher},
    {"batch", Kind::launcher},
    {"crontab", Kind::launcher},
    {"systemd-run", Kind::launcher},
    {"systemctl", Kind::launcher},
    {"busctl", Kind::launcher},
    {"dbus-send", Kind::launcher},
    {"setarch", Kind::launcher},
    {"linux32", Kind::launcher},
    {"linux64", Kind::launcher},
    {"prlimit", Kind::launcher},
    {"runcon", Kind::launcher},
    {"catchsegv", Kind::launcher},
    {"entr", Kind::launcher},
    {"xvfb-run", Kind::launcher},
    {"unbuffer", Kind::launcher},
    {"choom", Kind::launcher},
    {"busybox", Kind::many_in_one},
    {"toybox", Kind::many_in_one},
    {"sbase-box", Kind::many_in_one},
    {"ld.so", Kind::loader},
    {"ld-linux.so", Kind::loader},
    {"sudo", Kind::privileges},
    {"sudoedit", Kind::privileges},
    {"su", Kind::privileges},
    {"doas", Kind::privileges},
    {"pkexec", Kind::privileges},
    {"runuser", Kind::privileges},
    {"setpriv", Kind::privileges},
    {"capsh", Kind::privileges},
    {"newgrp", Kind::privileges},
    {"sg", Kind::privileges},
    {"gosu", Kind::privileges},
    {"su-exec", Kind::privileges},
    {"chroot", Kind::namespaces},
    {"nsenter", Kind::namespaces},
    {"unshare", Kind::namespaces},
    {"mount", Kind::namespaces},
    {"umount", Kind::namespaces},
    {"pivot_root", Kind::namespaces},
    {"bwrap", Kind::namespaces},
    {"firejail", Kind::namespaces},
    {"ip", Kind::namespaces},
    {"switch_root", Kind::namespaces},
    {"proot", Kind::namespaces},
    {"fakeroot", Kind::launcher},
    {"docker", Kind::containers},
    {"podman", Kind::containers},
    {"nerdctl", Kind::containers},
    {"ctr", Kind::containers},
    {"crictl", Kind::containers},
    {"runc", Kind::containers},
    {"crun", Kind::containers},
    {"buildah", Kind::containers},
    {"kubectl", Kind::containers},
    {"helm", Kind::containers},
    {"machinectl", Kind::containers},
    {"lxc", Kind::containers},
    {"systemd-nspawn", Kind::containers},
    {"docker-compose", Kind::containers},
    {"ssh", Kind::remote},
    {"scp", Kind::remote},
    {"sftp", Kind::remote},
    {"rsync", Kind::remote},
    {"mosh", Kind::remote},
    {"telnet", Kind::remote},
    {"rsh", Kind::remote},
    {"ansible", Kind::remote},
    {"ansible-playbook", Kind::remote},
    {"curl", Kind::network},
    {"wget", Kind::network},
    {"nc", Kind::network},
    {"ncat", Kind::network},
    {"netcat", Kind::network},
    {"socat", Kind::network},
    {"openssl", Kind::network},
    {"ftp", Kind::network},
    {"aria2c", Kind::network},
    {"aws", Kind::network},
    {"gcloud", Kind::network},
    {"az", Kind::network},
    {"gh", Kind::network},
    {"gsutil", Kind::network},
    {"rclone", Kind::network},
    {"gdb", Kind::debugger},
    {"lldb", Kind::debugger},
    {"strace", Kind::debugger},
    {"ltrace", Kind::debugger},
    {"perf", Kind::debugger},
    {"valgrind", Kind::debugger},
    {"bpftrace", Kind::debugger},
    {"rr", Kind::debugger},
    {"make", Kind::builder},
    {"gmake", Kind::builder},
    {"ninja", Kind::builder},
    {"cmake", Kind::builder},
    {"meson", Kind::builder},
    {"bazel", Kind::builder},
    {"cargo", Kind::builder},
    {"go", Kind::builder},
    {"mvn", Kind::builder},
    {"gradle", Kind::builder},
    {"rake", Kind::builder},
    {"scons", Kind::builder},
    {"just", Kind::builder},
    {"tox", Kind::builder},
    {"pytest", Kind::builder},
    {"gcc", Kind::options},
    {"g++", Kind::options},
    {"cc", Kind::options},
    {"clang", Kind::options},
    {"clang++", Kind::options},
    {"c++", Kind::options},
    {"ld", Kind::options},
    {"npm", Kind::packages},
    {"npx", Kind::packages},
    {"yarn", Kind::packages},
    {"pnpm", Kind::packages},
    {"pip", Kind::packages},
    {"pipx", Kind::packages},
    {"uv", Kind::packages},
    {"uvx", Kind::packages},
    {"poetry", Kind::packages},
    {"conda", Kind::packages},
    {"gem", Kind::packages},
    {"bundle", Kind::packages},
    {"composer", Kind::packages},
    {"apt", Kind::packages},
    {"apt-get", Kind::packages},
    {"dpkg", Kind::packages},
    {"rpm", Kind::packages},
    {"dnf", Kind::packages},
    {"yum", Kind::packages},
    {"apk", Kind::packages},
    {"pacman", Kind::packages},
    {"brew", Kind::packages},
    {"snap", Kind::packages},
    {"nix", Kind::packages},
    {"vi", Kind::editor},
    {"vim", Kind::editor},
    {"nvim", Kind::editor},
    {"view", Kind::editor},
    {"ex", Kind::editor},
    {"ed", Kind::editor},
    {"emacs", Kind::editor},
    {"nano", Kind::editor},
    {"less", Kind::editor},
    {"more", Kind::editor},
    {"most", Kind::editor},
    {"man", Kind::editor},
    {"mc", Kind::editor},
    {"ranger", Kind::editor},
    {"pico", Kind::editor},
    {"find", Kind::options},
    {"fd", Kind::options},
    {"fdfind", Kind::options},
    {"tar", Kind::options},
    {"bsdtar", Kind::options},
    {"cpio", Kind::options},
    {"zip", Kind::options},
    {"unzip", Kind::options},
    {"7z", Kind::options},
    {"sed", Kind::options},
    {"sort", Kind::options},
    {"split", Kind::options},
    {"git", Kind::options},
    {"hg", Kind::options},
    {"svn", Kind::options},
    {"rg", Kind::options},
    {"ffmpeg", Kind::options},
    {"convert", Kind::options},
    {"magick", Kind::options},
    {"tee", Kind::options},
    {"dd", Kind::options},
    {"install", Kind::options},
    {"pdflatex", Kind::options},
    {"latex", Kind::options},
    {"xelatex", Kind::options},
    {"tcpdump", Kind::options},
    {"nmap", Kind::options},
    {"gs", Kind::options},
    {"jq", Kind::options},
    {"bc", Kind::options},
};

// "/usr/bin/python3.11" is python, "gcc-12" is gcc, and "ld-linux-x86-64.so.2" the loader.
std::string base_name(std::string_view command) {
  std::string_view name = command.substr(command.rfind('/') + 1);
  if (name.starts_with("ld-linux") || name.starts_with("ld-musl") || name.starts_with("ld.so")) {
    return "ld.so";
  }
  const std::size_t end = name.find_last_not_of("0123456789.");
  std::string_view stem = end == std::string_view::npos ? name : name.substr(0, end + 1);
  if (stem.size() != name.size() && stem.ends_with('-')) {
    stem.remove_suffix(1);
  }
  return std::string(stem);
}

const WideCommand* find_wide(std::string_view command) {
  const std::string_view full = command.substr(command.rfind('/') + 1);
  const std::string stem = base_name(command);
  const auto find = [](std::string_view name) -> const WideCommand* {
    const auto* found = std::find_if(std::begin(wide_commands), std::end(wide_commands),
                                     [&](const WideCommand& wide) { return wide.name == name; });
    return found == std::end(wide_commands) ? nullptr : found;
  };
  const WideCommand* wide = find(full);
  return wide != nullptr ? wide : find(stem);
}

const KindText& text_of(Kind kind) {
  return *std::find_if(std::begin(kinds), std::end(kinds),
                       [&](const KindText& text) { return text.kind == kind; });
}

bool is_narrowed(const CommandRule& rule) {
  return !rule.args.empty() || !rule.arg_globs.empty() || !rule.arg_regexes.empty();
}

}  // namespace

void lint_commands(const Config& config, std::vector<PolicyWarning>& warnings) {
  for (std::size_t index = 0; index < config.allowed_commands.size(); ++index) {
    const CommandRule& rule = config.allowed_commands[index];
    const std::string where = fmt::format("allowed_commands[{}]", index);
    if (rule.command == "*") {
      warnings.push_back(
          {.where = where,
           .message = "every program of the machine may run, shells and interpreters among them",
           .advice = "list the programs that the tool needs"});
    } else if (const WideCommand* wide = find_wide(rule.command)) {
      // What is dangerous by some options alone is fine once the arguments are narrowed.
      const bool depends_on_arguments =
          wide->kind == Kind::options || wide->kind == Kind::builder ||
          wide->kind == Kind::packages || wide->kind == Kind::remote ||
          wide->kind == Kind::network || wide->kind == Kind::containers;
      if (!depends_on_arguments || !is_narrowed(rule)) {
        const KindText& text = text_of(wide->kind);
        warnings.push_back(
            {.where = where,
             .message = fmt::format("{}: {}", base::printable(rule.command, 100), text.message),
             .advice = std::string(text.advice)});
      }
    }
    lint_environment(rule.environment, where, warnings);
  }
}

}  // namespace omnisandbox::policy
