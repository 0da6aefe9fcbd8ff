package countersign

// #include "bridge.h"
import "C"

import (
	"encoding/json"
	"unsafe"
)

// goText copies borrowed text; empty where there is none.
func goText(text C.countersign_go_text) string {
	return string(borrowed(text.data, text.length))
}

// borrowed is C's memory as bytes, for as long as the object lives that lends it.
func borrowed(data *C.char, length C.size_t) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(data)), int(length))
}

// cText is text as pointer and length, for the duration of one call; the library copies what it keeps.
func cText(text string) (*C.char, C.size_t) {
	return (*C.char)(unsafe.Pointer(unsafe.StringData(text))), C.size_t(len(text))
}

func cBytes(bytes []byte) (*C.uint8_t, C.size_t) {
	return (*C.uint8_t)(unsafe.Pointer(unsafe.SliceData(bytes))), C.size_t(len(bytes))
}

// taken copies a text that is the caller's, and frees it.
func taken(text *C.csign_text) string {
	var length C.size_t
	data := C.csign_text_value(text, &length)
	copied := string(borrowed(data, length))
	C.csign_text_free(text)
	return copied
}

// parsed reads the library's JSON; what cannot be read is a bug of the library's, or of this package's.
func parsed[T any](text string) (T, error) {
	var value T
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		return value, &Error{
			Status:     StatusInternal,
			Kind:       "internal",
			Verdict:    VerdictUnexpected,
			Message:    "the library's JSON could not be read: " + err.Error(),
			RetryAfter: -1,
		}
	}
	return value, nil
}
