#include "bridge.h"

#include <string.h>

#include "_cgo_export.h"

#define TEXT(object, field)                                                                                            \
    do {                                                                                                               \
        into.field.data = csign_##object##_##field(object, &into.field.length);                                        \
    } while (0)

static bool has_usual_headers(const csign_token *token, countersign_go_text authorization)
{
    size_t count = 0, length = 0;
    const char *name, *value;
    if (csign_token_header_count(token, &count, NULL) != CSIGN_STATUS_OK || count != 1)
        return false;
    name = csign_token_header_name(token, 0, NULL);
    value = csign_token_header_value(token, 0, &length);
    return strcmp(name, "Authorization") == 0 && length == authorization.length &&
           memcmp(value, authorization.data, length) == 0;
}

countersign_go_token countersign_go_read_token(const csign_token *token)
{
    countersign_go_token into = {0};
    into.source = csign_token_source(token);
    into.expires_at = csign_token_expires_at(token);
    TEXT(token, value);
    TEXT(token, authorization);
    TEXT(token, type);
    TEXT(token, scope);
    TEXT(token, extra_json);
    into.has_usual_headers = has_usual_headers(token, into.authorization);
    return into;
}

countersign_go_headers countersign_go_count_headers(const csign_token *token)
{
    countersign_go_headers headers = {0};
    headers.status = csign_token_header_count(token, &headers.count, &headers.error);
    return headers;
}

countersign_go_peeked countersign_go_peek(const csign_client *client, char *buffer, size_t capacity)
{
    countersign_go_peeked peeked = {0};
    peeked.status = csign_client_peek_token(client, buffer, capacity, &peeked.length, &peeked.error);
    return peeked;
}

static countersign_go_result result_of(csign_status status, csign_token *token, csign_error *error)
{
    countersign_go_result result = {.status = status, .error = error, .token = token};
    if (token != NULL)
        result.fields = countersign_go_read_token(token);
    return result;
}

countersign_go_result countersign_go_client_peek(const csign_client *client, uint64_t min_valid_ms)
{
    csign_token *token = NULL;
    csign_error *error = NULL;
    csign_status status = csign_client_peek(client, min_valid_ms, &token, &error);
    return result_of(status, token, error);
}

/* The library's callbacks have const parameters, which exported Go functions can't declare. */

static int32_t open_url(void *user_data, const char *url, size_t length)
{
    return countersignOpen((uintptr_t)user_data, (char *)url, length);
}

static int32_t sign(void *user_data, const uint8_t *input, size_t input_length, uint8_t *signature, size_t capacity,
                    size_t *written)
{
    return countersignSign((uintptr_t)user_data, (uint8_t *)input, input_length, signature, capacity, written);
}

static void log_line(void *user_data, csign_log_level level, const char *line, size_t length)
{
    countersignLog((uintptr_t)user_data, level, (char *)line, length);
}

static int32_t read_clock(void *user_data, int64_t *unix_ms, uint64_t *boot_ms)
{
    return countersignClock((uintptr_t)user_data, unix_ms, boot_ms);
}

static void on_change(void *user_data, csign_change change, const csign_token *token)
{
    countersignChange((uintptr_t)user_data, change, (csign_token *)token);
}

static void destroy(void *user_data)
{
    countersignDestroy((uintptr_t)user_data);
}

static void done_with(void *user_data, csign_result *result)
{
    countersignDone((uintptr_t)user_data, result);
}

countersign_go_started countersign_go_start(const csign_client *client, countersign_go_call call,
                                            uint64_t min_valid_ms, const csign_cancel *cancel, uintptr_t done)
{
    csign_call_options options = CSIGN_CALL_OPTIONS_INIT;
    countersign_go_started started = {0};
    csign_status (*start)(const csign_client *, const csign_call_options *, csign_done_fn, void *, csign_error **) = NULL;
    options.min_valid_ms = min_valid_ms;
    options.cancel = cancel;
    switch (call) {
    case COUNTERSIGN_GO_TOKEN:
        start = csign_client_token_start;
        break;
    case COUNTERSIGN_GO_REFRESH:
        start = csign_client_refresh_start;
        break;
    case COUNTERSIGN_GO_IDENTITY:
        start = csign_client_identity_start;
        break;
    case COUNTERSIGN_GO_FORGET:
        start = csign_client_forget_start;
        break;
    case COUNTERSIGN_GO_FORCE_FORGET:
        start = csign_client_force_forget_start;
        break;
    case COUNTERSIGN_GO_EVENTS:
        start = csign_client_events_start;
        break;
    case COUNTERSIGN_GO_REFRESH_TOKEN_EXPIRES_AT:
        start = csign_client_refresh_token_expires_at_start;
        break;
    }
    started.status = start(client, &options, done_with, (void *)done, &started.error);
    return started;
}

countersign_go_started countersign_go_start_complete_login(const csign_client *client, const csign_login *login,
                                                           const char *query, size_t query_length,
                                                           const csign_cancel *cancel, uintptr_t done)
{
    csign_call_options options = CSIGN_CALL_OPTIONS_INIT;
    countersign_go_started started = {0};
    options.cancel = cancel;
    started.status = csign_client_complete_login_start(client, login, query, query_length, &options, done_with,
                                                       (void *)done, &started.error);
    return started;
}

void countersign_go_set_cause(uintptr_t cause)
{
    csign_callback_set_cause((void *)cause, destroy);
}

countersign_go_result countersign_go_login(const csign_client *client, uint16_t port, uint64_t timeout_ms,
                                           uintptr_t opener)
{
    csign_token *token = NULL;
    csign_error *error = NULL;
    csign_status status = csign_client_login(client, port, timeout_ms, open_url, (void *)opener, &token, &error);
    return result_of(status, token, error);
}

csign_status countersign_go_set_signer(csign_config *config, const char *algorithm, size_t algorithm_length,
                                       const char *key_id, size_t key_id_length, uintptr_t signer,
                                       csign_error **error)
{
    return csign_config_set_signer(config, algorithm, algorithm_length, key_id, key_id_length, sign, (void *)signer,
                                   destroy, error);
}

csign_status countersign_go_set_log(csign_config *config, uintptr_t logger, csign_error **error)
{
    return csign_config_set_log(config, CSIGN_LOG_LEVEL_DEBUG, log_line, (void *)logger, destroy, error);
}

csign_status countersign_go_registry_set_log(csign_registry *registry, uintptr_t logger, csign_error **error)
{
    return csign_registry_set_log(registry, CSIGN_LOG_LEVEL_DEBUG, log_line, (void *)logger, destroy, error);
}

csign_status countersign_go_set_clock(csign_config *config, uintptr_t clock, csign_error **error)
{
    return csign_config_set_clock(config, read_clock, (void *)clock, destroy, error);
}

csign_status countersign_go_set_listener(csign_config *config, uintptr_t listener, csign_error **error)
{
    return csign_config_set_listener(config, on_change, (void *)listener, destroy, error);
}

csign_status countersign_go_key_from_signer(const char *algorithm, size_t algorithm_length, const char *key_id,
                                            size_t key_id_length, uintptr_t signer, csign_key **out_key,
                                            csign_error **error)
{
    return csign_key_from_signer(algorithm, algorithm_length, key_id, key_id_length, sign, (void *)signer, destroy,
                                 out_key, error);
}
