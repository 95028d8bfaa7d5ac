;; Never ends either, and does so while it is instantiated, before any export can be called.
(module
  (memory (export "memory") 1)
  (func $begin (loop $again (br $again)))
  (start $begin)
  (func (export "_start")))
