//go:build countersign_shared

package countersign

// #cgo pkg-config: countersign
import "C"
