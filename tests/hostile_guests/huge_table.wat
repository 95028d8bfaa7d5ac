;; A table of 100 million elements, outside of any memory limit.
(module
  (memory (export "memory") 1)
  (table 100000000 funcref)
  (func (export "_start")))
