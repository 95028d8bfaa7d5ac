// Wazero times guests in wazero (github.com/tetratelabs/wazero), set up as a careful user would for guests that are not
// trusted: a memory limit, runs that end with their context, WASI, and each module compiled once.
//
//	wazero echo FOLDER RUNS | wazero threads FOLDER RUNS THREADS | wazero compute FOLDER RUNS KERNEL |
//	wazero files FOLDER RUNS GUEST FILE | wazero first FOLDER RUNS |
//	wazero cached FOLDER RUNS CACHE
//
// The output is one JSON object, in the form that bench/run.py reads from every program that it compares.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"
)

const (
	memoryLimitPages = 16 * 1024 * 1024 / 65536 // 16 MiB, the default of OmniSandbox
	runTimeout       = 30 * time.Second
	inputBytes       = 200
)

type sandbox struct {
	runtime  wazero.Runtime
	module   wazero.CompiledModule
	readable string // the folder that a guest may read; none when empty
}

// newSandbox compiles the module at path; where cache is a folder, what was compiled before is taken from it.
func newSandbox(ctx context.Context, path, readable, cache string) (*sandbox, error) {
	code, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	config := wazero.NewRuntimeConfig().WithMemoryLimitPages(memoryLimitPages).WithCloseOnContextDone(true)
	if cache != "" {
		compiled, err := wazero.NewCompilationCacheWithDir(cache)
		if err != nil {
			return nil, err
		}
		config = config.WithCompilationCache(compiled)
	}
	runtime := wazero.NewRuntimeWithConfig(ctx, config)
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, runtime); err != nil {
		return nil, err
	}
	module, err := runtime.CompileModule(ctx, code)
	if err != nil {
		return nil, err
	}
	return &sandbox{runtime, module, readable}, nil
}

// run is one guest's life, from a fresh instance to its output.
func (s *sandbox) run(ctx context.Context, input []byte, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()
	var output bytes.Buffer
	config := wazero.NewModuleConfig().WithName("").WithArgs(append([]string{"guest"}, args...)...).
		WithStdin(bytes.NewReader(input)).WithStdout(&output)
	if s.readable != "" {
		config = config.WithFSConfig(wazero.NewFSConfig().WithReadOnlyDirMount(s.readable, s.readable))
	}
	instance, err := s.runtime.InstantiateModule(ctx, s.module, config)
	var exit *sys.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 0 {
		err = nil
	}
	if err != nil {
		return nil, err
	}
	if instance != nil {
		err = instance.Close(ctx)
	}
	return output.Bytes(), err
}

type report struct {
	Unit    string    `json:"unit"` // of the samples: "us", "ms" or "runs_per_second"
	Samples []float64 `json:"samples"`
	Answer  string    `json:"answer,omitempty"`
	// What the process had in the middle of runs that are in flight together.
	Descriptors int `json:"descriptors,omitempty"`
	Threads     int `json:"threads,omitempty"`
}

func entries(folder string) int {
	found, _ := os.ReadDir(folder)
	return len(found)
}

func (s *sandbox) echoOnce(ctx context.Context, input []byte) error {
	output, err := s.run(ctx, input)
	if err == nil && !bytes.Equal(output, input) {
		err = fmt.Errorf("the guest answered %q", output)
	}
	return err
}

func timeEcho(ctx context.Context, s *sandbox, runs int) (report, error) {
	input := bytes.Repeat([]byte{'a'}, inputBytes)
	result := report{Unit: "us"}
	for i := -runs / 10; i < runs; i++ { // the first tenth warms up
		start := time.Now()
		if err := s.echoOnce(ctx, input); err != nil {
			return result, err
		}
		if i >= 0 {
			result.Samples = append(result.Samples, float64(time.Since(start).Nanoseconds())/1e3)
		}
	}
	return result, nil
}

func timeThreads(ctx context.Context, s *sandbox, runs, threads int) (report, error) {
	input := bytes.Repeat([]byte{'a'}, inputBytes)
	failures := make(chan error, threads)
	result := report{Unit: "runs_per_second"}
	var done atomic.Int64
	var group sync.WaitGroup
	start := time.Now()
	for thread := 0; thread < threads; thread++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for i := 0; i < runs/threads; i++ {
				if err := s.echoOnce(ctx, input); err != nil {
					failures <- err
					return
				}
				if done.Add(1) == int64(runs/2) {
					result.Descriptors, result.Threads = entries("/proc/self/fd"), entries("/proc/self/task")
				}
			}
		}()
	}
	group.Wait()
	elapsed := time.Since(start).Seconds()
	select {
	case err := <-failures:
		return report{}, err
	default:
		result.Samples = []float64{float64(runs/threads*threads) / elapsed}
		return result, nil
	}
}

func timeWholeRuns(ctx context.Context, s *sandbox, runs int, argument string) (report, error) {
	result := report{Unit: "ms"}
	for i := 0; i < runs; i++ {
		start := time.Now()
		output, err := s.run(ctx, nil, argument)
		if err != nil {
			return result, err
		}
		result.Samples = append(result.Samples, float64(time.Since(start).Nanoseconds())/1e6)
		result.Answer = strings.TrimSpace(string(output))
	}
	return result, nil
}

// timeFirst compiles and runs the guest in everything new.
func timeFirst(ctx context.Context, path, cache string, runs int) (report, error) {
	result := report{Unit: "ms"}
	for i := 0; i < runs; i++ {
		start := time.Now()
		s, err := newSandbox(ctx, path, "", cache)
		if err == nil {
			err = s.echoOnce(ctx, bytes.Repeat([]byte{'a'}, inputBytes))
		}
		if err != nil {
			return result, err
		}
		result.Samples = append(result.Samples, float64(time.Since(start).Nanoseconds())/1e6)
		s.runtime.Close(ctx)
	}
	return result, nil
}

func measure(args []string) (report, error) {
	if len(args) < 3 {
		return report{}, errors.New("usage: wazero echo|threads|compute|files|first|cached FOLDER RUNS [THREADS|KERNEL|GUEST FILE|CACHE]")
	}
	guest, readable := "echo", ""
	switch {
	case args[0] == "compute" && len(args) == 4:
		guest = "compute"
	case args[0] == "files" && len(args) == 5:
		guest, readable = args[3], filepath.Dir(args[4])
	case (args[0] == "threads" || args[0] == "cached") && len(args) == 4, (args[0] == "echo" || args[0] == "first") && len(args) == 3:
	default:
		return report{}, fmt.Errorf("wrong arguments %q", args)
	}
	runs, err := strconv.Atoi(args[2])
	if err != nil || runs < 1 {
		return report{}, fmt.Errorf("%q is no number of runs", args[2])
	}
	ctx := context.Background()
	path := filepath.Join(args[1], guest+".wasm")
	switch args[0] {
	case "first":
		return timeFirst(ctx, path, "", runs)
	case "cached":
		if _, err := timeFirst(ctx, path, args[3], 1); err != nil {
			return report{}, err
		}
		return timeFirst(ctx, path, args[3], runs)
	}
	s, err := newSandbox(ctx, path, readable, "")
	if err != nil {
		return report{}, err
	}
	defer s.runtime.Close(ctx)
	switch args[0] {
	case "echo":
		return timeEcho(ctx, s, runs)
	case "threads":
		threads, err := strconv.Atoi(args[3])
		if err != nil || threads < 1 {
			return report{}, fmt.Errorf("%q is no number of threads", args[3])
		}
		return timeThreads(ctx, s, runs, threads)
	default:
		return timeWholeRuns(ctx, s, runs, args[len(args)-1])
	}
}

func main() {
	result, err := measure(os.Args[1:])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(result)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "wazero:", err)
		os.Exit(1)
	}
}
