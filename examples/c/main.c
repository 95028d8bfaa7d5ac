/* Runs a guest, a snippet and a command under one policy from C, and is refused what the policy
 * does not open. Ends with 0 when all went as it says. */
#include <omnisandbox/omnisandbox.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void require(bool holds, const char* claim) {
  if (!holds) {
    fprintf(stderr, "not so: %s\n", claim);
    exit(1);
  }
}

/* A program of your own would act on the error's kind; here each must not happen. */
static void must(omnisandbox_error_t* error, const char* step) {
  if (error != NULL) {
    fprintf(stderr, "%s: %s\n", step, omnisandbox_error_message(error).data);
    omnisandbox_error_free(error);
    exit(1);
  }
}

static bool is_text(omnisandbox_bytes_t bytes, const char* text) {
  return bytes.size == strlen(text) && memcmp(bytes.data, text, bytes.size) == 0;
}

static void print_denial(const omnisandbox_denial_t* denial) {
  omnisandbox_bytes_t resource = omnisandbox_denial_resource(denial);
  omnisandbox_bytes_t reason = omnisandbox_denial_reason(denial);
  printf("  refused: %s %.*s: %.*s\n",
         omnisandbox_capability_name(omnisandbox_denial_capability(denial)), (int)resource.size,
         resource.data, (int)reason.size, reason.data);
}

static void count_record(void* user_data, omnisandbox_bytes_t line) {
  require(line.size > 0 && line.data[0] == '{', "an audit record is a JSON object");
  ++*(int*)user_data;
}

static void read_files(const omnisandbox_policy_t* policy, const omnisandbox_settings_t* settings) {
  omnisandbox_functions_t* functions = NULL;
  omnisandbox_buffer_t* content = NULL;
  must(omnisandbox_functions_create(policy, settings, NULL, &functions),
       "create the host functions");
  must(omnisandbox_fs_read(functions, omnisandbox_text("/usr/share/common-licenses/BSD"), 0,
                           UINT64_MAX, &content),
       "fs_read");
  printf("fs_read: %zu bytes\n", omnisandbox_buffer_bytes(content).size);
  omnisandbox_buffer_free(content);

  omnisandbox_error_t* error =
      omnisandbox_fs_read(functions, omnisandbox_text("/etc/shadow"), 0, UINT64_MAX, &content);
  require(error != NULL && content == NULL, "another file is refused");
  require(omnisandbox_error_kind(error) == OMNISANDBOX_ERROR_DENIED, "the error is a denial");
  print_denial(omnisandbox_error_denial(error));
  omnisandbox_error_free(error);
  omnisandbox_functions_free(functions);
}

static void run_module(const omnisandbox_policy_t* policy, const omnisandbox_settings_t* settings) {
  static const char endless[] = "(module (func (export \"_start\") (loop $again (br $again))))";
  omnisandbox_runtime_t* runtime = NULL;
  omnisandbox_input_t* input = NULL;
  omnisandbox_result_t* result = NULL;
  must(omnisandbox_runtime_create(policy, settings, &runtime), "create the runtime");
  must(omnisandbox_runtime_compile(runtime, omnisandbox_text("endless"), omnisandbox_text(endless)),
       "compile");
  must(omnisandbox_input_create(&input), "make an input");
  must(omnisandbox_input_set_timeout(input, 100), "set the timeout");
  must(omnisandbox_runtime_execute(runtime, omnisandbox_text("endless"), input, &result),
       "execute");
  printf("a module that never ends: %s\n",
         omnisandbox_status_name(omnisandbox_result_status(result)));
  require(omnisandbox_result_status(result) == OMNISANDBOX_STATUS_TIMEOUT, "the deadline ended it");
  require(omnisandbox_error_kind(omnisandbox_result_error(result)) == OMNISANDBOX_ERROR_TIMEOUT,
          "the result says why");
  omnisandbox_result_free(result);
  omnisandbox_input_free(input);
  omnisandbox_runtime_free(runtime);
}

static void run_python(const omnisandbox_policy_t* policy, const omnisandbox_settings_t* settings) {
  omnisandbox_interpreter_t* python = NULL;
  omnisandbox_error_t* error =
      omnisandbox_interpreter_create(policy, OMNISANDBOX_PYTHON, settings, &python);
  if (error != NULL && omnisandbox_error_kind(error) == OMNISANDBOX_ERROR_UNAVAILABLE) {
    printf("no Python here: %s\n", omnisandbox_error_message(error).data);
    omnisandbox_error_free(error);
    return;
  }
  must(error, "create the interpreter");
  omnisandbox_result_t* result = NULL;
  omnisandbox_bytes_t value = {NULL, 0};
  must(omnisandbox_interpreter_evaluate(python, omnisandbox_text("print('hello'); 6 * 7"), NULL,
                                        &result),
       "evaluate");
  require(omnisandbox_result_value(result, &value) && is_text(value, "42"),
          "the snippet's value is 42");
  require(is_text(omnisandbox_result_stdout(result), "hello\n"), "it printed hello");
  printf("Python: %.*s\n", (int)value.size, value.data);
  omnisandbox_result_free(result);
  omnisandbox_interpreter_free(python);
}

static void add_size(void* user_data, omnisandbox_bytes_t piece) {
  *(size_t*)user_data += piece.size;
}

static void run_command(const omnisandbox_policy_t* policy,
                        const omnisandbox_settings_t* settings) {
  omnisandbox_process_sandbox_t* sandbox = NULL;
  omnisandbox_input_t* input = NULL;
  omnisandbox_result_t* result = NULL;
  size_t streamed = 0;
  must(omnisandbox_process_sandbox_create(policy, settings, &sandbox),
       "create the process sandbox");
  must(omnisandbox_input_create(&input), "make an input");
  must(omnisandbox_input_add_argument(input, omnisandbox_text("/usr/share/common-licenses/BSD")),
       "add an argument");
  must(omnisandbox_input_set_output(input, add_size, NULL, &streamed), "set the output callback");
  omnisandbox_error_t* error =
      omnisandbox_process_sandbox_run(sandbox, omnisandbox_text("cat"), input, &result);
  if (error != NULL && omnisandbox_error_kind(error) == OMNISANDBOX_ERROR_UNAVAILABLE) {
    printf("no native commands here: %s\n", omnisandbox_error_message(error).data);
    omnisandbox_error_free(error);
  } else {
    must(error, "run cat");
    require(omnisandbox_result_status(result) == OMNISANDBOX_STATUS_OK,
            "cat read the allowed file");
    require(streamed > 0 && streamed == omnisandbox_result_stdout_bytes(result),
            "its output was streamed");
    printf("cat printed %zu bytes\n", streamed);
    omnisandbox_result_free(result);
    error = omnisandbox_process_sandbox_run(sandbox, omnisandbox_text("id"), NULL, &result);
    require(error != NULL && omnisandbox_error_denial(error) != NULL,
            "a program that is not listed does not run");
    print_denial(omnisandbox_error_denial(error));
    omnisandbox_error_free(error);
  }
  omnisandbox_input_free(input);
  omnisandbox_process_sandbox_free(sandbox);
}

int main(void) {
  static const char policy_text[] =
      "version: 1\n"
      "capabilities: [fs_read, exec_run]\n"
      "allowed_paths: [/usr/share/common-licenses]\n"
      "allowed_commands: [cat]\n"
      "timeout: 10s\n";
  omnisandbox_policy_t* policy = NULL;
  must(omnisandbox_policy_parse(omnisandbox_text(policy_text), omnisandbox_text("policy"), &policy),
       "compile the policy");

  int records = 0;
  omnisandbox_audit_t* audit = NULL;
  omnisandbox_settings_t* settings = NULL;
  must(omnisandbox_audit_call(count_record, &records, NULL, &audit), "make the audit log");
  must(omnisandbox_settings_create(&settings), "make the settings");
  must(omnisandbox_settings_set_audit(settings, audit), "set the audit log");

  read_files(policy, settings);
  run_module(policy, settings);
  run_python(policy, settings);
  run_command(policy, settings);
  require(records >= 3, "the audit log heard of it");

  omnisandbox_settings_free(settings);
  omnisandbox_audit_free(audit);
  omnisandbox_policy_free(policy);
  printf("omnisandbox %s: all as expected\n", omnisandbox_version());
  return 0;
}
