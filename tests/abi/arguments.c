/* Invalid arguments: wrong lengths, invalid UTF-8, handles of another type, buffers that are too
 * small. */

#include "check.h"

/* A length that is larger than any limit of the library. */
#define TOO_LONG (((size_t)16 << 20) + 1)
/* A lone continuation byte, and a byte that never occurs in UTF-8. */
#define BAD "\x80\xff", 2

static void lengths(csign_config *config, const csign_client *client);
static void terminated(csign_config *config, const csign_client *client);
static void not_utf8(csign_config *config, const csign_client *client);
static void wrong_types(csign_config *config, csign_client *client);
static void small_buffers(const csign_client *client);
static int32_t sign(void *data, const uint8_t *input, size_t length, uint8_t *signature, size_t capacity, size_t *written);

static csign_key *key;
static csign_registry *registry;
static csign_login *login;

int main(int argc, char **argv)
{
    csign_config *config;
    csign_client *client;
    csign_error *error = NULL;
    if (argc != 2) return 2;
    config = config_of(argv[1], "docusign-jwt");
    client = client_from(config);
    must(csign_key_from_secret((const uint8_t *)"0123456789abcdef0123456789abcdef", 32, &key, &error), &error, "key");
    must(csign_registry_new(&registry, &error), &error, "registry");
    must(csign_client_start_login(client, NULL, 0, &login, &error), &error, "login");
    lengths(config, client);
    terminated(config, client);
    not_utf8(config, client);
    small_buffers(client);
    wrong_types(config, client);
    csign_login_free(login);
    csign_registry_free(registry);
    csign_key_free(key);
    csign_client_free(client);
    csign_config_free(config);
    return outcome();
}

/* Passes a length that is too large to every function that takes a pointer and a length. */
static void lengths(csign_config *config, const csign_client *client)
{
    static const size_t huge[] = {TOO_LONG, SIZE_MAX / 2 + 1, SIZE_MAX - 1};
    const csign_status wrong = CSIGN_STATUS_BAD_ARGUMENT;
    uint8_t signature[1024];
    size_t length = 0, index;
    for (index = 0; index < sizeof huge / sizeof *huge; ++index) {
        const size_t n = huge[index];
        const char *p = "x";
        const uint8_t *b = (const uint8_t *)p;
        EXPECT(wrong, csign_config_load(config, p, n, CSIGN_TEXT("x"), &error));
        EXPECT(wrong, csign_config_load(config, CSIGN_TEXT("x"), p, n, &error));
        EXPECT(wrong, csign_config_set_name(config, p, n, &error));
        EXPECT(wrong, csign_config_set(config, p, n, CSIGN_TEXT("x"), &error));
        EXPECT(wrong, csign_config_set(config, CSIGN_TEXT("subject"), p, n, &error));
        EXPECT(wrong, csign_config_set_signer(config, p, n, NULL, 0, sign, NULL, NULL, &error));
        EXPECT(wrong, csign_config_set_signer(config, CSIGN_TEXT("RS256"), p, n, sign, NULL, NULL, &error));
        EXPECT(wrong, csign_registry_add_profile(registry, p, n, &error));
        EXPECT(wrong, csign_registry_load_plugin(registry, p, n, NULL, 0, &error));
        EXPECT(wrong, csign_registry_load_plugin(registry, CSIGN_TEXT("/x.so"), p, n, &error));
        EXPECT(wrong, csign_client_invalidate(client, p, n, &error));
        EXPECT_NOTHING(wrong, csign_login, csign_client_start_login(client, p, n, &out, &error));
        EXPECT_NOTHING(wrong, csign_token, csign_client_complete_login(client, login, p, n, &out, &error));
        EXPECT_NOTHING(wrong, csign_login, csign_login_restore(p, n, &out, &error));
        EXPECT_NOTHING(wrong, csign_key, csign_key_read(b, n, NULL, 0, &out, &error));
        EXPECT_NOTHING(wrong, csign_key, csign_key_read(b, 1, p, n, &out, &error));
        EXPECT_NOTHING(wrong, csign_key, csign_key_from_secret(b, n, &out, &error));
        EXPECT_NOTHING(wrong, csign_key, csign_key_from_signer(p, n, NULL, 0, sign, NULL, NULL, &out, &error));
        EXPECT_NOTHING(wrong, csign_key,
                       csign_key_from_signer(CSIGN_TEXT("ES256"), p, n, sign, NULL, NULL, &out, &error));
        EXPECT_NOTHING(wrong, csign_text, csign_key_sign(key, p, n, NULL, 0, NULL, 0, CSIGN_TEXT("{}"), &out, &error));
        EXPECT_NOTHING(wrong, csign_text, csign_key_sign(key, NULL, 0, p, n, NULL, 0, CSIGN_TEXT("{}"), &out, &error));
        EXPECT_NOTHING(wrong, csign_text, csign_key_sign(key, NULL, 0, NULL, 0, p, n, CSIGN_TEXT("{}"), &out, &error));
        EXPECT_NOTHING(wrong, csign_text, csign_key_sign(key, NULL, 0, NULL, 0, NULL, 0, p, n, &out, &error));
        EXPECT(wrong, csign_key_sign_bytes(key, p, n, b, 1, signature, sizeof signature, &length, &error));
        EXPECT(wrong, csign_key_sign_bytes(key, NULL, 0, b, n, signature, sizeof signature, &length, &error));
        EXPECT_NOTHING(wrong, csign_text, csign_key_verify(key, p, n, CSIGN_TEXT("x"), &out, &error));
        EXPECT_NOTHING(wrong, csign_text, csign_key_verify(key, NULL, 0, p, n, &out, &error));
    }
}

/* Passes text whose length is CSIGN_NUL, and reads a field by such a name. */
static void terminated(csign_config *config, const csign_client *client)
{
    static char endless[TOO_LONG + 1];
    const csign_status wrong = CSIGN_STATUS_BAD_ARGUMENT;
    uint8_t signature[1024];
    csign_error *error = NULL;
    csign_text *identity = NULL;
    csign_login *again = NULL;
    size_t length = 0;
    const char *stated;

    EXPECT(CSIGN_STATUS_OK, csign_config_set(config, "client_id", CSIGN_NUL, "app", CSIGN_NUL, &error));
    EXPECT(CSIGN_STATUS_SETTING, csign_config_set(config, "client_idd", CSIGN_NUL, "x", CSIGN_NUL, &error));
    EXPECT(CSIGN_STATUS_BAD_UTF8, csign_config_set(config, "\xff", CSIGN_NUL, "x", CSIGN_NUL, &error));
    EXPECT(CSIGN_STATUS_NULL_ARGUMENT, csign_config_set(config, "client_id", CSIGN_NUL, NULL, CSIGN_NUL, &error));
    EXPECT_NOTHING(CSIGN_STATUS_NULL_ARGUMENT, csign_login, csign_client_start_login(client, NULL, CSIGN_NUL, &out, &error));
    must(csign_client_start_login(client, "", CSIGN_NUL, &again, &error), &error, "an empty text");
    csign_login_free(again);
    /* The maximum length holds for counted lengths too. */
    memset(endless, 'x', TOO_LONG);
    EXPECT(wrong, csign_config_set_name(config, endless, CSIGN_NUL, &error));
    /* Bytes have no terminator. */
    EXPECT_NOTHING(wrong, csign_key, csign_key_from_secret((const uint8_t *)"x", CSIGN_NUL, &out, &error));
    EXPECT(wrong, csign_key_sign_bytes(key, NULL, 0, (const uint8_t *)"x", CSIGN_NUL, signature, sizeof signature, &length, &error));

    must(csign_client_identity(client, &identity, &error), &error, "identity");
    stated = csign_text_field(identity, CSIGN_TEXT("account_id"), &length);
    CHECK(stated != NULL && length > 0 && strlen(stated) == length);
    CHECK(stated != NULL && strstr(csign_text_value(identity, NULL), stated) != NULL);
    CHECK(csign_text_field(identity, "account_id", CSIGN_NUL, NULL) == stated);
    CHECK(csign_text_field(identity, CSIGN_TEXT("account_i"), &length) == NULL && length == 0);
    CHECK(csign_text_field(identity, BAD, NULL) == NULL);
    CHECK(csign_text_field(identity, NULL, CSIGN_NUL, NULL) == NULL);
    csign_text_free(identity);
}

/* Passes invalid UTF-8 to every function that takes a string. */
static void not_utf8(csign_config *config, const csign_client *client)
{
    const csign_status wrong = CSIGN_STATUS_BAD_UTF8;
    csign_token *token = token_of(client);
    EXPECT(wrong, csign_config_load(config, BAD, CSIGN_TEXT("x"), &error));
    EXPECT(wrong, csign_config_load(config, CSIGN_TEXT("x"), BAD, &error));
    EXPECT(wrong, csign_config_set_name(config, BAD, &error));
    EXPECT(wrong, csign_config_set(config, BAD, CSIGN_TEXT("x"), &error));
    EXPECT(wrong, csign_config_set(config, CSIGN_TEXT("subject"), BAD, &error));
    EXPECT(wrong, csign_config_set_signer(config, BAD, NULL, 0, sign, NULL, NULL, &error));
    EXPECT(wrong, csign_config_set_signer(config, CSIGN_TEXT("RS256"), BAD, sign, NULL, NULL, &error));
    EXPECT(wrong, csign_registry_add_profile(registry, BAD, &error));
    EXPECT(wrong, csign_registry_load_plugin(registry, BAD, NULL, 0, &error));
    EXPECT(wrong, csign_registry_load_plugin(registry, CSIGN_TEXT("/x.so"), BAD, &error));
    EXPECT(wrong, csign_config_unset(config, BAD, &error));
    EXPECT(wrong, csign_client_invalidate(client, BAD, &error));
    EXPECT_NOTHING(wrong, csign_login, csign_client_start_login(client, BAD, &out, &error));
    EXPECT_NOTHING(wrong, csign_token, csign_client_complete_login(client, login, BAD, &out, &error));
    EXPECT_NOTHING(wrong, csign_login, csign_login_restore(BAD, &out, &error));
    EXPECT_NOTHING(wrong, csign_key, csign_key_read((const uint8_t *)"x", 1, BAD, &out, &error));
    EXPECT_NOTHING(CSIGN_STATUS_KEY, csign_key, csign_key_read((const uint8_t *)BAD, NULL, 0, &out, &error));
    EXPECT_NOTHING(wrong, csign_key, csign_key_from_signer(BAD, NULL, 0, sign, NULL, NULL, &out, &error));
    EXPECT_NOTHING(wrong, csign_key, csign_key_from_signer(CSIGN_TEXT("ES256"), BAD, sign, NULL, NULL, &out, &error));
    EXPECT_NOTHING(wrong, csign_text, csign_key_sign(key, BAD, NULL, 0, NULL, 0, CSIGN_TEXT("{}"), &out, &error));
    EXPECT_NOTHING(wrong, csign_text, csign_key_sign(key, NULL, 0, BAD, NULL, 0, CSIGN_TEXT("{}"), &out, &error));
    EXPECT_NOTHING(wrong, csign_text, csign_key_sign(key, NULL, 0, NULL, 0, BAD, CSIGN_TEXT("{}"), &out, &error));
    EXPECT_NOTHING(wrong, csign_text, csign_key_sign(key, NULL, 0, NULL, 0, NULL, 0, BAD, &out, &error));
    EXPECT_NOTHING(wrong, csign_text, csign_key_verify(key, BAD, CSIGN_TEXT("x"), &out, &error));
    EXPECT_NOTHING(wrong, csign_text, csign_key_verify(key, NULL, 0, BAD, &out, &error));
    CHECK(csign_token_extra(token, BAD, NULL) == NULL);
    csign_token_free(token);
}

/* Passes live handles of the wrong type. */
static void wrong_types(csign_config *config, csign_client *client)
{
    const csign_status wrong = CSIGN_STATUS_BAD_HANDLE;
    csign_token *token = token_of(client);
    void *other = config;
    EXPECT_NOTHING(wrong, csign_token, csign_client_token(other, 0, &out, &error));
    EXPECT_NOTHING(wrong, csign_token, csign_client_peek(other, 0, &out, &error));
    EXPECT(wrong, csign_client_check_saved(other, &error));
    EXPECT(wrong, csign_client_drain(other, 0, &error));
    EXPECT(wrong, csign_config_set(other = token, CSIGN_TEXT("subject"), CSIGN_TEXT("x"), &error));
    EXPECT(wrong, csign_config_unset(other = token, CSIGN_TEXT("subject"), &error));
    EXPECT_NOTHING(wrong, csign_client, csign_client_new(other = client, NULL, &out, &error));
    EXPECT_NOTHING(wrong, csign_client, csign_client_new(config, other = client, &out, &error));
    EXPECT(wrong, csign_registry_add_profile(other = client, CSIGN_TEXT("id = \"x\""), &error));
    EXPECT_NOTHING(wrong, csign_text, csign_key_info(other = registry, &out, &error));
    EXPECT_NOTHING(wrong, csign_text, csign_login_save(other = key, &out, &error));
    EXPECT_NOTHING(wrong, csign_token, csign_client_complete_login(client, other = key, CSIGN_TEXT("x"), &out, &error));
    CHECK(csign_error_status(other = key) == CSIGN_STATUS_BAD_HANDLE);
    CHECK(csign_error_message(other = key, NULL) == NULL);
    CHECK(csign_token_value(other = key, NULL) == NULL);
    CHECK(csign_token_share(other = key) == NULL);
    CHECK(csign_text_value(other = key, NULL) == NULL);
    CHECK(csign_login_url(other = key, NULL) == NULL);
    CHECK(csign_login_state(other = key, NULL) == NULL);
    /* Freeing with the wrong function does nothing: all of these are used again. */
    csign_config_free(other = client);
    csign_client_free(other = token);
    csign_token_free(other = client);
    csign_error_free(other = key);
    csign_key_free(other = registry);
    csign_registry_free(other = login);
    csign_login_free(other = config);
    csign_text_free(other = token);
    csign_client_close(other = token);
    CHECK(csign_token_value(token, NULL) != NULL);
    EXPECT(CSIGN_STATUS_OK, csign_client_check_saved(client, &error));
    csign_token_free(token);
}

static void small_buffers(const csign_client *client)
{
    csign_token *token = token_of(client);
    size_t whole = 0, length, capacity;
    const char *value = csign_token_value(token, &whole);
    char *buffer = malloc(whole + 2);
    uint8_t signature[64];
    for (capacity = 0; capacity <= whole + 1; capacity += capacity < 2 || capacity + 2 > whole ? 1 : whole - 2) {
        const csign_status wanted = capacity < whole ? CSIGN_STATUS_BUFFER_TOO_SMALL : CSIGN_STATUS_OK;
        int peek;
        for (peek = 0; peek < 2; ++peek) {
            memset(buffer, '#', whole + 2);
            length = 0;
            EXPECT(wanted, peek ? csign_client_peek_token(client, buffer, capacity, &length, &error)
                                : csign_client_copy_token(client, 0, buffer, capacity, &length, &error));
            CHECK(length == whole);
            CHECK(capacity < whole ? buffer[0] == '#' : memcmp(buffer, value, whole) == 0);
            CHECK(buffer[whole] == (capacity > whole ? '\0' : '#'));
            CHECK(buffer[whole + 1] == '#');
        }
    }
    length = 0;
    EXPECT(CSIGN_STATUS_BUFFER_TOO_SMALL, csign_client_copy_token(client, 0, NULL, 0, &length, &error));
    CHECK(length == whole);
    length = 0;
    EXPECT(CSIGN_STATUS_BUFFER_TOO_SMALL, csign_client_copy_token(client, 60000, NULL, 0, &length, &error));
    CHECK(length == whole);
    /* HS256: 32 bytes. */
    memset(signature, '#', sizeof signature);
    EXPECT(CSIGN_STATUS_BUFFER_TOO_SMALL,
           csign_key_sign_bytes(key, NULL, 0, (const uint8_t *)"x", 1, signature, 31, &length, &error));
    CHECK(length == 32 && signature[0] == '#');
    EXPECT(CSIGN_STATUS_OK,
           csign_key_sign_bytes(key, NULL, 0, (const uint8_t *)"x", 1, signature, 32, &length, &error));
    CHECK(length == 32 && signature[32] == '#');
    free(buffer);
    csign_token_free(token);
}

static int32_t sign(void *data, const uint8_t *input, size_t length, uint8_t *signature, size_t capacity, size_t *written)
{
    (void)data, (void)input, (void)length, (void)signature, (void)capacity, (void)written;
    return 1;
}
