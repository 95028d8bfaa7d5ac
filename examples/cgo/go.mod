module omnisandbox.example/cgo

go 1.21
