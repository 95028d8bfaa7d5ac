// Tour calls every function of the SDK once and prints what each answered:
//
//	go_tour FOLDER URL COMMAND [ARGUMENT...]
//
// Whether a call is granted is the policy's decision: a refusal is printed with its reason and is no failure of this program.
package main

import (
	"errors"
	"fmt"
	"os"

	"omnisandbox"
)

func main() {
	if len(os.Args) < 4 {
		fmt.Fprintln(os.Stderr, "usage: go_tour FOLDER URL COMMAND [ARGUMENT...]")
		os.Exit(2)
	}
	fmt.Println("abi_version:", omnisandbox.ABIVersion())
	tourOfFiles(os.Args[1])
	tourOfHTTP(os.Args[2])
	tourOfCommands(os.Args[3], os.Args[4:])
}

// report prints the outcome of one call.
func report(name string, err error, format string, values ...any) {
	switch {
	case err == nil:
		fmt.Printf("%s: %s\n", name, fmt.Sprintf(format, values...))
	case errors.Is(err, omnisandbox.ErrDenied):
		fmt.Printf("%s: denied: %v\n", name, err)
	default:
		fmt.Printf("%s: failed: %v\n", name, err)
	}
}

func tourOfFiles(folder string) {
	path := folder + "/go_tour.txt"
	report("FSWrite", omnisandbox.FSWrite(path, []byte("written by Go"), omnisandbox.Replace|omnisandbox.Synced), "ok")
	report("FSWrite append", omnisandbox.FSWrite(path, []byte(", and more"), omnisandbox.Append), "ok")
	report("FSWrite create_new", omnisandbox.FSWrite(path, nil, omnisandbox.CreateNew), "ok")
	content, err := omnisandbox.FSReadText(path)
	report("FSReadText", err, "%q", content)
	part, err := omnisandbox.FSReadRange(path, 8, 2)
	report("FSReadRange", err, "%q", part)
	info, err := omnisandbox.FSStat(path)
	report("FSStat", err, "type %d, %d bytes", info.Type, info.Size)
	entries, err := omnisandbox.FSList(folder)
	report("FSList", err, "%v", entries)
	report("FSDelete", omnisandbox.FSDelete(path), "ok")
	report("FSMakeDirectory", omnisandbox.FSMakeDirectory(folder+"/go_tour"), "ok")
	report("FSDelete folder", omnisandbox.FSDelete(folder+"/go_tour"), "ok")
	_, err = omnisandbox.FSRead("/etc/shadow")
	report("FSRead /etc/shadow", err, "READ IT")

	// The standard library sees the same files through WASI.
	err = os.WriteFile(path, []byte("written by os"), 0o600)
	report("os.WriteFile", err, "ok")
	content, err = omnisandbox.FSReadText(path)
	report("FSReadText of it", err, "%q", content)
	report("os.Remove", os.Remove(path), "ok")
	_, err = os.ReadFile("/etc/shadow")
	report("os.ReadFile /etc/shadow", err, "READ IT")
}

func tourOfHTTP(url string) {
	response, err := omnisandbox.HTTPFetch(omnisandbox.HTTPRequest{
		URL:     url,
		Headers: omnisandbox.Headers{{Name: "Accept", Value: "text/plain"}},
	})
	if err != nil {
		report("HTTPFetch", err, "")
		return
	}
	report("HTTPFetch", nil, "status %d, type %s, %d bytes from %s: %q", response.Status,
		response.Headers.Get("content-type"), len(response.Body), response.FinalURL, response.Body)
}

func tourOfCommands(command string, args []string) {
	result, err := omnisandbox.ExecRun(command, args, []byte("one line for the command's stdin\n"))
	if err != nil {
		report("ExecRun", err, "")
		return
	}
	report("ExecRun", nil, "%s, exit code %d, stdout %q, stderr %q", result.Outcome, result.ExitCode, result.Stdout, result.Stderr)
}
