//go:build !countersign_shared

package countersign

// The module's archive contains include and lib. In a clone of the repository, CGO_CFLAGS and
// CGO_LDFLAGS must name them.

// #cgo CFLAGS: -I${SRCDIR}/include
// #cgo linux,amd64 LDFLAGS: -L${SRCDIR}/lib/linux_amd64
// #cgo linux,arm64 LDFLAGS: -L${SRCDIR}/lib/linux_arm64
// #cgo linux LDFLAGS: -Wl,-Bstatic -lcountersign -Wl,-Bdynamic -lgcc_s -lutil -lrt -lpthread -lm -ldl
import "C"
