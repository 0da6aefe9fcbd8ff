/* C functions for Go: some read several fields in one cgo call, others pass C functions as
 * callbacks. */

#ifndef COUNTERSIGN_GO_BRIDGE_H
#define COUNTERSIGN_GO_BRIDGE_H

#include <countersign.h>
#include <stdbool.h>

#include "abi.h"

/* A token's fields, borrowed from it. */
typedef struct {
    csign_source source;
    int64_t expires_at;
    countersign_go_text value, authorization, type, scope, extra_json;
    /* Whether Authorization is the only header that carries it. */
    bool has_usual_headers;
} countersign_go_token;

/* The result of a call for a token. Returned by value, because Go can pass C only pointers to its
 * heap. */
typedef struct {
    csign_status status;
    csign_error *error;
    csign_token *token;
    countersign_go_token fields;
} countersign_go_result;

typedef struct {
    csign_status status;
    csign_error *error;
    size_t length;
} countersign_go_peeked;

typedef struct {
    csign_status status;
    csign_error *error;
    size_t count;
} countersign_go_headers;

countersign_go_token countersign_go_read_token(const csign_token *token);
countersign_go_headers countersign_go_count_headers(const csign_token *token);

/* Attaches a runtime/cgo.Handle to the error that the running callback causes. It is deleted with
 * the error. */
void countersign_go_set_cause(uintptr_t cause);

countersign_go_peeked countersign_go_peek(const csign_client *client, char *buffer, size_t capacity);
/* The token of the result is NULL if none is cached. */
countersign_go_result countersign_go_client_peek(const csign_client *client, uint64_t min_valid_ms);

/* A call that the library starts. */
typedef struct {
    csign_status status;
    csign_error *error;
} countersign_go_started;

typedef enum {
    COUNTERSIGN_GO_TOKEN,
    COUNTERSIGN_GO_REFRESH,
    COUNTERSIGN_GO_IDENTITY,
    COUNTERSIGN_GO_FORGET,
    COUNTERSIGN_GO_FORCE_FORGET,
    COUNTERSIGN_GO_EVENTS,
    COUNTERSIGN_GO_REFRESH_TOKEN_EXPIRES_AT,
} countersign_go_call;

/* Start a call. `done` is a runtime/cgo.Handle of a function that gets the result. It is deleted then.
 * If the call can't be started, it isn't. */
countersign_go_started countersign_go_start(const csign_client *client, countersign_go_call call,
                                            uint64_t min_valid_ms, const csign_cancel *cancel, uintptr_t done);
countersign_go_started countersign_go_start_complete_login(const csign_client *client, const csign_login *login,
                                                           const char *query, size_t query_length,
                                                           const csign_cancel *cancel, uintptr_t done);
countersign_go_result countersign_go_login(const csign_client *client, uint16_t port, uint64_t timeout_ms,
                                           uintptr_t opener);

/* The parameter before the outputs is a runtime/cgo.Handle, which is deleted when the library
 * releases the callback. */
csign_status countersign_go_set_signer(csign_config *config, const char *algorithm, size_t algorithm_length,
                                       const char *key_id, size_t key_id_length, uintptr_t signer,
                                       csign_error **error);
csign_status countersign_go_set_log(csign_config *config, uintptr_t logger, csign_error **error);
csign_status countersign_go_registry_set_log(csign_registry *registry, uintptr_t logger, csign_error **error);
csign_status countersign_go_set_clock(csign_config *config, uintptr_t clock, csign_error **error);
csign_status countersign_go_set_listener(csign_config *config, uintptr_t listener, csign_error **error);
csign_status countersign_go_key_from_signer(const char *algorithm, size_t algorithm_length, const char *key_id,
                                            size_t key_id_length, uintptr_t signer, csign_key **out_key,
                                            csign_error **error);

#endif
