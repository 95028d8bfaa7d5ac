;; Grows its memory page by page until it is refused, then touches the last byte that it has and one past it: a trap.
(module
  (memory (export "memory") 1)
  (func (export "_start")
    (loop $again
      (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    (i32.store8 (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 1)) (i32.const 1))
    (i32.store8 (i32.mul (memory.size) (i32.const 65536)) (i32.const 1))))
