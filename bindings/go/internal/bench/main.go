// Command bench measures the cost of a cached token and prints a line of JSON per measurement.
package main

import (
	"context"
	"fmt"
	"os"
	"testing"

	countersign "github.com/countersign/countersign-go"
	"github.com/countersign/countersign-go/internal/sandbox"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	emulator, err := sandbox.Start()
	if err != nil {
		return err
	}
	defer emulator.Stop()
	client, err := countersign.Load("docusign-jwt", countersign.WithFile(emulator.Connections),
		countersign.WithSettings(countersign.Settings{"store": "memory"}))
	if err != nil {
		return err
	}
	defer client.Close()
	token, err := client.AccessToken(context.Background())
	if err != nil {
		return err
	}
	cancellable, cancel := context.WithCancel(context.Background())
	defer cancel()

	measure("call that copies the version", func() { countersign.Version() })
	measure("cached token", func() { must(client.AccessToken(context.Background())) })
	measure("cached token object", func() { must(client.Token(context.Background())) })
	measure("cached token, caller can cancel", func() { must(client.AccessToken(cancellable)) })
	measure("cached token object, caller can cancel", func() { must(client.Token(cancellable)) })
	measureParallel("cached token, all processors", func() { must(client.AccessToken(context.Background())) })
	fmt.Fprintf(os.Stderr, "the token has %d bytes\n", len(token))
	return nil
}

func measure(what string, call func()) {
	say(what, testing.Benchmark(func(b *testing.B) {
		for range b.N {
			call()
		}
	}))
}

func measureParallel(what string, call func()) {
	say(what, testing.Benchmark(func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				call()
			}
		})
	}))
}

func say(what string, result testing.BenchmarkResult) {
	fmt.Printf("{\"what\":%q,\"ns\":%.1f}\n", what, float64(result.T.Nanoseconds())/float64(result.N))
}

func must[T any](_ T, err error) {
	if err != nil {
		panic(err)
	}
}
