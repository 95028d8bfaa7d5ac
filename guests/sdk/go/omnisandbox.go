// Package omnisandbox calls OmniSandbox's host functions from a guest written in Go.
//
// A guest is an ordinary program, built with
//
//	GOOS=wasip1 GOARCH=wasm go build -o tool.wasm .
//
// The package os reads and writes the files that the policy allows, through WASI. This package adds what WASI does not
// have: HTTP requests, commands, atomic writes, and refusals that say why. Every call is judged by the policy of the run and
// recorded by its audit. The functions block until the host has answered.
//
// Errors are of type *Error. Ask for their kind with errors.Is:
//
//	if errors.Is(err, omnisandbox.ErrDenied) {
//		fmt.Println(err) // says what was refused, by which rule, and what would allow it
//	}
//
// Built for another platform, the package compiles, and every function answers ErrUnavailable.
package omnisandbox

import (
	"fmt"
	"unicode/utf8"
)

// ToEnd, as a length, means: to the end of the file.
const ToEnd int64 = -1

// WriteMode says what FSWrite does with a file that exists.
type WriteMode int32

const (
	// Replace leaves the old content or the new one, never a mix.
	Replace WriteMode = 0
	// Append writes at the end.
	Append WriteMode = 1
	// CreateNew answers ErrAlreadyExists when the name is taken.
	CreateNew WriteMode = 2
	// Synced is added to a mode (Replace | Synced): the write survives a power failure.
	Synced WriteMode = 256
)

// FSRead returns the bytes of a file. path is absolute. ErrTooLarge beyond the policy's max_file_bytes.
func FSRead(path string) ([]byte, error) {
	return FSReadRange(path, 0, ToEnd)
}

// FSReadRange returns length bytes from offset on, fewer at the end of the file.
func FSReadRange(path string, offset, length int64) ([]byte, error) {
	handle, err := answer("fs_read", path, func() int32 { return hostFSRead(path, offset, length) })
	if err != nil {
		return nil, err
	}
	defer hostResultDrop(handle)
	return readPart("fs_read", path, handle, partContent)
}

// FSReadText returns a file as text. A file that is not UTF-8 is ErrInvalid: nothing is replaced silently.
func FSReadText(path string) (string, error) {
	content, err := FSRead(path)
	if err != nil {
		return "", err
	}
	if !utf8.Valid(content) {
		return "", &Error{Kind: ErrInvalid, Operation: "fs_read", Resource: path,
			Message: "the file is not UTF-8 text; use FSRead for its bytes"}
	}
	return string(content), nil
}

// FSStat describes a file or folder.
func FSStat(path string) (FileInfo, error) {
	var stat [statSize]byte
	if _, err := answer("fs_stat", path, func() int32 { return hostFSStat(path, &stat) }); err != nil {
		return FileInfo{}, err
	}
	return parseStat(stat), nil
}

// FSList returns a folder's entries, sorted by name, without "." and "..". What the policy hides is left out.
func FSList(path string) ([]DirectoryEntry, error) {
	handle, err := answer("fs_list", path, func() int32 { return hostFSList(path) })
	if err != nil {
		return nil, err
	}
	defer hostResultDrop(handle)
	listing, err := readPart("fs_list", path, handle, partContent)
	if err != nil {
		return nil, err
	}
	return parseListing(listing)
}

// FSWrite writes a file. Replace leaves the old content or the new one, whatever interrupts it.
func FSWrite(path string, content []byte, mode WriteMode) error {
	_, err := answer("fs_write", path, func() int32 { return hostFSWrite(path, content, mode) })
	return err
}

// FSDelete deletes a file or an empty folder.
func FSDelete(path string) error {
	_, err := answer("fs_delete", path, func() int32 { return hostFSDelete(path) })
	return err
}

// FSMakeDirectory makes one folder; its parent must exist.
func FSMakeDirectory(path string) error {
	_, err := answer("fs_make_directory", path, func() int32 { return hostFSMakeDirectory(path) })
	return err
}

// HTTPRequest is a request for HTTPFetch. The host sets Host, Content-Length, Transfer-Encoding and Proxy-* itself and
// refuses a request that does.
type HTTPRequest struct {
	Method  string // "" is GET
	URL     string
	Headers Headers
	Body    []byte
}

// HTTPResponse is a complete answer. Redirects were followed, each judged like a request of its own.
type HTTPResponse struct {
	Status   int // a status of 400 and above is no error
	Headers  Headers
	Body     []byte
	FinalURL string // the URL that answered in the end
}

// HTTPFetch sends a request and waits for the whole answer. ErrTooLarge beyond the policy's max_response_bytes.
func HTTPFetch(request HTTPRequest) (*HTTPResponse, error) {
	headers, err := encodeHeaders(request.Headers)
	if err != nil {
		return nil, err
	}
	handle, err := answer("http_fetch", request.URL, func() int32 {
		return hostHTTPFetch(request.Method, request.URL, headers, request.Body)
	})
	if err != nil {
		return nil, err
	}
	defer hostResultDrop(handle)
	parts, err := readParts("http_fetch", request.URL, handle, partBody, partHeaders, partFinalURL)
	if err != nil {
		return nil, err
	}
	return &HTTPResponse{
		Status:   int(hostResultStatus(handle)),
		Headers:  parseHeaders(string(parts[1])),
		Body:     parts[0],
		FinalURL: string(parts[2]),
	}, nil
}

// ExecResult is the outcome of a command.
type ExecResult struct {
	ExitCode int
	Outcome  string // "ok", "exited", "timeout", "memory_limit", "process_limit", ...
	Stdout   []byte
	Stderr   []byte
	// What the command wrote; more than len(Stdout) or len(Stderr) when the policy's max_output_bytes cut it.
	StdoutTotal int64
	StderrTotal int64
}

// ExecRun runs a command that the policy lists, with args as they are: no shell is involved. An exit code other than 0 is
// no error.
func ExecRun(command string, args []string, stdin []byte) (*ExecResult, error) {
	encoded, err := encodeArgs(command, args)
	if err != nil {
		return nil, err
	}
	handle, err := answer("exec_run", command, func() int32 { return hostExecRun(command, encoded, stdin) })
	if err != nil {
		return nil, err
	}
	defer hostResultDrop(handle)
	parts, err := readParts("exec_run", command, handle, partStdout, partStderr, partOutcome)
	if err != nil {
		return nil, err
	}
	return &ExecResult{
		ExitCode:    int(hostResultStatus(handle)),
		Outcome:     string(parts[2]),
		Stdout:      parts[0],
		Stderr:      parts[1],
		StdoutTotal: hostResultTotalSize(handle, partStdout),
		StderrTotal: hostResultTotalSize(handle, partStderr),
	}, nil
}

// ABIVersion is the revision of omnisandbox_v1 that the host offers, at least 1; 0 outside a guest.
func ABIVersion() int { return int(hostABIVersion()) }

// answer makes one call and turns a negative code into an *Error with the host's message.
func answer(operation, resource string, call func() int32) (int32, error) {
	code := call()
	if code >= 0 {
		return code, nil
	}
	return 0, &Error{Kind: kindOf(code), Operation: operation, Resource: resource, Message: hostLastError()}
}

func readPart(operation, resource string, handle, part int32) ([]byte, error) {
	size := hostResultSize(handle, part)
	if size < 0 {
		return nil, &Error{Kind: kindOf(int32(size)), Operation: operation, Resource: resource, Message: hostLastError()}
	}
	content := make([]byte, size)
	for offset := int64(0); offset < size; {
		count, err := answer(operation, resource, func() int32 {
			return hostResultRead(handle, part, offset, content[offset:])
		})
		if err != nil {
			return nil, err
		}
		if count == 0 {
			return nil, &Error{Kind: ErrInternal, Operation: operation, Resource: resource,
				Message: fmt.Sprintf("the host announced %d bytes and gave %d", size, offset)}
		}
		offset += int64(count)
	}
	return content, nil
}

func readParts(operation, resource string, handle int32, numbers ...int32) ([][]byte, error) {
	parts := make([][]byte, 0, len(numbers))
	for _, number := range numbers {
		part, err := readPart(operation, resource, handle, number)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	return parts, nil
}
