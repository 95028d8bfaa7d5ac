// Runs modules and reads files under one policy from Go. Ends with 0 when all went as it says.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"
)

const policy = `
version: 1
capabilities: [fs_read]
allowed_paths: [/usr/share/common-licenses]
timeout: 20s
`

const hello = `(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "hello from a guest\n")
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 64))
    (i32.store (i32.const 4) (i32.const 19))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))`

const endless = `(module (func (export "_start") (loop $again (br $again))))`

func require(holds bool, claim string) {
	if !holds {
		fmt.Fprintln(os.Stderr, "not so:", claim)
		os.Exit(1)
	}
}

func main() {
	var records atomic.Int64
	box, err := NewSandbox(policy, func(string) { records.Add(1) })
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer box.Close()

	content, err := box.ReadFile("/usr/share/common-licenses/BSD")
	require(err == nil && len(content) > 0, "an allowed file is read")
	_, err = box.ReadFile("/etc/shadow")
	var denied *Error
	require(errors.As(err, &denied) && denied.Kind == "denied" && denied.Denial != nil, "another one is denied")
	fmt.Printf("refused: %s %s: %s\n", denied.Denial.Capability, denied.Denial.Resource, denied.Denial.Reason)

	status, output, err := box.Run(context.Background(), hello)
	require(err == nil && status == "ok" && output == "hello from a guest\n", "a guest says hello")

	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	status, _, err = box.Run(ctx, endless)
	require(err == nil && status == "cancelled", "the context ends an endless guest, and not the policy's timeout")

	_, err = NewSandbox("version: 1\ncapabilties: [fs_read]\n", nil)
	require(errors.As(err, &denied) && denied.Kind == "invalid_argument", "a policy with a typing error is refused")
	require(records.Load() > 0, "the audit log heard of it")
	fmt.Println("all as expected")
}
