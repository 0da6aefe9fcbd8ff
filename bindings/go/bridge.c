#include "bridge.h"

#include "_cgo_export.h"

#define TEXT(object, field)                                                                                            \
    do {                                                                                                               \
        into.field.data = csign_##object##_##field(object, &into.field.length);                                        \
    } while (0)

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
    return into;
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

countersign_go_result countersign_go_client_token(const csign_client *client, uint64_t min_valid_ms)
{
    csign_token *token = NULL;
    csign_error *error = NULL;
    csign_status status = csign_client_token(client, min_valid_ms, &token, &error);
    return result_of(status, token, error);
}

countersign_go_result countersign_go_client_refresh(const csign_client *client)
{
    csign_token *token = NULL;
    csign_error *error = NULL;
    csign_status status = csign_client_refresh(client, &token, &error);
    return result_of(status, token, error);
}

countersign_go_result countersign_go_complete_login(const csign_client *client, const csign_login *login,
                                                    const char *query, size_t query_length)
{
    csign_token *token = NULL;
    csign_error *error = NULL;
    csign_status status = csign_client_complete_login(client, login, query, query_length, &token, &error);
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
