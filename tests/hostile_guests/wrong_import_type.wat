;; Imports a host function under another type than its own.
(module
  (import "omnisandbox_v1" "fs_read" (func $fs_read (param i64 i64) (result i64)))
  (memory (export "memory") 1)
  (func (export "_start") (drop (call $fs_read (i64.const 0) (i64.const 0)))))
