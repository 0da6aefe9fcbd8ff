/* Uses and frees freed handles, and values that never were handles. Each call returns the
 * documented status and reads nothing through them, which valgrind and AddressSanitizer would
 * report. */

#include "check.h"

static void never(void *data, csign_result *result)
{
    (void)data, (void)result;
    CHECK(0);
}

/* Calls every function that takes a handle with an invalid one. */
static void all_reject(void *handle)
{
    const csign_status wrong = CSIGN_STATUS_BAD_HANDLE;
    size_t length = 1;
    char buffer[8];
    EXPECT(wrong, csign_client_check_saved(handle, &error));
    EXPECT(wrong, csign_client_drain(handle, 0, &error));
    EXPECT(wrong, csign_client_copy_token(handle, 0, buffer, sizeof buffer, &length, &error));
    EXPECT_NOTHING(wrong, csign_token, csign_client_peek(handle, 0, &out, &error));
    EXPECT_NOTHING(wrong, csign_client, csign_client_new(handle, NULL, &out, &error));
    EXPECT(wrong, csign_config_set_name(handle, CSIGN_TEXT("x"), &error));
    EXPECT(wrong, csign_registry_add_profile(handle, CSIGN_TEXT("id = \"x\""), &error));
    EXPECT_NOTHING(wrong, csign_text, csign_registry_providers(handle, &out, &error));
    EXPECT_NOTHING(wrong, csign_text, csign_key_info(handle, &out, &error));
    EXPECT_NOTHING(wrong, csign_text, csign_login_save(handle, &out, &error));
    CHECK(csign_error_status(handle) == wrong);
    CHECK(csign_error_message(handle, &length) == NULL && length == 0);
    CHECK(csign_error_cause(handle) == NULL);
    CHECK(csign_login_url(handle, NULL) == NULL);
    CHECK(csign_login_state(handle, NULL) == NULL);
    CHECK(csign_text_value(handle, NULL) == NULL);
    CHECK(csign_token_value(handle, NULL) == NULL);
    CHECK(csign_token_share(handle) == NULL);
    EXPECT(wrong, csign_client_token_start(handle, NULL, never, NULL, &error));
    CHECK(csign_result_status(handle) == wrong);
    CHECK(csign_result_error(handle) == NULL);
    CHECK(csign_result_token(handle) == NULL);
    CHECK(csign_result_text(handle) == NULL);
    csign_cancel_set(handle);
    csign_client_close(handle);
    csign_client_free(handle);
    csign_config_free(handle);
    csign_error_free(handle);
    csign_key_free(handle);
    csign_login_free(handle);
    csign_registry_free(handle);
    csign_text_free(handle);
    csign_token_free(handle);
    csign_cancel_free(handle);
    csign_result_free(handle);
}

/* Values that no function returned, such as pointers into this program, and numbers next to a
 * handle. */
static void invalid_values(const void *handle)
{
    static const uintptr_t numbers[] = {1, 8, 4096, UINTPTR_MAX, UINTPTR_MAX / 2, (uintptr_t)1 << 16};
    int local = 0;
    void *allocated = malloc(1);
    size_t index;
    for (index = 0; index < sizeof numbers / sizeof *numbers; ++index) all_reject((void *)numbers[index]);
    all_reject(&local);
    all_reject(allocated);
    all_reject((void *)((uintptr_t)handle + 1));
    all_reject((void *)((uintptr_t)handle - 1));
    all_reject((void *)((uintptr_t)handle + UINTPTR_MAX / 2));
    free(allocated);
}

int main(int argc, char **argv)
{
    csign_config *config;
    csign_client *client;
    csign_registry *registry = NULL;
    csign_token *token;
    csign_key *key = NULL;
    csign_login *login = NULL;
    csign_text *text = NULL, *next = NULL;
    csign_error *error = NULL, *kept = NULL;
    if (argc != 2) return 2;
    config = config_of(argv[1], "docusign-jwt");
    client = client_from(config);
    token = token_of(client);
    read_cached_token(client);
    must(csign_registry_new(&registry, &error), &error, "registry");
    must(csign_key_from_secret((const uint8_t *)"0123456789abcdef0123456789abcdef", 32, &key, &error), &error, "key");
    must(csign_client_start_login(client, NULL, 0, &login, &error), &error, "login");
    must(csign_settings(&text, &error), &error, "settings");
    CHECK(csign_config_set(config, CSIGN_TEXT("subjekt"), CSIGN_TEXT("x"), &kept) == CSIGN_STATUS_SETTING);
    invalid_values(config);

    /* Each reference is freed once. */
    CHECK(csign_token_share(token) == token);
    csign_token_free(token);
    CHECK(csign_token_value(token, NULL) != NULL);
    csign_token_free(token);
    all_reject(token);

    /* The client returns its cached token each time, with one more reference. */
    token = token_of(client);
    CHECK(token_of(client) == token);
    csign_token_free(token);
    CHECK(csign_token_value(token, NULL) != NULL);
    csign_token_free(token);
    all_reject(token);
    CHECK(token_of(client) == token);
    csign_client_free(client);
    all_reject(client);
    CHECK(csign_token_value(token, NULL) != NULL);
    csign_token_free(token);
    all_reject(token);

    csign_config_free(config);
    all_reject(config);
    csign_registry_free(registry);
    all_reject(registry);
    csign_key_free(key);
    all_reject(key);
    csign_login_free(login);
    all_reject(login);
    csign_error_free(kept);
    all_reject(kept);

    /* An object that replaces a freed one has another handle. */
    csign_text_free(text);
    must(csign_settings(&next, &error), &error, "settings");
    CHECK(next != text);
    all_reject(text);
    CHECK(csign_text_value(next, NULL) != NULL);
    csign_text_free(next);
    all_reject(next);
    return outcome();
}
