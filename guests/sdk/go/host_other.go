//go:build !wasip1

package omnisandbox

// Outside a guest there is no host: every call answers ErrUnavailable, so that a tool which can do without still builds.

const notAGuest = "this program does not run in OmniSandbox; build it with GOOS=wasip1 GOARCH=wasm and run the module"

func hostABIVersion() int32                                           { return 0 }
func hostLastError() string                                           { return notAGuest }
func hostFSRead(string, int64, int64) int32                           { return int32(ErrUnavailable) }
func hostFSStat(string, *[statSize]byte) int32                        { return int32(ErrUnavailable) }
func hostFSList(string) int32                                         { return int32(ErrUnavailable) }
func hostFSWrite(string, []byte, WriteMode) int32                     { return int32(ErrUnavailable) }
func hostFSDelete(string) int32                                       { return int32(ErrUnavailable) }
func hostFSMakeDirectory(string) int32                                { return int32(ErrUnavailable) }
func hostHTTPFetch(method, url, headers string, body []byte) int32    { return int32(ErrUnavailable) }
func hostExecRun(command, args string, stdin []byte) int32            { return int32(ErrUnavailable) }
func hostResultSize(handle, part int32) int64                         { return int64(ErrUnavailable) }
func hostResultTotalSize(handle, part int32) int64                    { return int64(ErrUnavailable) }
func hostResultRead(handle, part int32, _ int64, buffer []byte) int32 { return int32(ErrUnavailable) }
func hostResultStatus(handle int32) int32                             { return int32(ErrUnavailable) }
func hostResultDrop(handle int32) int32                               { return int32(ErrUnavailable) }
