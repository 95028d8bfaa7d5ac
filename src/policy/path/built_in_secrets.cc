#include "policy/path/built_in_secrets.h"

namespace omnisandbox::policy {
namespace {

constexpr PathAccess none = PathAccess::none;
constexpr PathAccess read = PathAccess::read;
constexpr PathAccess exception = PathAccess::read_write;

constexpr BuiltInSecret secrets[] = {
    {"**/.ssh", none, "SSH keys"},
    {"**/.gnupg", none, "GnuPG keys"},
    {"**/.password-store", none, "passwords"},
    {"**/.local/share/keyrings", none, "passwords of the desktop"},
    {"**/.pki", none, "private keys"},

    // Files of environment variables. The examples among them are meant to be read.
    {"**/.env", none, "environment variables with secrets"},
    {"**/.env.*", none, "environment variables with secrets"},
    {"**/.env.example", exception, "an example"},
    {"**/.env.sample", exception, "an example"},
    {"**/.env.template", exception, "an example"},
    {"**/.env.*.example", exception, "an example"},
    {"**/.env.*.sample", exception, "an example"},
    {"**/.env.*.template", exception, "an example"},
    {"**/.envrc", none, "environment variables; direnv runs it"},

    // Clouds and clusters.
    {"**/.aws", none, "AWS credentials"},
    {"**/.azure", none, "Azure credentials"},
    {"**/.config/gcloud", none, "Google Cloud credentials"},
    {"**/.boto", none, "cloud storage credentials"},
    {"**/.s3cfg", none, "cloud storage credentials"},
    {"**/.config/rclone", none, "cloud storage credentials"},
    {"**/.config/doctl", none, "DigitalOcean credentials"},
    {"**/.config/hcloud", none, "Hetzner Cloud credentials"},
    {"**/.oci", none, "Oracle Cloud credentials"},
    {"**/.kube", none, "Kubernetes credentials"},
    {"**/.docker/config.json", none, "registry credentials"},
    {"**/.config/containers/auth.json", none, "registry credentials"},
    {"**/.vault-token", none, "Vault token"},
    {"**/.terraform.d/credentials.tfrc.json", none, "Terraform credentials"},
    {"**/.terraformrc", none, "Terraform credentials"},

    // Version control and package registries.
    {"**/.git-credentials", none, "Git passwords"},
    {"**/.config/git/credentials", none, "Git passwords"},
    {"**/.config/gh", none, "GitHub credentials"},
    {"**/.config/hub", none, "GitHub credentials"},
    {"**/.config/glab-cli", none, "GitLab credentials"},
    {"**/.netrc", none, "passwords"},
    {"**/_netrc", none, "passwords"},
    {"**/.npmrc", none, "npm token"},
    {"**/.yarnrc.yml", none, "npm token"},
    {"**/.pypirc", none, "PyPI password"},
    {"**/.cargo/credentials", none, "crates.io token"},
    {"**/.cargo/credentials.toml", none, "crates.io token"},
    {"**/.gem/credentials", none, "RubyGems token"},
    {"**/.m2/settings.xml", none, "Maven passwords"},
    {"**/.m2/settings-security.xml", none, "Maven passwords"},
    {"**/.gradle/gradle.properties", none, "Gradle passwords"},
    {"**/.composer/auth.json", none, "Composer credentials"},
    {"**/.nuget/NuGet/NuGet.Config", none, "NuGet credentials"},

    // Data bases.
    {"**/.pgpass", none, "PostgreSQL passwords"},
    {"**/.my.cnf", none, "MySQL password"},
    {"**/.mylogin.cnf", none, "MySQL password"},

    // Browsers and mail: cookies and passwords.
    {"**/.mozilla", none, "browser profile"},
    {"**/.thunderbird", none, "mail profile"},
    {"**/.config/google-chrome*", none, "browser profile"},
    {"**/.config/chromium", none, "browser profile"},
    {"**/.config/BraveSoftware", none, "browser profile"},
    {"**/.config/microsoft-edge*", none, "browser profile"},
    {"**/.config/opera", none, "browser profile"},
    {"**/.config/vivaldi", none, "browser profile"},

    // What a later command of the user runs. Reading the configuration of Git is needed to use it.
    {"**/.git/hooks", none, "Git runs them"},
    {"**/.git/config", read, "Git runs commands from it"},
    {"**/.git/config.worktree", read, "Git runs commands from it"},
    {"**/.git/modules/*/hooks", none, "Git runs them"},
    {"**/.git/modules/*/config", read, "Git runs commands from it"},
    {"**/.gitconfig", read, "Git runs commands from it"},
    {"**/.config/git/config", read, "Git runs commands from it"},
    {"**/.bashrc", none, "a shell runs it"},
    {"**/.bash_profile", none, "a shell runs it"},
    {"**/.bash_login", none, "a shell runs it"},
    {"**/.bash_logout", none, "a shell runs it"},
    {"**/.bash_aliases", none, "a shell runs it"},
    {"**/.profile", none, "a shell runs it"},
    {"**/.zshrc", none, "a shell runs it"},
    {"**/.zshenv", none, "a shell runs it"},
    {"**/.zprofile", none, "a shell runs it"},
    {"**/.zlogin", none, "a shell runs it"},
    {"**/.zlogout", none, "a shell runs it"},
    {"**/.kshrc", none, "a shell runs it"},
    {"**/.cshrc", none, "a shell runs it"},
    {"**/.tcshrc", none, "a shell runs it"},
    {"**/.config/fish", none, "a shell runs it"},
    {"**/.xprofile", none, "the desktop runs it"},
    {"**/.xsessionrc", none, "the desktop runs it"},
    {"**/.config/autostart", read, "the desktop runs it"},
    {"**/.config/systemd", read, "systemd runs it"},
    {"**/.bash_history", none, "commands, often with passwords"},
    {"**/.zsh_history", none, "commands, often with passwords"},
    {"**/.python_history", none, "commands, often with passwords"},
    {"**/.psql_history", none, "commands, often with passwords"},
    {"**/.mysql_history", none, "commands, often with passwords"},

    // Ours: compiled code is trusted by it. The name is cache_secret_name's.
    {"**/omnisandbox-cache.key*", none, "the key of compiled modules"},

    // The system's own.
    {"/etc/shadow*", none, "password hashes"},
    {"/etc/gshadow*", none, "password hashes"},
    {"/etc/ssh/ssh_host_*_key", none, "the host's keys"},
    {"/etc/ssl/private", none, "private keys"},
    {"/run/secrets", none, "secrets of a container"},
    {"/var/run/secrets", none, "secrets of a container"},

    // Other processes, this one included: their memory, environment and open files.
    {"/proc/*/environ", none, "environment of a process"},
    {"/proc/*/mem", none, "memory of a process"},
    {"/proc/*/map_files", none, "memory of a process"},
    {"/proc/*/pagemap", none, "memory of a process"},
    {"/proc/*/maps", none, "memory layout of a process"},
    {"/proc/*/smaps*", none, "memory layout of a process"},
    {"/proc/*/numa_maps", none, "memory layout of a process"},
    {"/proc/*/auxv", none, "memory layout of a process"},
    {"/proc/*/stack", none, "memory layout of a process"},
    {"/proc/*/syscall", none, "memory layout of a process"},
    {"/proc/*/fd", none, "open files of a process"},
    {"/proc/*/fdinfo", none, "open files of a process"},
    {"/proc/*/root", none, "another view of the file system"},
    {"/proc/*/cwd", none, "another view of the file system"},
    {"/proc/*/task", none, "threads of a process"},
    {"/proc/kcore", none, "the machine's memory"},
    {"/proc/kmsg", none, "messages of the kernel"},
    {"/proc/sysrq-trigger", none, "it stops the machine"},
    {"/dev/mem", none, "the machine's memory"},
    {"/dev/fd", none, "open files of a process"},
};

}  // namespace

std::span<const BuiltInSecret> built_in_secrets() { return secrets; }

}  // namespace omnisandbox::policy
