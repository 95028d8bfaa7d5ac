;; Grows its table until it is refused; what it got stays bounded, so it traps when it got more than a million elements.
(module
  (memory (export "memory") 1)
  (table $t 1 funcref)
  (func (export "_start")
    (loop $again
      (if (i32.gt_u (table.size $t) (i32.const 1000000)) (then unreachable))
      (br_if $again (i32.ne (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1))))))
