package omnisandbox

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestErrorsMatchTheirKindAndTheStandardLibrarys(t *testing.T) {
	denied := error(&Error{Kind: kindOf(-1), Operation: "fs_read", Resource: "/etc/shadow", Message: "no rule allows it"})
	if !errors.Is(denied, ErrDenied) || !errors.Is(denied, fs.ErrPermission) {
		t.Errorf("%v is not ErrDenied", denied)
	}
	if errors.Is(denied, ErrNotFound) || errors.Is(denied, fs.ErrNotExist) {
		t.Errorf("%v is ErrNotFound", denied)
	}
	var details *Error
	if !errors.As(denied, &details) || details.Message != "no rule allows it" {
		t.Errorf("%v does not carry its reason", denied)
	}
	if text := denied.Error(); text != `fs_read "/etc/shadow": denied: no rule allows it` {
		t.Errorf("text %q", text)
	}
	for kind, standard := range map[Kind]error{ErrNotFound: fs.ErrNotExist, ErrAlreadyExists: fs.ErrExist,
		ErrInvalid: fs.ErrInvalid, ErrTimeout: os.ErrDeadlineExceeded} {
		if !errors.Is(&Error{Kind: kind}, standard) {
			t.Errorf("%v does not match %v", kind, standard)
		}
	}
}

func TestACodeThatIsNotKnownYetPrintsAsItsNumber(t *testing.T) {
	if text := kindOf(-99).Error(); text != "error -99" {
		t.Errorf("text %q", text)
	}
	for code := int32(-1); code >= -11; code-- {
		if strings.HasPrefix(kindOf(code).Error(), "error") {
			t.Errorf("code %d has no name", code)
		}
	}
}

func TestListing(t *testing.T) {
	entries, err := parseListing([]byte("fa.txt\x00dsub\x00llink\x00opipe\x00"))
	expected := []DirectoryEntry{{"a.txt", File}, {"sub", Directory}, {"link", Symlink}, {"pipe", Other}}
	if err != nil || !reflect.DeepEqual(entries, expected) {
		t.Errorf("entries %v, error %v", entries, err)
	}
	if entries, err := parseListing(nil); err != nil || len(entries) != 0 {
		t.Errorf("an empty folder: %v, %v", entries, err)
	}
	for _, malformed := range []string{"fa.txt", "f\x00", "\x00", "fa\x00fb"} {
		if _, err := parseListing([]byte(malformed)); !errors.Is(err, ErrInternal) {
			t.Errorf("%q: error %v", malformed, err)
		}
	}
}

func TestHeadersCannotSmuggleInAnotherHeader(t *testing.T) {
	lines, err := encodeHeaders(Headers{{"Accept", "text/plain"}, {"X-Empty", ""}})
	if err != nil || lines != "Accept: text/plain\nX-Empty: \n" {
		t.Errorf("lines %q, error %v", lines, err)
	}
	for _, bad := range []Header{{"X", "a\nHost: evil.example"}, {"X", "a\rb"}, {"X\nY", "a"}, {"X:Y", "a"}, {"", "a"}} {
		if lines, err := encodeHeaders(Headers{bad}); !errors.Is(err, ErrInvalid) || lines != "" {
			t.Errorf("%q: lines %q, error %v", bad, lines, err)
		}
	}
}

func TestHeadersAreReadInOrder(t *testing.T) {
	headers := parseHeaders("Content-Type: text/html\r\nSet-Cookie: a=b: c\nset-cookie:d\nno colon\n: no name\n")
	expected := Headers{{"Content-Type", "text/html"}, {"Set-Cookie", "a=b: c"}, {"set-cookie", "d"}}
	if !reflect.DeepEqual(headers, expected) {
		t.Errorf("headers %v", headers)
	}
	if headers.Get("SET-COOKIE") != "a=b: c" || headers.Get("Absent") != "" {
		t.Errorf("Get: %q, %q", headers.Get("SET-COOKIE"), headers.Get("Absent"))
	}
}

func TestArgumentsEndWithANul(t *testing.T) {
	encoded, err := encodeArgs("ls", []string{"-l", "", "a b; $(c)"})
	if err != nil || encoded != "-l\x00\x00a b; $(c)\x00" {
		t.Errorf("encoded %q, error %v", encoded, err)
	}
	if encoded, err := encodeArgs("ls", []string{"a\x00b"}); !errors.Is(err, ErrInvalid) || encoded != "" {
		t.Errorf("a NUL inside: %q, %v", encoded, err)
	}
}

func TestStat(t *testing.T) {
	var stat [statSize]byte
	binary.LittleEndian.PutUint64(stat[0:], 1<<33)
	binary.LittleEndian.PutUint64(stat[8:], 1_700_000_000_000_000_001)
	binary.LittleEndian.PutUint32(stat[16:], 1)
	binary.LittleEndian.PutUint32(stat[20:], 0o755)
	info := parseStat(stat)
	if info.Size != 1<<33 || !info.Modified.Equal(time.Unix(1_700_000_000, 1)) || info.Type != Directory || info.Mode != 0o755 {
		t.Errorf("info %+v", info)
	}
}

func TestOutsideAGuestEveryCallIsUnavailable(t *testing.T) {
	_, readError := FSRead("/x")
	_, statError := FSStat("/x")
	_, listError := FSList("/x")
	_, fetchError := HTTPFetch(HTTPRequest{URL: "http://127.0.0.1/"})
	_, runError := ExecRun("ls", nil, nil)
	for _, err := range []error{readError, statError, listError, fetchError, runError, FSWrite("/x", nil, Replace),
		FSDelete("/x"), FSMakeDirectory("/x")} {
		if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "wasip1") {
			t.Errorf("error %v", err)
		}
	}
}
