package omnisandbox

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// The parts of a result, as docs/guest_abi.md numbers them.
const (
	partContent = 0 // fs_read, fs_list

	partBody     = 0 // http_fetch
	partHeaders  = 1
	partFinalURL = 2

	partStdout  = 0 // exec_run
	partStderr  = 1
	partOutcome = 2
)

// statSize is the number of bytes that fs_stat writes.
const statSize = 24

// FileType is what an entry of a folder is.
type FileType uint32

const (
	// File is a regular file.
	File FileType = 0
	// Directory is a folder.
	Directory FileType = 1
	// Symlink is a symbolic link.
	Symlink FileType = 2
	// Other is a device, a socket or a pipe.
	Other FileType = 3
)

// FileInfo describes a file.
type FileInfo struct {
	Size     int64
	Modified time.Time
	Type     FileType
	Mode     uint32 // permission bits
}

// DirectoryEntry is one name in a folder.
type DirectoryEntry struct {
	Name string
	Type FileType
}

// Header is one line of an HTTP header.
type Header struct {
	Name  string
	Value string
}

// Headers are in the order in which they came; a name may stand there more than once.
type Headers []Header

// Get returns the first value of name, in any spelling of upper and lower case, or "".
func (h Headers) Get(name string) string {
	for _, header := range h {
		if strings.EqualFold(header.Name, name) {
			return header.Value
		}
	}
	return ""
}

func parseStat(stat [statSize]byte) FileInfo {
	return FileInfo{
		Size:     int64(binary.LittleEndian.Uint64(stat[0:])),
		Modified: time.Unix(0, int64(binary.LittleEndian.Uint64(stat[8:]))),
		Type:     FileType(binary.LittleEndian.Uint32(stat[16:])),
		Mode:     binary.LittleEndian.Uint32(stat[20:]),
	}
}

// parseListing reads entries of a type ('f', 'd', 'l' or 'o'), a name and a NUL.
func parseListing(listing []byte) ([]DirectoryEntry, error) {
	types := map[byte]FileType{'f': File, 'd': Directory, 'l': Symlink}
	var entries []DirectoryEntry
	for len(listing) > 0 {
		entry, rest, ended := bytes.Cut(listing, []byte{0})
		if !ended || len(entry) < 2 {
			return nil, &Error{Kind: ErrInternal, Operation: "fs_list", Message: "the host's listing is malformed"}
		}
		fileType, known := types[entry[0]]
		if !known {
			fileType = Other
		}
		entries = append(entries, DirectoryEntry{Name: string(entry[1:]), Type: fileType})
		listing = rest
	}
	return entries, nil
}

// encodeHeaders makes lines of "Name: value\n". A line break inside would smuggle in a header of its own, so it is refused here.
func encodeHeaders(headers Headers) (string, error) {
	var lines strings.Builder
	for _, header := range headers {
		if header.Name == "" || strings.ContainsAny(header.Name, ":\r\n") || strings.ContainsAny(header.Value, "\r\n") {
			return "", &Error{Kind: ErrInvalid, Operation: "http_fetch", Resource: header.Name,
				Message: fmt.Sprintf("the header %q: %q has a line break, a colon in its name, or no name", header.Name, header.Value)}
		}
		lines.WriteString(header.Name + ": " + header.Value + "\n")
	}
	return lines.String(), nil
}

func parseHeaders(lines string) Headers {
	var headers Headers
	for _, line := range strings.Split(lines, "\n") {
		name, value, found := strings.Cut(strings.TrimSuffix(line, "\r"), ":")
		if found && name != "" {
			headers = append(headers, Header{Name: name, Value: strings.TrimSpace(value)})
		}
	}
	return headers
}

// encodeArgs ends each argument with a NUL. One inside would split the argument, so it is refused here.
func encodeArgs(command string, args []string) (string, error) {
	var encoded strings.Builder
	for _, arg := range args {
		if strings.IndexByte(arg, 0) >= 0 {
			return "", &Error{Kind: ErrInvalid, Operation: "exec_run", Resource: command,
				Message: fmt.Sprintf("the argument %q contains a NUL byte, which no command can receive", arg)}
		}
		encoded.WriteString(arg)
		encoded.WriteByte(0)
	}
	return encoded.String(), nil
}
