;; Four memories of 6 MiB each: every one is within 16 MiB, all together they are not.
(module
  (memory (export "memory") 1)
  (memory $b 1) (memory $c 1) (memory $d 1)
  (func (export "_start")
    (if (i32.eq (memory.grow (i32.const 95)) (i32.const -1)) (then unreachable))
    (if (i32.eq (memory.grow $b (i32.const 95)) (i32.const -1)) (then unreachable))
    ;; From here on nothing may be given any more.
    (if (i32.ne (memory.grow $c (i32.const 95)) (i32.const -1)) (then (loop $again (br $again))))
    (if (i32.ne (memory.grow $d (i32.const 95)) (i32.const -1)) (then (loop $again (br $again))))))
