package countersign

// #include "bridge.h"
import "C"

import (
	"fmt"
	"sync"
)

// Version is the release of the library that is running, such as "0.1.0".
func Version() string {
	return C.GoString(C.csign_version())
}

// ABIVersion is the ABI of the library that is running: major << 16 | minor.
func ABIVersion() uint32 {
	return uint32(C.csign_abi_version())
}

// checkABI refuses a library that is not the one this program was compiled for. Everything that makes an object of
// the library's asks it first.
var checkABI = sync.OnceValue(func() error {
	return compatible(C.CSIGN_ABI_VERSION, ABIVersion())
})

// compatible tells whether a library of one ABI serves a program that was made for another.
func compatible(made, running uint32) error {
	if made>>16 == running>>16 && made&0xffff <= running&0xffff {
		return nil
	}
	return misuse(
		StatusInternal,
		fmt.Sprintf("libcountersign has ABI %d.%d, and this program was compiled for %d.%d",
			running>>16, running&0xffff, made>>16, made&0xffff),
		"install the library whose header it was compiled with, or compile it again",
	)
}
