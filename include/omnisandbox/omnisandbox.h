#ifndef OMNISANDBOX_OMNISANDBOX_H_
#define OMNISANDBOX_OMNISANDBOX_H_

/* The C interface of libomnisandbox.so, for programs and bindings in other languages than C++.
 *
 * Names and meaning are those of the C++ interface: the documentation of a function there (the
 * header is named beside each group) holds here too.
 *
 * Errors. A function that can fail returns NULL when it succeeded, else an error object that the
 * caller frees. What it would have given through its last argument is then NULL. A required
 * argument that is NULL is an error of kind `invalid_argument`.
 *
 * Ownership. Whatever a function gives through a pointer to a pointer belongs to the caller, who
 * frees it with the function of its name (`…_free`; NULL is allowed there). Arguments are copied or
 * only read during the call. `omnisandbox_bytes_t` and `const` pointers that are returned point
 * into the object that was asked, and are valid until it is freed.
 *
 * Threads. A policy, an audit log, a cancellation, host functions, a runtime, an interpreter, a
 * process sandbox, a docker sandbox, exports: any thread, at the same time; a docker session as
 * well, but not from a callback of one of its own runs. An error, an explanation, a buffer, a
 * result, a listing and a response never change: any thread as well. Settings, an input, a request
 * and a session: one thread at a time. An object may be freed on any thread, after all calls that
 * use it have returned; runtimes and the like may outlive the policy, settings and audit log that
 * they were made with. Sessions must be freed before their interpreter.
 *
 * Fork. Objects belong to the process that made them; a child makes its own.
 *
 * Callbacks may be called from any thread (each says more), and must return: no longjmp, no
 * exception. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__GNUC__)
#define OMNISANDBOX_API __attribute__((visibility("default")))
#define OMNISANDBOX_CALL __attribute__((visibility("default"), warn_unused_result))
#else
#define OMNISANDBOX_API
#define OMNISANDBOX_CALL
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of somebody else: text is UTF-8 unless it says otherwise, and not NUL-terminated. */
typedef struct omnisandbox_bytes {
  const char* data; /* may be NULL when size is 0 */
  size_t size;
} omnisandbox_bytes_t;

/* A NUL-terminated string as an argument; NULL is the empty one. */
static inline omnisandbox_bytes_t omnisandbox_text(const char* text) {
  omnisandbox_bytes_t bytes;
  bytes.data = text;
  bytes.size = text == NULL ? 0 : strlen(text);
  return bytes;
}

typedef struct omnisandbox_audit omnisandbox_audit_t;
typedef struct omnisandbox_buffer omnisandbox_buffer_t;
typedef struct omnisandbox_cancellation omnisandbox_cancellation_t;
typedef struct omnisandbox_denial omnisandbox_denial_t;
typedef struct omnisandbox_docker_sandbox omnisandbox_docker_sandbox_t;
typedef struct omnisandbox_docker_session omnisandbox_docker_session_t;
typedef struct omnisandbox_error omnisandbox_error_t;
typedef struct omnisandbox_explanation omnisandbox_explanation_t;
typedef struct omnisandbox_exports omnisandbox_exports_t;
typedef struct omnisandbox_functions omnisandbox_functions_t;
typedef struct omnisandbox_input omnisandbox_input_t;
typedef struct omnisandbox_interpreter omnisandbox_interpreter_t;
typedef struct omnisandbox_listing omnisandbox_listing_t;
typedef struct omnisandbox_policy omnisandbox_policy_t;
typedef struct omnisandbox_process_sandbox omnisandbox_process_sandbox_t;
typedef struct omnisandbox_refusal omnisandbox_refusal_t;
typedef struct omnisandbox_request omnisandbox_request_t;
typedef struct omnisandbox_response omnisandbox_response_t;
typedef struct omnisandbox_result omnisandbox_result_t;
typedef struct omnisandbox_runtime omnisandbox_runtime_t;
typedef struct omnisandbox_session omnisandbox_session_t;
typedef struct omnisandbox_settings omnisandbox_settings_t;

/* "MAJOR.MINOR.PATCH" of the library in use. */
OMNISANDBOX_API const char* omnisandbox_version(void);

/* ---- Errors and denials (error.h) ---- */

/* New kinds may be added at the end. */
typedef enum omnisandbox_error_kind {
  OMNISANDBOX_ERROR_TIMEOUT = 0,
  OMNISANDBOX_ERROR_MEMORY = 1,
  OMNISANDBOX_ERROR_FUEL = 2,
  OMNISANDBOX_ERROR_OUTPUT = 3,
  OMNISANDBOX_ERROR_DENIED = 4,
  OMNISANDBOX_ERROR_TRAP = 5,
  OMNISANDBOX_ERROR_INVALID_ARGUMENT = 6,
  OMNISANDBOX_ERROR_NOT_FOUND = 7,
  OMNISANDBOX_ERROR_ALREADY_EXISTS = 8,
  OMNISANDBOX_ERROR_TOO_LARGE = 9,
  OMNISANDBOX_ERROR_LIMIT = 10,
  OMNISANDBOX_ERROR_IO = 11,
  OMNISANDBOX_ERROR_CANCELLED = 12,
  OMNISANDBOX_ERROR_UNAVAILABLE = 13,
  OMNISANDBOX_ERROR_INTERNAL = 14
} omnisandbox_error_kind_t;

typedef enum omnisandbox_capability {
  OMNISANDBOX_FS_READ = 0,
  OMNISANDBOX_FS_WRITE = 1,
  OMNISANDBOX_NET_HTTP = 2,
  OMNISANDBOX_EXEC_RUN = 3
} omnisandbox_capability_t;

OMNISANDBOX_API void omnisandbox_error_free(omnisandbox_error_t* error);
OMNISANDBOX_API omnisandbox_error_kind_t omnisandbox_error_kind(const omnisandbox_error_t* error);
/* "timeout", "denied", …; static. */
OMNISANDBOX_API const char* omnisandbox_error_kind_name(omnisandbox_error_kind_t kind);
/* What was asked, what refused it, what to do next. Also NUL-terminated. */
OMNISANDBOX_API omnisandbox_bytes_t omnisandbox_error_message(const omnisandbox_error_t* error);
/* The path, host, command or module concerned; may be empty. */
OMNISANDBOX_API omnisandbox_bytes_t omnisandbox_error_resource(const omnisandbox_error_t* error);
/* errno where a system call failed, else 0. */
OMNISANDBOX_API int omnisandbox_error_errno(const omnisandbox_error_t* error);
/* NULL unless the policy refused. */
OMNISANDBOX_API const omnisandbox_denial_t* omnisandbox_error_denial(
    const omnisandbox_error_t* error);

/* "fs_read", …; static. */
OMNISANDBOX_API const char* omnisandbox_capability_name(omnisandbox_capability_t capability);
OMNISANDBOX_API omnisandbox_capability_t
omnisandbox_denial_capability(const omnisandbox_denial_t* denial);
OMNISANDBOX_API omnisandbox_bytes_t omnisandbox_denial_resource(const omnisandbox_denial_t* denial);
/* Empty: no rule allows. */
OMNISANDBOX_API omnisandbox_bytes_t omnisandbox_denial_rule(const omnisandbox_denial_t* denial);
OMNISANDBOX_API omnisandbox_bytes_t omnisandbox_denial_reason(const omnisandbox_denial_t* denial);
/* The policy line, or the change of one, that would allow it; empty where nothing can. */
OMNISANDBOX_API omnisandbox_bytes_t omnisandbox_denial_remedy(const omnisandbox_denial_t* denial);

/* ---- Bytes that the library made ---- */

OMNISANDBOX_API void omnisandbox_buffer_free(omnisandbox_buffer_t* buffer);
OMNISANDBOX_API omnisandbox_bytes_t omnisandbox_buffer_bytes(const omnisandbox_buffer_t* buffer);

/* ---- Policy (policy.h, policy_file.h) ---- */

/* `text` is a policy file (YAML, or JSON); `name` stands in messages in place of the file's. Its
 * `docker:` section is for docker sandboxes. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_policy_parse(omnisandbox_bytes_t text,
                                                               omnisandbox_bytes_t name,
                                                               omnisandbox_policy_t** policy);
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_policy_load(omnisandbox_bytes_t path,
                                                              omnisandbox_policy_t** policy);
/* `policy` and the one in `text` together: what either refuses is refused. A `docker:` section of
 * `text` replaces the policy's. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_policy_narrow(const omnisandbox_policy_t* policy,
                                                                omnisandbox_bytes_t text,
                                                                omnisandbox_bytes_t name,
                                                                omnisandbox_policy_t** narrower);
OMNISANDBOX_API void omnisandbox_policy_free(omnisandbox_policy_t* policy);

/* What was found while compiling, one sentence each, such as a listed command that is absent. */
OMNISANDBOX_API size_t omnisandbox_policy_warning_count(const omnisandbox_policy_t* policy);
OMNISANDBOX_API omnisandbox_bytes_t omnisandbox_policy_warning(const omnisandbox_policy_t* policy,
                                                               size_t index);

/* "May I, and why?" Never has an effect. `resource`: a path, a URL or a command. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_policy_explain(
    const omnisandbox_policy_t* policy, omnisandbox_capability_t capability,
    omnisandbox_bytes_t resource, omnisandbox_explanation_t** explanation);
OMNISANDBOX_API void omnisandbox_explanation_free(omnisandbox_explanation_t* explanation);
OMNISANDBOX_API bool omnisandbox_explanation_allowed(const omnisandbox_explanation_t* explanation);
OMNISANDBOX_API omnisandbox_bytes_t
omnisandbox_explanation_rule(const omnisandbox_explanation_t* explanation);
OMNISANDBOX_API omnisandbox_bytes_t
omnisandbox_explanation_reason(const omnisandbox_explanation_t* explanation);
OMNISANDBOX_API omnisandbox_bytes_t
omnisandbox_explanation_remedy(const omnisandbox_explanation_t* explanation);

/* ---- Audit (audit.h) ---- */

/* `line` is one JSON object without a newline, valid during the call. Called by whichever thread
 * makes the decision, one call at a time. Must not call the sandbox that it is told about. */
typedef void (*omnisandbox_audit_callback_t)(void* user_data, omnisandbox_bytes_t line);
/* Called once, when nothing will use `user_data` any more. May be NULL. */
typedef void (*omnisandbox_release_t)(void* user_data);

/* Appends JSON lines to the file `path`; moves it to `path`.1 at `rotate_at_bytes` (0: 64 MiB),
 * what was there to `path`.2 and so on, and keeps 8 of these. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_audit_open(omnisandbox_bytes_t path,
                                                             uint64_t rotate_at_bytes,
                                                             omnisandbox_audit_t** audit);
/* From here on the library owns `user_data`: it is released once, also when this fails. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_audit_call(omnisandbox_audit_callback_t callback,
                                                             void* user_data,
                                                             omnisandbox_release_t release,
                                                             omnisandbox_audit_t** audit);
OMNISANDBOX_API void omnisandbox_audit_free(omnisandbox_audit_t* audit);

/* ---- Cancelling ---- */

OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_cancellation_create(
    omnisandbox_cancellation_t** cancellation);
/* Every run that has it ends soon, now and later. From any thread, but not from a signal handler.
 */
OMNISANDBOX_API void omnisandbox_cancel(omnisandbox_cancellation_t* cancellation);
/* At any time: runs keep what they need of it. */
OMNISANDBOX_API void omnisandbox_cancellation_free(omnisandbox_cancellation_t* cancellation);

/* ---- Settings: how sandboxes are made. NULL stands for the defaults everywhere. ---- */

typedef enum omnisandbox_isolation {
  OMNISANDBOX_IN_PROCESS = 0, /* modules run in this process: the fastest */
  OMNISANDBOX_WORKER = 1      /* in processes without any right: the default here */
} omnisandbox_isolation_t;

OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_settings_create(
    omnisandbox_settings_t** settings);
OMNISANDBOX_API void omnisandbox_settings_free(omnisandbox_settings_t* settings);
/* NULL: no records, and a policy with `audit_required` makes nothing. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_settings_set_audit(
    omnisandbox_settings_t* settings, const omnisandbox_audit_t* audit);
/* Of runtimes, interpreters and exported functions. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_settings_set_isolation(
    omnisandbox_settings_t* settings, omnisandbox_isolation_t isolation);
/* An absolute folder, this user's alone, that keeps compiled modules. Empty: none, the default. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_settings_set_module_cache(
    omnisandbox_settings_t* settings, omnisandbox_bytes_t folder);
/* omnisandbox-worker, omnisandbox-launcher, and the folder of compiled interpreters. Empty, the
 * default: where they lie relative to the library (its prefix's libexec/omnisandbox and
 * lib/omnisandbox/interpreters), else beside the running program. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_settings_set_worker_program(
    omnisandbox_settings_t* settings, omnisandbox_bytes_t path);
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_settings_set_launcher_program(
    omnisandbox_settings_t* settings, omnisandbox_bytes_t path);
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_settings_set_interpreters(
    omnisandbox_settings_t* settings, omnisandbox_bytes_t folder);
/* The same for omnisandbox-container-init, which runs first in each container. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_settings_set_container_init_program(
    omnisandbox_settings_t* settings, omnisandbox_bytes_t path);
/* Of docker sandboxes: "unix:///run/docker.sock". Empty, the default: what DOCKER_HOST names, else
 * the usual sockets. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_settings_set_engine(
    omnisandbox_settings_t* settings, omnisandbox_bytes_t address);
/* The file with credentials of registries. Empty, the default: $DOCKER_CONFIG/config.json, else
 * ~/.docker/config.json. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_settings_set_registry_config(
    omnisandbox_settings_t* settings, omnisandbox_bytes_t path);
/* So many containers stand ready for the next commands, each for one run. 0 is the default. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_settings_set_warm_containers(
    omnisandbox_settings_t* settings, size_t count);

/* ---- Input: what one run gets. NULL stands for none everywhere. Can be used again. ---- */

/* A piece of output as it comes, on the thread that called `run`. */
typedef void (*omnisandbox_output_callback_t)(void* user_data, omnisandbox_bytes_t piece);

OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_input_create(omnisandbox_input_t** input);
OMNISANDBOX_API void omnisandbox_input_free(omnisandbox_input_t* input);
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_input_add_argument(omnisandbox_input_t* input,
                                                                     omnisandbox_bytes_t argument);
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_input_set_stdin(omnisandbox_input_t* input,
                                                                  omnisandbox_bytes_t data);
/* Added to the policy's environment; nothing is inherited. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_input_add_environment(omnisandbox_input_t* input,
                                                                        omnisandbox_bytes_t name,
                                                                        omnisandbox_bytes_t value);
/* Shortens the policy's timeout, never lengthens it. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_input_set_timeout(omnisandbox_input_t* input,
                                                                    uint64_t timeout_ms);
/* A snippet's name in tracebacks. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_input_set_name(omnisandbox_input_t* input,
                                                                 omnisandbox_bytes_t name);
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_input_set_cancellation(
    omnisandbox_input_t* input, const omnisandbox_cancellation_t* cancellation);
/* Of commands in process sandboxes and containers; either callback may be NULL. The Result has the
 * output too. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_input_set_output(
    omnisandbox_input_t* input, omnisandbox_output_callback_t on_stdout,
    omnisandbox_output_callback_t on_stderr, void* user_data);
/* Of the same commands: after a cancellation they get SIGTERM and this long to end by themselves;
 * then all is killed. 0 is the default. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_input_set_stop_grace(omnisandbox_input_t* input,
                                                                       uint64_t grace_ms);
/* Of a command in a container, a path there. Empty, the default: the rule's, else the image's. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_input_set_working_dir(omnisandbox_input_t* input,
                                                                        omnisandbox_bytes_t path);
/* Files and folders that are copied into the container before its command begins, and out of it
 * after the command has ended by itself; judged as omnisandbox_docker_session_copy_in and _copy_out
 * say. A copy out that fails makes the result `denied` or `failed`. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_input_add_copy_in(
    omnisandbox_input_t* input, omnisandbox_bytes_t host_path, omnisandbox_bytes_t container_path);
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_input_add_copy_out(
    omnisandbox_input_t* input, omnisandbox_bytes_t container_path, omnisandbox_bytes_t host_path);

/* Of a process sandbox's command: the result says what it was refused, and what would allow it.
 * Each call that names a file then takes some tens of microseconds longer. What it says tells
 * whoever reads it which files this machine has. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_input_set_explain(omnisandbox_input_t* input,
                                                                    bool explain);

/* What the engine reports while it fetches an image, on the calling thread: a layer's short id
 * (empty: a line for people), its state, and bytes (total 0: not known). */
typedef void (*omnisandbox_pull_callback_t)(void* user_data, omnisandbox_bytes_t layer,
                                            omnisandbox_bytes_t state, uint64_t current_bytes,
                                            uint64_t total_bytes);
/* NULL: nobody is told. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_input_set_pull_progress(
    omnisandbox_input_t* input, omnisandbox_pull_callback_t callback, void* user_data);

/* ---- Results (result.h) ---- */

typedef enum omnisandbox_status {
  OMNISANDBOX_STATUS_OK = 0,
  OMNISANDBOX_STATUS_EXITED = 1,
  OMNISANDBOX_STATUS_TIMEOUT = 2,
  OMNISANDBOX_STATUS_MEMORY_LIMIT = 3,
  OMNISANDBOX_STATUS_FUEL_EXHAUSTED = 4,
  OMNISANDBOX_STATUS_PROCESS_LIMIT = 5,
  OMNISANDBOX_STATUS_TRAP = 6,
  OMNISANDBOX_STATUS_DENIED = 7,
  OMNISANDBOX_STATUS_CANCELLED = 8,
  OMNISANDBOX_STATUS_FAILED = 9
} omnisandbox_status_t;

OMNISANDBOX_API void omnisandbox_result_free(omnisandbox_result_t* result);
OMNISANDBOX_API omnisandbox_status_t omnisandbox_result_status(const omnisandbox_result_t* result);
/* "ok", "exited", "timeout", …; static. */
OMNISANDBOX_API const char* omnisandbox_status_name(omnisandbox_status_t status);
OMNISANDBOX_API int omnisandbox_result_exit_code(const omnisandbox_result_t* result);
/* What the guest printed, up to the policy's max_output_bytes; any bytes. */
OMNISANDBOX_API omnisandbox_bytes_t omnisandbox_result_stdout(const omnisandbox_result_t* result);
OMNISANDBOX_API omnisandbox_bytes_t omnisandbox_result_stderr(const omnisandbox_result_t* result);
/* How many bytes there were in all. */
OMNISANDBOX_API uint64_t omnisandbox_result_stdout_bytes(const omnisandbox_result_t* result);
OMNISANDBOX_API uint64_t omnisandbox_result_stderr_bytes(const omnisandbox_result_t* result);
OMNISANDBOX_API uint64_t omnisandbox_result_duration_ns(const omnisandbox_result_t* result);
OMNISANDBOX_API uint64_t omnisandbox_result_cpu_time_ns(const omnisandbox_result_t* result);
OMNISANDBOX_API uint64_t omnisandbox_result_peak_memory_bytes(const omnisandbox_result_t* result);
/* False, and nothing is written to `fuel`, where fuel was not metered. */
OMNISANDBOX_API bool omnisandbox_result_fuel_consumed(const omnisandbox_result_t* result,
                                                      uint64_t* fuel);
/* The last expression's value as the language shows it, or what an exported function returned, as
 * JSON. False, and nothing is written, where there is none. */
OMNISANDBOX_API bool omnisandbox_result_value(const omnisandbox_result_t* result,
                                              omnisandbox_bytes_t* value);
/* A snippet's value had more than the policy's max_output_bytes, and its first are here. */
OMNISANDBOX_API bool omnisandbox_result_value_is_truncated(const omnisandbox_result_t* result);
/* "wasm", "process" or "docker", and what really confined the run. */
OMNISANDBOX_API omnisandbox_bytes_t
omnisandbox_result_sandbox_kind(const omnisandbox_result_t* result);
OMNISANDBOX_API size_t omnisandbox_result_layer_count(const omnisandbox_result_t* result);
OMNISANDBOX_API omnisandbox_bytes_t omnisandbox_result_layer(const omnisandbox_result_t* result,
                                                             size_t index);
/* The image that a container ran, as the engine has it: "name@sha256:…", or its id where it came
 * from no registry. Empty where no container ran. */
OMNISANDBOX_API omnisandbox_bytes_t omnisandbox_result_image(const omnisandbox_result_t* result);
/* The denials that were kept (the first 100), and how many there were in all. */
OMNISANDBOX_API size_t omnisandbox_result_kept_denial_count(const omnisandbox_result_t* result);
OMNISANDBOX_API const omnisandbox_denial_t* omnisandbox_result_denial(
    const omnisandbox_result_t* result, size_t index);
OMNISANDBOX_API uint64_t omnisandbox_result_denial_count(const omnisandbox_result_t* result);
/* What a command was refused, as far as it was looked at, where the input asked for it: false
 * where it did not. Equal refusals are kept once (the first 100) and counted; `is_cut`: there was
 * more than is kept or looked at. */
OMNISANDBOX_API bool omnisandbox_result_is_explained(const omnisandbox_result_t* result);
OMNISANDBOX_API size_t omnisandbox_result_kept_refusal_count(const omnisandbox_result_t* result);
OMNISANDBOX_API const omnisandbox_refusal_t* omnisandbox_result_refusal(
    const omnisandbox_result_t* result, size_t index);
OMNISANDBOX_API uint64_t omnisandbox_result_refusal_count(const omnisandbox_result_t* result);
OMNISANDBOX_API bool omnisandbox_result_refusals_are_cut(const omnisandbox_result_t* result);
/* NULL when the status is ok or exited. Belongs to the result: not to be freed. */
OMNISANDBOX_API const omnisandbox_error_t* omnisandbox_result_error(
    const omnisandbox_result_t* result);
/* As in the audit records. */
OMNISANDBOX_API omnisandbox_bytes_t omnisandbox_result_run_id(const omnisandbox_result_t* result);

/* ---- Refusals: why something did not work inside a sandbox (result.h). All texts are safe to
 * print. ---- */

typedef enum omnisandbox_refused_thing {
  OMNISANDBOX_REFUSED_PATH = 0,
  OMNISANDBOX_REFUSED_PROGRAM = 1,
  OMNISANDBOX_REFUSED_HOST = 2,
  OMNISANDBOX_REFUSED_SYSTEM_CALL = 3
} omnisandbox_refused_thing_t;

/* "path", "program", "host" or "system_call"; static. */
OMNISANDBOX_API const char* omnisandbox_refused_thing_name(omnisandbox_refused_thing_t thing);
OMNISANDBOX_API omnisandbox_refused_thing_t
omnisandbox_refusal_thing(const omnisandbox_refusal_t* refusal);
/* "read", "write", "run", "reach" or "call". */
OMNISANDBOX_API omnisandbox_bytes_t
omnisandbox_refusal_action(const omnisandbox_refusal_t* refusal);
/* The path, program, host or system call, as the command gave it. */
OMNISANDBOX_API omnisandbox_bytes_t omnisandbox_refusal_name(const omnisandbox_refusal_t* refusal);
/* What refused it: "file view", "landlock", "seccomp" or "proxy". */
OMNISANDBOX_API omnisandbox_bytes_t omnisandbox_refusal_layer(const omnisandbox_refusal_t* refusal);
OMNISANDBOX_API omnisandbox_bytes_t
omnisandbox_refusal_reason(const omnisandbox_refusal_t* refusal);
/* Empty: no rule allows it. */
OMNISANDBOX_API omnisandbox_bytes_t omnisandbox_refusal_rule(const omnisandbox_refusal_t* refusal);
/* The policy line, or the change of one, that would allow it; empty where nothing can. */
OMNISANDBOX_API omnisandbox_bytes_t
omnisandbox_refusal_remedy(const omnisandbox_refusal_t* refusal);
/* How often. */
OMNISANDBOX_API uint64_t omnisandbox_refusal_count(const omnisandbox_refusal_t* refusal);

/* ---- Host functions (host_functions.h) ---- */

typedef enum omnisandbox_file_type {
  OMNISANDBOX_FILE_REGULAR = 0,
  OMNISANDBOX_FILE_DIRECTORY = 1,
  OMNISANDBOX_FILE_SYMLINK = 2,
  OMNISANDBOX_FILE_OTHER = 3
} omnisandbox_file_type_t;

typedef enum omnisandbox_write_mode {
  OMNISANDBOX_WRITE_REPLACE = 0,
  OMNISANDBOX_WRITE_APPEND = 1,
  OMNISANDBOX_WRITE_CREATE_NEW = 2
} omnisandbox_write_mode_t;

typedef struct omnisandbox_file_info {
  uint64_t size_bytes;
  int64_t modified_ns; /* since 1970 */
  uint32_t mode;       /* permission bits */
  uint32_t type;       /* an omnisandbox_file_type_t */
} omnisandbox_file_info_t;

/* One object serves one run: it ends at the policy's timeout, counted from here, and keeps the
 * run's quotas. `cancellation` may be NULL. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_functions_create(
    const omnisandbox_policy_t* policy, const omnisandbox_settings_t* settings,
    const omnisandbox_cancellation_t* cancellation, omnisandbox_functions_t** functions);
OMNISANDBOX_API void omnisandbox_functions_free(omnisandbox_functions_t* functions);
OMNISANDBOX_API uint64_t
omnisandbox_functions_denial_count(const omnisandbox_functions_t* functions);

/* `length` UINT64_MAX: to the end. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_fs_read(omnisandbox_functions_t* functions,
                                                          omnisandbox_bytes_t path, uint64_t offset,
                                                          uint64_t length,
                                                          omnisandbox_buffer_t** content);
/* `synced`: the write must survive a power failure. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_fs_write(omnisandbox_functions_t* functions,
                                                           omnisandbox_bytes_t path,
                                                           omnisandbox_bytes_t content,
                                                           omnisandbox_write_mode_t mode,
                                                           bool synced);
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_fs_stat(omnisandbox_functions_t* functions,
                                                          omnisandbox_bytes_t path,
                                                          omnisandbox_file_info_t* info);
/* A file, or an empty folder. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_fs_delete(omnisandbox_functions_t* functions,
                                                            omnisandbox_bytes_t path);
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_fs_make_directory(
    omnisandbox_functions_t* functions, omnisandbox_bytes_t path);
/* Sorted by name, without what the policy hides. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_fs_list(omnisandbox_functions_t* functions,
                                                          omnisandbox_bytes_t path,
                                                          omnisandbox_listing_t** listing);
OMNISANDBOX_API void omnisandbox_listing_free(omnisandbox_listing_t* listing);
OMNISANDBOX_API size_t omnisandbox_listing_count(const omnisandbox_listing_t* listing);
OMNISANDBOX_API omnisandbox_bytes_t omnisandbox_listing_name(const omnisandbox_listing_t* listing,
                                                             size_t index);
OMNISANDBOX_API omnisandbox_file_type_t
omnisandbox_listing_type(const omnisandbox_listing_t* listing, size_t index);

/* A GET of `url` without headers or body, until something else is set. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_request_create(omnisandbox_bytes_t url,
                                                                 omnisandbox_request_t** request);
OMNISANDBOX_API void omnisandbox_request_free(omnisandbox_request_t* request);
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_request_set_method(omnisandbox_request_t* request,
                                                                     omnisandbox_bytes_t method);
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_request_add_header(omnisandbox_request_t* request,
                                                                     omnisandbox_bytes_t name,
                                                                     omnisandbox_bytes_t value);
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_request_set_body(omnisandbox_request_t* request,
                                                                   omnisandbox_bytes_t body);
/* The body in pieces, on the calling thread, instead of in the response. False ends the transfer:
 * an error of kind `cancelled`. */
typedef bool (*omnisandbox_body_callback_t)(void* user_data, omnisandbox_bytes_t piece);
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_request_set_body_callback(
    omnisandbox_request_t* request, omnisandbox_body_callback_t callback, void* user_data);
/* A status of 400 and above is no error. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_http_fetch(omnisandbox_functions_t* functions,
                                                             const omnisandbox_request_t* request,
                                                             omnisandbox_response_t** response);
OMNISANDBOX_API void omnisandbox_response_free(omnisandbox_response_t* response);
OMNISANDBOX_API int omnisandbox_response_status(const omnisandbox_response_t* response);
OMNISANDBOX_API size_t omnisandbox_response_header_count(const omnisandbox_response_t* response);
OMNISANDBOX_API omnisandbox_bytes_t
omnisandbox_response_header_name(const omnisandbox_response_t* response, size_t index);
OMNISANDBOX_API omnisandbox_bytes_t
omnisandbox_response_header_value(const omnisandbox_response_t* response, size_t index);
OMNISANDBOX_API omnisandbox_bytes_t
omnisandbox_response_body(const omnisandbox_response_t* response);
OMNISANDBOX_API omnisandbox_bytes_t
omnisandbox_response_final_url(const omnisandbox_response_t* response);

/* Of the input, the arguments and stdin. The command's exit code is no error. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_exec_run(omnisandbox_functions_t* functions,
                                                           omnisandbox_bytes_t command,
                                                           const omnisandbox_input_t* input,
                                                           omnisandbox_result_t** result);

/* ---- WebAssembly (runtime.h). How a guest ended is in the result, not in the error. ---- */

OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_runtime_create(
    const omnisandbox_policy_t* policy, const omnisandbox_settings_t* settings,
    omnisandbox_runtime_t** runtime);
OMNISANDBOX_API void omnisandbox_runtime_free(omnisandbox_runtime_t* runtime);
/* Binary or text form; kept under `name`. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_runtime_compile(omnisandbox_runtime_t* runtime,
                                                                  omnisandbox_bytes_t name,
                                                                  omnisandbox_bytes_t module);
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_runtime_execute(omnisandbox_runtime_t* runtime,
                                                                  omnisandbox_bytes_t name,
                                                                  const omnisandbox_input_t* input,
                                                                  omnisandbox_result_t** result);
/* Compiles and runs once. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_runtime_run(omnisandbox_runtime_t* runtime,
                                                              omnisandbox_bytes_t module,
                                                              const omnisandbox_input_t* input,
                                                              omnisandbox_result_t** result);

/* ---- Exported functions (module_exports.h) ---- */

OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_exports_load(
    const omnisandbox_policy_t* policy, omnisandbox_bytes_t name, omnisandbox_bytes_t module,
    const omnisandbox_settings_t* settings, omnisandbox_exports_t** exports);
OMNISANDBOX_API void omnisandbox_exports_free(omnisandbox_exports_t* exports);
/* Name and type of each, as WIT. */
OMNISANDBOX_API size_t omnisandbox_exports_count(const omnisandbox_exports_t* exports);
OMNISANDBOX_API omnisandbox_bytes_t
omnisandbox_exports_signature(const omnisandbox_exports_t* exports, size_t index);
/* `arguments_json` has `argument_count` JSON texts; what the function returned is the result's
 * value. The input's own arguments are not used. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_exports_call(
    omnisandbox_exports_t* exports, omnisandbox_bytes_t function,
    const omnisandbox_bytes_t* arguments_json, size_t argument_count,
    const omnisandbox_input_t* input, omnisandbox_result_t** result);

/* ---- Interpreters (interpreter.h) ---- */

typedef enum omnisandbox_language {
  OMNISANDBOX_PYTHON = 0,
  OMNISANDBOX_JAVASCRIPT = 1
} omnisandbox_language_t;

OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_interpreter_create(
    const omnisandbox_policy_t* policy, omnisandbox_language_t language,
    const omnisandbox_settings_t* settings, omnisandbox_interpreter_t** interpreter);
OMNISANDBOX_API void omnisandbox_interpreter_free(omnisandbox_interpreter_t* interpreter);
/* In a fresh interpreter. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_interpreter_evaluate(
    omnisandbox_interpreter_t* interpreter, omnisandbox_bytes_t code,
    const omnisandbox_input_t* input, omnisandbox_result_t** result);
/* An interpreter that keeps its variables from one snippet to the next. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_session_open(
    omnisandbox_interpreter_t* interpreter, omnisandbox_session_t** session);
OMNISANDBOX_API void omnisandbox_session_free(omnisandbox_session_t* session);
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_session_evaluate(omnisandbox_session_t* session,
                                                                   omnisandbox_bytes_t code,
                                                                   const omnisandbox_input_t* input,
                                                                   omnisandbox_result_t** result);
OMNISANDBOX_API bool omnisandbox_session_has_ended(const omnisandbox_session_t* session);

/* ---- Native commands (process_sandbox.h) ---- */

OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_process_sandbox_create(
    const omnisandbox_policy_t* policy, const omnisandbox_settings_t* settings,
    omnisandbox_process_sandbox_t** sandbox);
OMNISANDBOX_API void omnisandbox_process_sandbox_free(omnisandbox_process_sandbox_t* sandbox);
/* No shell is involved. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_process_sandbox_run(
    omnisandbox_process_sandbox_t* sandbox, omnisandbox_bytes_t command,
    const omnisandbox_input_t* input, omnisandbox_result_t** result);

/* ---- Containers (docker_sandbox.h, docker_session.h) ---- */

/* `docker` is the text of a policy file with a `docker:` section and nothing besides: how the
 * containers are made. Empty: the section of the policy's own text. What it asks for must be
 * allowed by `policy`. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_docker_sandbox_create(
    const omnisandbox_policy_t* policy, omnisandbox_bytes_t docker,
    const omnisandbox_settings_t* settings, omnisandbox_docker_sandbox_t** sandbox);
OMNISANDBOX_API void omnisandbox_docker_sandbox_free(omnisandbox_docker_sandbox_t* sandbox);
/* In a new container, which is removed afterwards. No shell is involved. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_docker_sandbox_run(
    omnisandbox_docker_sandbox_t* sandbox, omnisandbox_bytes_t command,
    const omnisandbox_input_t* input, omnisandbox_result_t** result);
/* The script in the image's own `sh -c`: the policy must list `sh`. The input's own arguments are
 * not used. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_docker_sandbox_run_shell(
    omnisandbox_docker_sandbox_t* sandbox, omnisandbox_bytes_t script,
    const omnisandbox_input_t* input, omnisandbox_result_t** result);
/* Fetches or loads the image now. `image` gets what runs by it, as omnisandbox_result_image. Of the
 * input, the cancellation and the pull progress. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_docker_sandbox_prepare_image(
    omnisandbox_docker_sandbox_t* sandbox, const omnisandbox_input_t* input,
    omnisandbox_buffer_t** image);

/* One container for several commands: files stay from one to the next, processes do not. It may
 * outlive the sandbox. `time_to_live_ms`: after it the container is removed, whatever runs in it;
 * 0: 10 minutes; at most 24 hours. Of the input, the cancellation, which ends the session, and the
 * pull progress. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_docker_session_open(
    omnisandbox_docker_sandbox_t* sandbox, uint64_t time_to_live_ms,
    const omnisandbox_input_t* input, omnisandbox_docker_session_t** session);
/* Closes it as well. */
OMNISANDBOX_API void omnisandbox_docker_session_free(omnisandbox_docker_session_t* session);
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_docker_session_run(
    omnisandbox_docker_session_t* session, omnisandbox_bytes_t command,
    const omnisandbox_input_t* input, omnisandbox_result_t** result);
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_docker_session_run_shell(
    omnisandbox_docker_session_t* session, omnisandbox_bytes_t script,
    const omnisandbox_input_t* input, omnisandbox_result_t** result);

/* What was copied; `left_out`: symbolic links, devices, sockets, pipes. */
typedef struct omnisandbox_copied_files {
  uint64_t files;
  uint64_t folders;
  uint64_t bytes;
  uint64_t left_out;
} omnisandbox_copied_files_t;

/* A file or a folder of this machine into the container, each file judged by `fs_read`; and the
 * other way, judged by `fs_write`. `copied` may be NULL. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_docker_session_copy_in(
    omnisandbox_docker_session_t* session, omnisandbox_bytes_t host_path,
    omnisandbox_bytes_t container_path, omnisandbox_copied_files_t* copied);
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_docker_session_copy_out(
    omnisandbox_docker_session_t* session, omnisandbox_bytes_t container_path,
    omnisandbox_bytes_t host_path, omnisandbox_copied_files_t* copied);
/* Ends what runs and removes the container; an error where the engine does not say that it is gone.
 * A second call does nothing. From any thread. */
OMNISANDBOX_CALL omnisandbox_error_t* omnisandbox_docker_session_close(
    omnisandbox_docker_session_t* session);
OMNISANDBOX_API bool omnisandbox_docker_session_is_open(
    const omnisandbox_docker_session_t* session);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* OMNISANDBOX_OMNISANDBOX_H_ */
