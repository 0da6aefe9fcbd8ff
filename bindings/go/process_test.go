package countersign

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"
)

// A program that is started during a refresh inherits neither the lease nor any other descriptor.
func TestAChildProgramInheritsNoLease(t *testing.T) {
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Fatal("this test needs /proc/self/fd: ", err)
	}
	before := inherited(t)
	fresh(t)
	client := dial(t, "boldsign-cc", Settings{"store": "file:" + emulator.Dir + "/kept"})
	access(t, client)
	tell(t, "/_sandbox/faults", map[string]any{"kind": "slow", "ms": 40})
	sent := requests(t)
	refreshed := make(chan error, 1)
	go func() {
		_, err := client.Refresh(context.Background())
		refreshed <- err
	}()
	for requests(t) == sent {
		time.Sleep(time.Millisecond)
	}

	during := inherited(t)
	idle := exec.Command("cat")
	stdin, err := idle.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := idle.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = stdin.Close()
		_ = idle.Wait()
	}()
	select {
	case err := <-refreshed:
		t.Fatal("the refresh ended before the program was started: ", err)
	default:
	}

	if during != before {
		t.Errorf("inherited:\n%sbefore:\n%s", during, before)
	}
	if err := <-refreshed; err != nil {
		t.Fatal(err)
	}
	if token, err := client.Refresh(context.Background()); err != nil || token.Source() != SourceMinted {
		t.Fatal(token, err)
	}
}

// inherited lists the descriptors that a program inherits: those opened without O_CLOEXEC.
func inherited(t *testing.T) string {
	t.Helper()
	listed, err := exec.Command("ls", "/proc/self/fd").Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(listed)
}
