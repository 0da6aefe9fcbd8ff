package countersign

// #include "bridge.h"
import "C"

import (
	"encoding/json"
	"unsafe"
)

// goText copies a borrowed string. NULL becomes "".
func goText(text C.countersign_go_text) string {
	return string(borrowed(text.data, text.length))
}

// borrowed returns C memory as bytes, valid as long as the object that owns it.
func borrowed(data *C.char, length C.size_t) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(data)), int(length))
}

// cText returns the pointer and the length of a string, for one call. The library copies what it
// keeps.
func cText(text string) (*C.char, C.size_t) {
	return (*C.char)(unsafe.Pointer(unsafe.StringData(text))), C.size_t(len(text))
}

func cBytes(bytes []byte) (*C.uint8_t, C.size_t) {
	return (*C.uint8_t)(unsafe.Pointer(unsafe.SliceData(bytes))), C.size_t(len(bytes))
}

// taken copies an owned string and frees it.
func taken(text *C.csign_text) string {
	defer C.csign_text_free(text)
	return copied(text)
}

// copied copies a string that the library still owns.
func copied(text *C.csign_text) string {
	var length C.size_t
	data := C.csign_text_value(text, &length)
	return string(borrowed(data, length))
}

// parsed parses the library's JSON. A failure is a bug of the library or of this package.
func parsed[T any](text string) (T, error) {
	var value T
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		return value, internal("cannot parse the library's JSON: " + err.Error())
	}
	return value, nil
}
