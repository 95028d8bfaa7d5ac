;; A memory that could change under the host's eyes while a host function checks it.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1 2 shared)
  (func (export "_start")))
