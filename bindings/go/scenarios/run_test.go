package scenarios

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/countersign/countersign-go/internal/sandbox"
)

func TestScenarios(t *testing.T) {
	emulator, err := sandbox.Start()
	if errors.Is(err, sandbox.ErrNoCommand) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer emulator.Stop()
	if err := emulator.AddProfiles(); err != nil {
		t.Fatal(err)
	}
	paths, err := files()
	if err != nil {
		t.Fatal(err)
	}
	results := map[string]string{}
	for _, path := range paths {
		t.Run(nameOf(path), func(t *testing.T) {
			results[nameOf(path)] = "ok"
			if err := play(emulator, path); err != nil {
				results[nameOf(path)] = "failed: " + err.Error()
				t.Error(err)
			}
		})
	}
	if err := write(results); err != nil {
		t.Error(err)
	}
}

func write(results map[string]string) error {
	folder := os.Getenv("COUNTERSIGN_SCENARIO_RESULTS")
	if folder == "" {
		return nil
	}
	text, err := json.MarshalIndent(map[string]any{"language": "go", "scenarios": results}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "go.json"), append(text, '\n'), 0o644)
}

// play runs a scenario with a reset sandbox.
func play(emulator *sandbox.Sandbox, path string) error {
	script, err := read(path, emulator.URL, emulator.Dir)
	if err != nil {
		return err
	}
	if err := emulator.Reset(); err != nil {
		return err
	}
	stage, err := newStage(emulator, script)
	if err != nil {
		return err
	}
	client, err := stage.open()
	if script.Open != nil {
		if err == nil {
			_ = client.Close()
		}
		return checkOpen(script.Open, err)
	}
	if err != nil {
		return fmt.Errorf("cannot build the client: %w", err)
	}
	stage.client = client
	defer func() { _ = stage.client.Close() }()

	for at, step := range script.Steps {
		if err := stage.do(step); err != nil {
			return fmt.Errorf("step %d, %s: %w", at+1, step.word, err)
		}
	}
	return checkRequests(emulator, script.Requests)
}

func checkOpen(expected map[string]any, err error) error {
	wanted, ok := expected["error"].(map[string]any)
	if !ok || len(expected) != 1 {
		return fmt.Errorf("`open` is %v", expected)
	}
	return checkError(wanted, err)
}

func checkRequests(emulator *sandbox.Sandbox, expected *[]string) error {
	if expected == nil {
		return nil
	}
	log, err := emulator.Log()
	if err != nil {
		return err
	}
	grants := []string{}
	for _, entry := range log {
		grants = append(grants, entry.Grant)
	}
	if !slices.Equal(grants, *expected) {
		return fmt.Errorf("the sandbox received %v, expected %v", grants, *expected)
	}
	return nil
}
