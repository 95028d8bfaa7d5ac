package omnisandbox

import (
	"fmt"
	"io/fs"
	"os"
)

// Kind says what went wrong, coarse enough to switch on. Each Kind is itself an error, for errors.Is.
type Kind int32

// The kinds of errors; the numbers are those of the ABI.
const (
	// ErrDenied: the policy refused. The Error's Message says which rule, why, and what would allow it.
	ErrDenied Kind = -1
	// ErrNotFound: no such file, folder, host name or command.
	ErrNotFound Kind = -2
	// ErrTooLarge: a file, a body or an argument is beyond its size limit.
	ErrTooLarge Kind = -3
	// ErrTimeout: the call took too long.
	ErrTimeout Kind = -4
	// ErrInvalid: a wrong argument.
	ErrInvalid Kind = -5
	// ErrIO: the operating system or the network reported a failure.
	ErrIO Kind = -6
	// ErrLimit: another limit: calls, live results, bytes written, files created.
	ErrLimit Kind = -7
	// ErrUnavailable: this host cannot do it.
	ErrUnavailable Kind = -8
	// ErrAlreadyExists: the name is taken.
	ErrAlreadyExists Kind = -9
	// ErrCancelled: the host gave the call up.
	ErrCancelled Kind = -10
	// ErrInternal: a defect of OmniSandbox.
	ErrInternal Kind = -11
)

var kindNames = map[Kind]string{
	ErrDenied: "denied", ErrNotFound: "not_found", ErrTooLarge: "too_large", ErrTimeout: "timeout",
	ErrInvalid: "invalid", ErrIO: "io", ErrLimit: "limit", ErrUnavailable: "unavailable",
	ErrAlreadyExists: "already_exists", ErrCancelled: "cancelled", ErrInternal: "internal",
}

// Error is the kind's name, as it stands in docs/guest_abi.md.
func (k Kind) Error() string {
	if name, known := kindNames[k]; known {
		return name
	}
	return fmt.Sprintf("error %d", int32(k))
}

// kindOf keeps a code that a later host may add: its Kind then prints as its number.
func kindOf(code int32) Kind { return Kind(code) }

// Error is what a host function answered instead of a result.
type Error struct {
	Kind      Kind
	Operation string // "fs_read", "http_fetch", ...
	Resource  string // the path, URL or command of the call
	Message   string // the host's sentence; for ErrDenied the reason
}

func (e *Error) Error() string {
	if e.Message == "" {
		return fmt.Sprintf("%s %q: %s", e.Operation, e.Resource, e.Kind.Error())
	}
	return fmt.Sprintf("%s %q: %s: %s", e.Operation, e.Resource, e.Kind.Error(), e.Message)
}

// Is matches the Kind, and the errors of the standard library that mean the same.
func (e *Error) Is(target error) bool {
	if kind, ok := target.(Kind); ok {
		return e.Kind == kind
	}
	switch target {
	case fs.ErrPermission:
		return e.Kind == ErrDenied
	case fs.ErrNotExist:
		return e.Kind == ErrNotFound
	case fs.ErrExist:
		return e.Kind == ErrAlreadyExists
	case fs.ErrInvalid:
		return e.Kind == ErrInvalid
	case os.ErrDeadlineExceeded:
		return e.Kind == ErrTimeout
	}
	return false
}
