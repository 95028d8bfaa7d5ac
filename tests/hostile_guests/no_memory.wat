;; Calls a host function with a pointer, and has no memory that it could point into.
(module
  (import "omnisandbox_v1" "fs_stat" (func $fs_stat (param i32 i32 i32) (result i32)))
  (func (export "_start") (drop (call $fs_stat (i32.const 0) (i32.const 1) (i32.const 8)))))
