module omnisandbox

go 1.21
