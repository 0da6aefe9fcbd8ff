package countersign

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"
)

func counted(shut, free *atomic.Int32) *handle {
	return &handle{
		what: "thing",
		shut: func(unsafe.Pointer) { shut.Add(1) },
		free: func(unsafe.Pointer) { free.Add(1) },
	}
}

func TestTheLastCallFrees(t *testing.T) {
	var shut, free atomic.Int32
	h := counted(&shut, &free)
	if h.enter() != nil || h.enter() != nil {
		t.Fatal("a call on an open handle failed")
	}
	h.close()
	h.close()
	if shut.Load() != 1 || free.Load() != 0 {
		t.Fatalf("shut %d times, freed %d times during calls", shut.Load(), free.Load())
	}
	if err := h.enter(); !errors.Is(err, ErrClosed) {
		t.Fatalf("a call on a closed handle returned %v", err)
	}
	h.leave()
	if free.Load() != 0 {
		t.Fatal("freed during the last call")
	}
	h.leave()
	if free.Load() != 1 {
		t.Fatalf("freed %d times", free.Load())
	}
	_ = h.enter()
	h.close()
	if free.Load() != 1 || shut.Load() != 1 {
		t.Fatal("freed again")
	}
}

func TestConcurrentClosesFreeOnce(t *testing.T) {
	for range 200 {
		var shut, free, inside atomic.Int32
		h := counted(&shut, &free)
		h.free = func(unsafe.Pointer) {
			free.Add(1)
			if inside.Load() != 0 {
				t.Error("freed during a call")
			}
		}
		var all sync.WaitGroup
		for at := range 8 {
			all.Add(1)
			go func() {
				defer all.Done()
				for range 50 {
					if h.enter() == nil {
						inside.Add(1)
						runtime.Gosched()
						inside.Add(-1)
						h.leave()
					}
				}
				if at%2 == 0 {
					h.close()
				}
			}()
		}
		all.Wait()
		if shut.Load() != 1 || free.Load() != 1 {
			t.Fatalf("shut %d times, freed %d times", shut.Load(), free.Load())
		}
	}
}

// An unreachable client is freed, and so is everything that its callbacks refer to.
func TestADroppedClientIsFreed(t *testing.T) {
	fresh(t)
	gone := make(chan struct{})
	func() {
		held := new([64]byte)
		runtime.AddCleanup(held, func(gone chan struct{}) { close(gone) }, gone)
		client, err := Load("docusign-jwt", WithFile(emulator.Connections), WithSettings(Settings{"store": "memory"}),
			WithListener(func(Change, *Token) { held[0]++ }))
		if err != nil {
			t.Fatal(err)
		}
		access(t, client)
	}()
	deadline := time.After(time.Minute)
	for {
		runtime.GC()
		select {
		case <-gone:
			return
		case <-deadline:
			t.Fatal("the client still holds its listener")
		case <-time.After(time.Millisecond):
		}
	}
}

func TestACallKeepsItsClientAlive(t *testing.T) {
	fresh(t)
	tell(t, "/_sandbox/faults", map[string]any{"kind": "slow", "ms": 5})
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for {
			select {
			case <-stop:
				return
			default:
				runtime.GC()
			}
		}
	}()
	for range 5 {
		client, err := Load("docusign-jwt", WithFile(emulator.Connections), WithSettings(Settings{"store": "memory"}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.AccessToken(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCallsOnClosedObjectsFail(t *testing.T) {
	key, err := KeyFromSecret(make([]byte, 64))
	if err != nil {
		t.Fatal(err)
	}
	registry, err := NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	_ = key.Close()
	_ = key.Close()
	_ = registry.Close()
	if _, err := key.Info(); !errors.Is(err, ErrClosed) {
		t.Errorf("key: %v", err)
	}
	if _, err := registry.Providers(); !errors.Is(err, ErrClosed) {
		t.Errorf("registry: %v", err)
	}
	if _, err := New(Settings{"provider": "boldsign"}, WithRegistry(registry)); !errors.Is(err, ErrClosed) {
		t.Errorf("client with a closed registry: %v", err)
	}
}
