package countersign

// #include "bridge.h"
import "C"

import (
	"fmt"
	"sync"
)

// Version returns the version of the loaded library, such as "0.1.0".
func Version() string {
	return C.GoString(C.csign_version())
}

// checkABI fails if the loaded library is incompatible with the one that this program was compiled
// for. Everything that creates a library object calls it first.
var checkABI = sync.OnceValue(func() error {
	return compatible(C.CSIGN_ABI_VERSION, uint32(C.csign_abi_version()))
})

// compatible returns an error if a program compiled for one ABI can't use a library with the other.
func compatible(made, running uint32) error {
	if made>>16 == running>>16 && made&0xffff <= running&0xffff {
		return nil
	}
	return misuse(
		fmt.Sprintf("libcountersign has ABI %d.%d, but this program was compiled for %d.%d",
			running>>16, running&0xffff, made>>16, made&0xffff),
		"install the library that the program was compiled for, or compile the program again",
	)
}
