;; A reactor whose initialisation never ends.
(module
  (memory (export "memory") 1)
  (func (export "_initialize") (loop $again (br $again))))
