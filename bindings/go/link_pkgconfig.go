//go:build !countersign_static

package countersign

// #cgo pkg-config: countersign
import "C"
