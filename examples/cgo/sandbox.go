package main

/*
#cgo pkg-config: omnisandbox
#include <omnisandbox/omnisandbox.h>
#include <stdlib.h>

extern void goAuditLine(void *user_data, omnisandbox_bytes_t line);
extern void goAuditRelease(void *user_data);

static omnisandbox_error_t *audit_to_go(uintptr_t handle, omnisandbox_audit_t **audit) {
  return omnisandbox_audit_call(goAuditLine, (void *)handle, goAuditRelease, audit);
}
*/
import "C"

import (
	"context"
	"runtime/cgo"
	"unsafe"
)

// Denial is a policy's "no".
type Denial struct{ Capability, Resource, Rule, Reason, Remedy string }

// Error is what the library says; Denial is set where the policy refused.
type Error struct {
	Kind, Message string
	Denial        *Denial
}

func (e *Error) Error() string { return e.Message }

func text(b C.omnisandbox_bytes_t) string { return C.GoStringN(b.data, C.int(b.size)) }

// withBytes lends s to C for the time of a call.
func withBytes(s string, use func(C.omnisandbox_bytes_t) *C.omnisandbox_error_t) error {
	data := C.CBytes([]byte(s))
	defer C.free(data)
	return failure(use(C.omnisandbox_bytes_t{data: (*C.char)(data), size: C.size_t(len(s))}))
}

func failure(e *C.omnisandbox_error_t) error {
	if e == nil {
		return nil
	}
	defer C.omnisandbox_error_free(e)
	kind := C.GoString(C.omnisandbox_error_kind_name(C.omnisandbox_error_kind(e)))
	said := &Error{Kind: kind, Message: text(C.omnisandbox_error_message(e))}
	if d := C.omnisandbox_error_denial(e); d != nil {
		said.Denial = &Denial{
			Capability: C.GoString(C.omnisandbox_capability_name(C.omnisandbox_denial_capability(d))),
			Resource:   text(C.omnisandbox_denial_resource(d)), Rule: text(C.omnisandbox_denial_rule(d)),
			Reason: text(C.omnisandbox_denial_reason(d)), Remedy: text(C.omnisandbox_denial_remedy(d))}
	}
	return said
}

// Sandbox is a policy with what runs under it.
type Sandbox struct {
	policy   *C.omnisandbox_policy_t
	settings *C.omnisandbox_settings_t
	runtime  *C.omnisandbox_runtime_t
}

// NewSandbox compiles a policy file's text. audit is called with each record, from any goroutine.
func NewSandbox(policy string, audit func(line string)) (*Sandbox, error) {
	s := &Sandbox{}
	err := withBytes(policy, func(b C.omnisandbox_bytes_t) *C.omnisandbox_error_t {
		return C.omnisandbox_policy_parse(b, C.omnisandbox_bytes_t{}, &s.policy)
	})
	if err == nil {
		err = failure(C.omnisandbox_settings_create(&s.settings))
	}
	if err == nil && audit != nil {
		var log *C.omnisandbox_audit_t
		if err = failure(C.audit_to_go(C.uintptr_t(cgo.NewHandle(audit)), &log)); err == nil {
			err = failure(C.omnisandbox_settings_set_audit(s.settings, log))
			C.omnisandbox_audit_free(log) // the settings keep what they need of it
		}
	}
	if err == nil {
		err = failure(C.omnisandbox_runtime_create(s.policy, s.settings, &s.runtime))
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Close ends the sandbox; no call may be under way.
func (s *Sandbox) Close() {
	C.omnisandbox_runtime_free(s.runtime)
	C.omnisandbox_settings_free(s.settings)
	C.omnisandbox_policy_free(s.policy)
}

// ReadFile reads a file that the policy opens.
func (s *Sandbox) ReadFile(path string) (content string, err error) {
	var functions *C.omnisandbox_functions_t
	if err = failure(C.omnisandbox_functions_create(s.policy, s.settings, nil, &functions)); err != nil {
		return "", err
	}
	defer C.omnisandbox_functions_free(functions)
	var buffer *C.omnisandbox_buffer_t
	err = withBytes(path, func(b C.omnisandbox_bytes_t) *C.omnisandbox_error_t {
		return C.omnisandbox_fs_read(functions, b, 0, C.UINT64_MAX, &buffer)
	})
	if err == nil {
		content = text(C.omnisandbox_buffer_bytes(buffer))
		C.omnisandbox_buffer_free(buffer)
	}
	return content, err
}

// Run runs a module and returns its status and output. It ends when ctx does.
func (s *Sandbox) Run(ctx context.Context, module string) (status, output string, err error) {
	var input *C.omnisandbox_input_t
	var cancellation *C.omnisandbox_cancellation_t
	if err = failure(C.omnisandbox_input_create(&input)); err != nil {
		return "", "", err
	}
	defer C.omnisandbox_input_free(input)
	if err = failure(C.omnisandbox_cancellation_create(&cancellation)); err != nil {
		return "", "", err
	}
	defer C.omnisandbox_cancellation_free(cancellation)
	if err = failure(C.omnisandbox_input_set_cancellation(input, cancellation)); err != nil {
		return "", "", err
	}
	cancelled := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { C.omnisandbox_cancel(cancellation); close(cancelled) })
	defer func() {
		if !stop() {
			<-cancelled // before cancellation is freed
		}
	}()

	var result *C.omnisandbox_result_t
	err = withBytes(module, func(b C.omnisandbox_bytes_t) *C.omnisandbox_error_t {
		return C.omnisandbox_runtime_run(s.runtime, b, input, &result)
	})
	if err != nil {
		return "", "", err
	}
	defer C.omnisandbox_result_free(result)
	return C.GoString(C.omnisandbox_status_name(C.omnisandbox_result_status(result))), text(C.omnisandbox_result_stdout(result)), nil
}

//export goAuditLine
func goAuditLine(userData unsafe.Pointer, line C.omnisandbox_bytes_t) {
	cgo.Handle(uintptr(userData)).Value().(func(string))(text(line))
}

//export goAuditRelease
func goAuditRelease(userData unsafe.Pointer) { cgo.Handle(uintptr(userData)).Delete() }
