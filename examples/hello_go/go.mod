module hello_go

go 1.21

require omnisandbox v0.0.0

replace omnisandbox => ../../guests/sdk/go
