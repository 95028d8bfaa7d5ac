// Wazero times guests in wazero (github.com/tetratelabs/wazero), set up as a careful user would for guests that are not
// trusted: a memory limit, runs that end with their context, WASI, and each module compiled once.
//
//	wazero echo FOLDER RUNS | wazero threads FOLDER RUNS THREADS | wazero compute FOLDER RUNS KERNEL
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
	runtime wazero.Runtime
	module  wazero.CompiledModule
}

func newSandbox(ctx context.Context, path string) (*sandbox, error) {
	code, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	config := wazero.NewRuntimeConfig().WithMemoryLimitPages(memoryLimitPages).WithCloseOnContextDone(true)
	runtime := wazero.NewRuntimeWithConfig(ctx, config)
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, runtime); err != nil {
		return nil, err
	}
	module, err := runtime.CompileModule(ctx, code)
	if err != nil {
		return nil, err
	}
	return &sandbox{runtime, module}, nil
}

// run is one guest's life, from a fresh instance to its output.
func (s *sandbox) run(ctx context.Context, input []byte, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()
	var output bytes.Buffer
	config := wazero.NewModuleConfig().WithName("").WithArgs(append([]string{"guest"}, args...)...).
		WithStdin(bytes.NewReader(input)).WithStdout(&output)
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
			}
		}()
	}
	group.Wait()
	elapsed := time.Since(start).Seconds()
	select {
	case err := <-failures:
		return report{}, err
	default:
		return report{Unit: "runs_per_second", Samples: []float64{float64(runs/threads*threads) / elapsed}}, nil
	}
}

func timeCompute(ctx context.Context, s *sandbox, runs int, kernel string) (report, error) {
	result := report{Unit: "ms"}
	for i := 0; i < runs; i++ {
		start := time.Now()
		output, err := s.run(ctx, nil, kernel)
		if err != nil {
			return result, err
		}
		result.Samples = append(result.Samples, float64(time.Since(start).Nanoseconds())/1e6)
		result.Answer = strings.TrimSpace(string(output))
	}
	return result, nil
}

func measure(args []string) (report, error) {
	if len(args) < 3 {
		return report{}, errors.New("usage: wazero echo|threads|compute FOLDER RUNS [THREADS|KERNEL]")
	}
	guest := map[string]string{"echo": "echo.wasm", "threads": "echo.wasm", "compute": "compute.wasm"}[args[0]]
	runs, err := strconv.Atoi(args[2])
	if guest == "" || err != nil || runs < 1 || (args[0] != "echo" && len(args) < 4) {
		return report{}, fmt.Errorf("wrong arguments %q", args)
	}
	ctx := context.Background()
	s, err := newSandbox(ctx, filepath.Join(args[1], guest))
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
		return timeCompute(ctx, s, runs, args[3])
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
