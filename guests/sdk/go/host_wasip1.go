//go:build wasip1

package omnisandbox

import "unsafe"

// The imports, as docs/guest_abi.md lists them; addresses and lengths are 32 bits wide.

//go:wasmimport omnisandbox_v1 abi_version
func importABIVersion() int32

//go:wasmimport omnisandbox_v1 last_error
func importLastError(buffer unsafe.Pointer, bufferLen uint32) int32

//go:wasmimport omnisandbox_v1 fs_read
func importFSRead(path unsafe.Pointer, pathLen uint32, offset, length int64) int32

//go:wasmimport omnisandbox_v1 fs_stat
func importFSStat(path unsafe.Pointer, pathLen uint32, stat unsafe.Pointer) int32

//go:wasmimport omnisandbox_v1 fs_list
func importFSList(path unsafe.Pointer, pathLen uint32) int32

//go:wasmimport omnisandbox_v1 fs_write
func importFSWrite(path unsafe.Pointer, pathLen uint32, content unsafe.Pointer, contentLen uint32, mode int32) int32

//go:wasmimport omnisandbox_v1 fs_delete
func importFSDelete(path unsafe.Pointer, pathLen uint32) int32

//go:wasmimport omnisandbox_v1 fs_make_directory
func importFSMakeDirectory(path unsafe.Pointer, pathLen uint32) int32

//go:wasmimport omnisandbox_v1 http_fetch
func importHTTPFetch(method unsafe.Pointer, methodLen uint32, url unsafe.Pointer, urlLen uint32,
	headers unsafe.Pointer, headersLen uint32, body unsafe.Pointer, bodyLen uint32) int32

//go:wasmimport omnisandbox_v1 exec_run
func importExecRun(command unsafe.Pointer, commandLen uint32, args unsafe.Pointer, argsLen uint32,
	input unsafe.Pointer, inputLen uint32) int32

//go:wasmimport omnisandbox_v1 result_size
func hostResultSize(handle, part int32) int64

//go:wasmimport omnisandbox_v1 result_total_size
func hostResultTotalSize(handle, part int32) int64

//go:wasmimport omnisandbox_v1 result_read
func importResultRead(handle, part int32, offset int64, buffer unsafe.Pointer, bufferLen uint32) int32

//go:wasmimport omnisandbox_v1 result_status
func hostResultStatus(handle int32) int32

//go:wasmimport omnisandbox_v1 result_drop
func hostResultDrop(handle int32) int32

// errorMax is the longest message of last_error, in bytes.
const errorMax = 4096

// text and data are how the ABI takes a byte string. An empty one may have any address.
func text(s string) (unsafe.Pointer, uint32) {
	return unsafe.Pointer(unsafe.StringData(s)), uint32(len(s))
}
func data(b []byte) (unsafe.Pointer, uint32) {
	return unsafe.Pointer(unsafe.SliceData(b)), uint32(len(b))
}

func hostABIVersion() int32 { return importABIVersion() }

func hostLastError() string {
	var message [errorMax]byte
	length := importLastError(unsafe.Pointer(&message[0]), errorMax)
	if length < 0 || length > errorMax {
		return ""
	}
	return string(message[:length])
}

func hostFSRead(path string, offset, length int64) int32 {
	address, size := text(path)
	return importFSRead(address, size, offset, length)
}

func hostFSStat(path string, stat *[statSize]byte) int32 {
	address, size := text(path)
	return importFSStat(address, size, unsafe.Pointer(stat))
}

func hostFSList(path string) int32 {
	address, size := text(path)
	return importFSList(address, size)
}

func hostFSWrite(path string, content []byte, mode WriteMode) int32 {
	address, size := text(path)
	contentAddress, contentSize := data(content)
	return importFSWrite(address, size, contentAddress, contentSize, int32(mode))
}

func hostFSDelete(path string) int32 {
	address, size := text(path)
	return importFSDelete(address, size)
}

func hostFSMakeDirectory(path string) int32 {
	address, size := text(path)
	return importFSMakeDirectory(address, size)
}

func hostHTTPFetch(method, url, headers string, body []byte) int32 {
	methodAddress, methodSize := text(method)
	urlAddress, urlSize := text(url)
	headersAddress, headersSize := text(headers)
	bodyAddress, bodySize := data(body)
	return importHTTPFetch(methodAddress, methodSize, urlAddress, urlSize, headersAddress, headersSize, bodyAddress, bodySize)
}

func hostExecRun(command, args string, stdin []byte) int32 {
	commandAddress, commandSize := text(command)
	argsAddress, argsSize := text(args)
	inputAddress, inputSize := data(stdin)
	return importExecRun(commandAddress, commandSize, argsAddress, argsSize, inputAddress, inputSize)
}

func hostResultRead(handle, part int32, offset int64, buffer []byte) int32 {
	address, size := data(buffer)
	return importResultRead(handle, part, offset, address, size)
}
