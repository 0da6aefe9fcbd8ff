//go:build !cgo

package countersign

// The only line that is compiled without cgo. The compiler's error shows the name.
var _ = countersign_needs_cgo__set_CGO_ENABLED_to_1_and_install_a_C_compiler
