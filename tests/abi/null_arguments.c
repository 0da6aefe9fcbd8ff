/* Passes NULL as every argument of every exported function. run.sh compares the calls here with
 * `nm -D`. */

#include "check.h"

/* A live handle of every type. */
struct alive {
    csign_config *config;
    csign_registry *registry;
    csign_client *client;
    csign_token *token;
    csign_error *error;
    csign_key *key;
    csign_login *login;
    csign_text *text;
    csign_cancel *cancel;
};

static int32_t sign(void *data, const uint8_t *input, size_t length, uint8_t *signature, size_t capacity, size_t *written);
static void take(void *data, csign_log_level level, const char *line, size_t length);
static int32_t tell(void *data, int64_t *unix_ms, uint64_t *boot_ms);
static void hear(void *data, csign_change change, const csign_token *token);
static void done(void *data, csign_result *result);

static struct alive make(const char *dir);
static void unmake(struct alive *alive);
static void configs(struct alive *alive);
static void registries(struct alive *alive);
static void clients(struct alive *alive);
static void starts(struct alive *alive);
static void logins(struct alive *alive);
static void keys(struct alive *alive);
static void lookers(struct alive *alive);
static void freeing(void);

#define NULLARG CSIGN_STATUS_NULL_ARGUMENT

int main(int argc, char **argv)
{
    struct alive alive;
    if (argc != 2) return 2;
    alive = make(argv[1]);
    configs(&alive);
    registries(&alive);
    clients(&alive);
    starts(&alive);
    logins(&alive);
    keys(&alive);
    lookers(&alive);
    freeing();
    unmake(&alive);
    return outcome();
}

static struct alive make(const char *dir)
{
    struct alive alive = {0};
    csign_error *error = NULL;
    alive.config = config_of(dir, "docusign-code");
    must(csign_registry_new(&alive.registry, &error), &error, "csign_registry_new");
    alive.client = client_of(dir, "docusign-jwt");
    alive.token = token_of(alive.client);
    CHECK(csign_config_set(alive.config, CSIGN_TEXT("subjekt"), CSIGN_TEXT("x"), &alive.error) == CSIGN_STATUS_SETTING);
    must(csign_key_from_secret((const uint8_t *)"0123456789abcdef0123456789abcdef", 32, &alive.key, &error), &error, "key");
    must(csign_client_start_login(alive.client, CSIGN_TEXT("http://127.0.0.1/callback"), &alive.login, &error), &error,
         "csign_client_start_login");
    must(csign_settings(&alive.text, &error), &error, "csign_settings");
    must(csign_cancel_new(&alive.cancel, &error), &error, "csign_cancel_new");
    return alive;
}

static void unmake(struct alive *alive)
{
    csign_cancel_free(alive->cancel);
    csign_text_free(alive->text);
    csign_login_free(alive->login);
    csign_key_free(alive->key);
    csign_error_free(alive->error);
    csign_token_free(alive->token);
    csign_client_free(alive->client);
    csign_registry_free(alive->registry);
    csign_config_free(alive->config);
}

static void configs(struct alive *alive)
{
    csign_config *config = alive->config;
    EXPECT(NULLARG, csign_config_new(NULL, &error));
    CHECK(csign_config_new(NULL, NULL) == NULLARG);

    EXPECT(NULLARG, csign_config_load(NULL, NULL, 0, CSIGN_TEXT("x"), &error));
    EXPECT(NULLARG, csign_config_load(config, NULL, 3, CSIGN_TEXT("x"), &error));
    EXPECT(NULLARG, csign_config_load(config, CSIGN_TEXT("x"), NULL, 3, &error));
    CHECK(csign_config_load(NULL, NULL, 0, NULL, 0, NULL) == NULLARG);

    EXPECT(NULLARG, csign_config_set_name(NULL, CSIGN_TEXT("x"), &error));
    EXPECT(NULLARG, csign_config_set_name(config, NULL, 1, &error));
    EXPECT(CSIGN_STATUS_BAD_ARGUMENT, csign_config_set_name(config, NULL, 0, &error));
    CHECK(csign_config_set_name(NULL, NULL, 0, NULL) == NULLARG);

    EXPECT(NULLARG, csign_config_set(NULL, CSIGN_TEXT("subject"), CSIGN_TEXT("x"), &error));
    EXPECT(NULLARG, csign_config_set(config, NULL, 7, CSIGN_TEXT("x"), &error));
    EXPECT(NULLARG, csign_config_set(config, CSIGN_TEXT("subject"), NULL, 1, &error));
    EXPECT(CSIGN_STATUS_SETTING, csign_config_set(config, NULL, 0, CSIGN_TEXT("x"), &error));
    EXPECT(CSIGN_STATUS_SETTING, csign_config_set(config, CSIGN_TEXT("subject"), NULL, 0, &error));
    CHECK(csign_config_set(config, NULL, 0, NULL, 0, NULL) == CSIGN_STATUS_SETTING);

    EXPECT(NULLARG, csign_config_unset(NULL, CSIGN_TEXT("subject"), &error));
    EXPECT(NULLARG, csign_config_unset(config, NULL, 7, &error));
    EXPECT(CSIGN_STATUS_SETTING, csign_config_unset(config, NULL, 0, &error));
    CHECK(csign_config_unset(NULL, NULL, 0, NULL) == NULLARG);

    EXPECT(NULLARG, csign_config_set_signer(NULL, CSIGN_TEXT("RS256"), NULL, 0, sign, NULL, NULL, &error));
    EXPECT(NULLARG, csign_config_set_signer(config, NULL, 5, NULL, 0, sign, NULL, NULL, &error));
    EXPECT(NULLARG, csign_config_set_signer(config, CSIGN_TEXT("RS256"), NULL, 1, sign, NULL, NULL, &error));
    EXPECT(NULLARG, csign_config_set_signer(config, CSIGN_TEXT("RS256"), NULL, 0, NULL, NULL, NULL, &error));
    CHECK(csign_config_set_signer(NULL, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL) == NULLARG);

    EXPECT(NULLARG, csign_config_set_log(NULL, 4, take, NULL, NULL, &error));
    EXPECT(NULLARG, csign_config_set_log(config, 4, NULL, NULL, NULL, &error));
    EXPECT(CSIGN_STATUS_BAD_ARGUMENT, csign_config_set_log(config, 0, take, NULL, NULL, &error));
    CHECK(csign_config_set_log(NULL, 4, NULL, NULL, NULL, NULL) == NULLARG);

    EXPECT(NULLARG, csign_config_set_clock(NULL, tell, NULL, NULL, &error));
    EXPECT(NULLARG, csign_config_set_clock(config, NULL, NULL, NULL, &error));
    CHECK(csign_config_set_clock(NULL, NULL, NULL, NULL, NULL) == NULLARG);

    EXPECT(NULLARG, csign_config_set_listener(NULL, hear, NULL, NULL, &error));
    EXPECT(NULLARG, csign_config_set_listener(config, NULL, NULL, NULL, &error));
    CHECK(csign_config_set_listener(NULL, NULL, NULL, NULL, NULL) == NULLARG);

    EXPECT(NULLARG, csign_settings(NULL, &error));
    CHECK(csign_settings(NULL, NULL) == NULLARG);
}

static void registries(struct alive *alive)
{
    EXPECT(NULLARG, csign_registry_new(NULL, &error));
    CHECK(csign_registry_new(NULL, NULL) == NULLARG);

    EXPECT(NULLARG, csign_registry_set_log(NULL, 4, take, NULL, NULL, &error));
    EXPECT(NULLARG, csign_registry_set_log(alive->registry, 4, NULL, NULL, NULL, &error));
    EXPECT(CSIGN_STATUS_BAD_ARGUMENT, csign_registry_set_log(alive->registry, 5, take, NULL, NULL, &error));
    CHECK(csign_registry_set_log(NULL, 4, NULL, NULL, NULL, NULL) == NULLARG);

    EXPECT(NULLARG, csign_registry_add_profile(NULL, CSIGN_TEXT("id = \"x\""), &error));
    EXPECT(NULLARG, csign_registry_add_profile(alive->registry, NULL, 1, &error));
    EXPECT(CSIGN_STATUS_SETTING, csign_registry_add_profile(alive->registry, NULL, 0, &error));
    CHECK(csign_registry_add_profile(NULL, NULL, 0, NULL) == NULLARG);

    EXPECT(NULLARG, csign_registry_load_plugin(NULL, CSIGN_TEXT("/x.so"), NULL, 0, &error));
    EXPECT(NULLARG, csign_registry_load_plugin(alive->registry, NULL, 1, NULL, 0, &error));
    EXPECT(NULLARG, csign_registry_load_plugin(alive->registry, CSIGN_TEXT("/x.so"), NULL, 1, &error));
    EXPECT(CSIGN_STATUS_SETTING, csign_registry_load_plugin(alive->registry, NULL, 0, NULL, 0, &error));
    CHECK(csign_registry_load_plugin(NULL, NULL, 0, NULL, 0, NULL) == NULLARG);

    EXPECT_NOTHING(NULLARG, csign_text, csign_registry_providers(NULL, &out, &error));
    EXPECT(NULLARG, csign_registry_providers(alive->registry, NULL, &error));
    CHECK(csign_registry_providers(NULL, NULL, NULL) == NULLARG);
}

static void clients(struct alive *alive)
{
    const csign_client *client = alive->client;
    char buffer[64];
    size_t length = 7;
    uint64_t count = 7;
    int64_t expires_at = 7;
    csign_revocation revocation = 7;
    csign_error *reason = NULL;

    EXPECT_NOTHING(NULLARG, csign_client, csign_client_new(NULL, NULL, &out, &error));
    EXPECT(NULLARG, csign_client_new(alive->config, NULL, NULL, &error));
    CHECK(csign_client_new(NULL, NULL, NULL, NULL) == NULLARG);

    EXPECT_NOTHING(NULLARG, csign_token, csign_client_token(NULL, 0, &out, &error));
    EXPECT(NULLARG, csign_client_token(client, 0, NULL, &error));
    CHECK(csign_client_token(NULL, 0, NULL, NULL) == NULLARG);

    EXPECT_NOTHING(NULLARG, csign_token, csign_client_token_with(NULL, NULL, &out, &error));
    EXPECT(NULLARG, csign_client_token_with(client, NULL, NULL, &error));
    CHECK(csign_client_token_with(NULL, NULL, NULL, NULL) == NULLARG);

    EXPECT_NOTHING(NULLARG, csign_token, csign_client_peek(NULL, 0, &out, &error));
    EXPECT(NULLARG, csign_client_peek(client, 0, NULL, &error));
    CHECK(csign_client_peek(NULL, 0, NULL, NULL) == NULLARG);

    EXPECT(NULLARG, csign_client_copy_token(NULL, 0, buffer, sizeof buffer, &length, &error));
    EXPECT(NULLARG, csign_client_copy_token(client, 0, buffer, sizeof buffer, NULL, &error));
    EXPECT(NULLARG, csign_client_copy_token(client, 0, NULL, 1 << 20, &length, &error));
    CHECK(csign_client_copy_token(NULL, 0, NULL, 0, NULL, NULL) == NULLARG);

    EXPECT(NULLARG, csign_client_peek_token(NULL, buffer, sizeof buffer, &length, &error));
    EXPECT(NULLARG, csign_client_peek_token(client, buffer, sizeof buffer, NULL, &error));
    EXPECT(NULLARG, csign_client_peek_token(client, NULL, 1 << 20, &length, &error));
    CHECK(csign_client_peek_token(NULL, NULL, 0, NULL, NULL) == NULLARG);

    EXPECT_NOTHING(NULLARG, csign_token, csign_client_refresh(NULL, &out, &error));
    EXPECT(NULLARG, csign_client_refresh(client, NULL, &error));
    CHECK(csign_client_refresh(NULL, NULL, NULL) == NULLARG);

    EXPECT(NULLARG, csign_client_invalidate(NULL, CSIGN_TEXT("x"), &error));
    EXPECT(NULLARG, csign_client_invalidate(client, NULL, 1, &error));
    EXPECT(CSIGN_STATUS_OK, csign_client_invalidate(client, NULL, 0, &error));
    CHECK(csign_client_invalidate(NULL, NULL, 0, NULL) == NULLARG);

    EXPECT_NOTHING(NULLARG, csign_text, csign_client_consent_url(NULL, &out, &error));
    EXPECT(NULLARG, csign_client_consent_url(client, NULL, &error));
    CHECK(csign_client_consent_url(NULL, NULL, NULL) == NULLARG);

    EXPECT_NOTHING(NULLARG, csign_text, csign_client_identity(NULL, &out, &error));
    EXPECT(NULLARG, csign_client_identity(client, NULL, &error));
    CHECK(csign_client_identity(NULL, NULL, NULL) == NULLARG);

    EXPECT(NULLARG, csign_client_forget(NULL, &revocation, &reason, &error));
    EXPECT_NOTHING(NULLARG, csign_error, csign_client_forget(NULL, NULL, &out, &error));
    EXPECT(CSIGN_STATUS_OK, csign_client_forget(client, NULL, NULL, &error));
    EXPECT_NOTHING(CSIGN_STATUS_OK, csign_error, csign_client_forget(client, &revocation, &out, &error));
    CHECK(csign_client_forget(NULL, NULL, NULL, NULL) == NULLARG);
    EXPECT(NULLARG, csign_client_force_forget(NULL, &revocation, &reason, &error));
    EXPECT_NOTHING(NULLARG, csign_error, csign_client_force_forget(NULL, NULL, &out, &error));
    EXPECT(CSIGN_STATUS_OK, csign_client_force_forget(client, NULL, NULL, &error));
    EXPECT_NOTHING(CSIGN_STATUS_OK, csign_error, csign_client_force_forget(client, &revocation, &out, &error));
    CHECK(csign_client_force_forget(NULL, NULL, NULL, NULL) == NULLARG);

    EXPECT(NULLARG, csign_client_count(NULL, 1, &count, &error));
    EXPECT(NULLARG, csign_client_count(client, 1, NULL, &error));
    EXPECT(CSIGN_STATUS_BAD_ARGUMENT, csign_client_count(client, 0, &count, &error));
    EXPECT(CSIGN_STATUS_BAD_ARGUMENT, csign_client_count(client, INT32_MAX, &count, &error));
    CHECK(csign_client_count(NULL, 0, NULL, NULL) == NULLARG);
    CHECK(count == 7);

    EXPECT_NOTHING(NULLARG, csign_text, csign_client_events(NULL, &out, &error));
    EXPECT(NULLARG, csign_client_events(client, NULL, &error));
    CHECK(csign_client_events(NULL, NULL, NULL) == NULLARG);

    EXPECT(NULLARG, csign_client_refresh_token_expires_at(NULL, &expires_at, &error));
    EXPECT(NULLARG, csign_client_refresh_token_expires_at(client, NULL, &error));
    CHECK(csign_client_refresh_token_expires_at(NULL, NULL, NULL) == NULLARG);
    CHECK(expires_at == 7);

    EXPECT(NULLARG, csign_client_check_saved(NULL, &error));
    CHECK(csign_client_check_saved(NULL, NULL) == NULLARG);
    EXPECT(CSIGN_STATUS_OK, csign_client_check_saved(client, &error));
    EXPECT(NULLARG, csign_client_drain(NULL, 0, &error));
    CHECK(csign_client_drain(NULL, 0, NULL) == NULLARG);

    EXPECT(NULLARG, csign_test_panic(NULL, &error));
    CHECK(csign_test_objects() > 0);
    CHECK(csign_test_panic(NULL, NULL) == NULLARG);
}

/* A start function without a client or `done` fails, and NULL options are the defaults. */
#define STARTS_WITHOUT(name)                                               \
    do {                                                                   \
        EXPECT(NULLARG, name(NULL, NULL, done, NULL, &error));             \
        EXPECT(NULLARG, name(alive->client, NULL, NULL, NULL, &error));    \
        CHECK(name(NULL, NULL, NULL, NULL, NULL) == NULLARG);              \
    } while (0)

static void starts(struct alive *alive)
{
    STARTS_WITHOUT(csign_client_token_start);
    STARTS_WITHOUT(csign_client_refresh_start);
    STARTS_WITHOUT(csign_client_identity_start);
    STARTS_WITHOUT(csign_client_forget_start);
    STARTS_WITHOUT(csign_client_force_forget_start);
    STARTS_WITHOUT(csign_client_events_start);
    STARTS_WITHOUT(csign_client_refresh_token_expires_at_start);

    EXPECT(NULLARG, csign_client_complete_login_start(NULL, alive->login, CSIGN_TEXT("x"), NULL, done, NULL, &error));
    EXPECT(NULLARG, csign_client_complete_login_start(alive->client, NULL, CSIGN_TEXT("x"), NULL, done, NULL, &error));
    EXPECT(NULLARG, csign_client_complete_login_start(alive->client, alive->login, NULL, 1, NULL, done, NULL, &error));
    EXPECT(NULLARG,
           csign_client_complete_login_start(alive->client, alive->login, CSIGN_TEXT("x"), NULL, NULL, NULL, &error));
    CHECK(csign_client_complete_login_start(NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL) == NULLARG);

    EXPECT(NULLARG, csign_cancel_new(NULL, &error));
    CHECK(csign_cancel_new(NULL, NULL) == NULLARG);
    csign_cancel_set(NULL);

    CHECK(csign_result_status(NULL) == CSIGN_STATUS_BAD_HANDLE);
    CHECK(csign_result_error(NULL) == NULL);
    CHECK(csign_result_token(NULL) == NULL);
    CHECK(csign_result_text(NULL) == NULL);
    CHECK(csign_result_revocation(NULL) == CSIGN_REVOCATION_FAILED);
    CHECK(csign_result_refresh_token_expires_at(NULL) == -1);
}

/* Never called. */
static void done(void *data, csign_result *result)
{
    (void)data, (void)result;
    CHECK(0);
}

static void logins(struct alive *alive)
{
    const csign_client *client = alive->client;
    EXPECT_NOTHING(NULLARG, csign_login, csign_client_start_login(NULL, NULL, 0, &out, &error));
    EXPECT_NOTHING(NULLARG, csign_login, csign_client_start_login(client, NULL, 1, &out, &error));
    EXPECT(NULLARG, csign_client_start_login(client, NULL, 0, NULL, &error));
    CHECK(csign_client_start_login(NULL, NULL, 0, NULL, NULL) == NULLARG);

    EXPECT_NOTHING(NULLARG, csign_token, csign_client_complete_login(NULL, alive->login, CSIGN_TEXT("x"), &out, &error));
    EXPECT_NOTHING(NULLARG, csign_token, csign_client_complete_login(client, NULL, CSIGN_TEXT("x"), &out, &error));
    EXPECT_NOTHING(NULLARG, csign_token, csign_client_complete_login(client, alive->login, NULL, 1, &out, &error));
    EXPECT_NOTHING(CSIGN_STATUS_CALLBACK, csign_token,
                   csign_client_complete_login(client, alive->login, NULL, 0, &out, &error));
    EXPECT(NULLARG, csign_client_complete_login(client, alive->login, CSIGN_TEXT("x"), NULL, &error));
    CHECK(csign_client_complete_login(NULL, NULL, NULL, 0, NULL, NULL) == NULLARG);

    EXPECT_NOTHING(NULLARG, csign_token, csign_client_login(client, 0, 1, NULL, NULL, &out, &error));
    EXPECT_NOTHING(NULLARG, csign_token, csign_client_login(NULL, 0, 1, NULL, NULL, &out, &error));
    EXPECT(NULLARG, csign_client_login(client, 0, 1, NULL, NULL, NULL, &error));
    CHECK(csign_client_login(NULL, 0, 0, NULL, NULL, NULL, NULL) == NULLARG);

    EXPECT_NOTHING(NULLARG, csign_text, csign_login_save(NULL, &out, &error));
    EXPECT(NULLARG, csign_login_save(alive->login, NULL, &error));
    CHECK(csign_login_save(NULL, NULL, NULL) == NULLARG);

    EXPECT_NOTHING(NULLARG, csign_login, csign_login_restore(NULL, 1, &out, &error));
    EXPECT_NOTHING(CSIGN_STATUS_CALLBACK, csign_login, csign_login_restore(NULL, 0, &out, &error));
    EXPECT(NULLARG, csign_login_restore(CSIGN_TEXT("x"), NULL, &error));
    CHECK(csign_login_restore(NULL, 0, NULL, NULL) == NULLARG);
}

static void keys(struct alive *alive)
{
    const csign_key *key = alive->key;
    uint8_t signature[1024];
    size_t length = 0;

    EXPECT_NOTHING(NULLARG, csign_key, csign_key_read(NULL, 1, NULL, 0, &out, &error));
    EXPECT_NOTHING(CSIGN_STATUS_KEY, csign_key, csign_key_read(NULL, 0, NULL, 0, &out, &error));
    EXPECT_NOTHING(NULLARG, csign_key, csign_key_read((const uint8_t *)"x", 1, NULL, 1, &out, &error));
    EXPECT(NULLARG, csign_key_read((const uint8_t *)"x", 1, NULL, 0, NULL, &error));
    CHECK(csign_key_read(NULL, 0, NULL, 0, NULL, NULL) == NULLARG);

    EXPECT_NOTHING(NULLARG, csign_key, csign_key_from_secret(NULL, 1, &out, &error));
    EXPECT(NULLARG, csign_key_from_secret((const uint8_t *)"x", 1, NULL, &error));
    CHECK(csign_key_from_secret(NULL, 0, NULL, NULL) == NULLARG);

    EXPECT_NOTHING(NULLARG, csign_key, csign_key_from_signer(NULL, 5, NULL, 0, sign, NULL, NULL, &out, &error));
    EXPECT_NOTHING(NULLARG, csign_key,
                   csign_key_from_signer(CSIGN_TEXT("ES256"), NULL, 1, sign, NULL, NULL, &out, &error));
    EXPECT_NOTHING(NULLARG, csign_key,
                   csign_key_from_signer(CSIGN_TEXT("ES256"), NULL, 0, NULL, NULL, NULL, &out, &error));
    EXPECT(NULLARG, csign_key_from_signer(CSIGN_TEXT("ES256"), NULL, 0, sign, NULL, NULL, NULL, &error));
    CHECK(csign_key_from_signer(NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, NULL) == NULLARG);

    EXPECT_NOTHING(NULLARG, csign_text, csign_key_sign(NULL, NULL, 0, NULL, 0, NULL, 0, CSIGN_TEXT("{}"), &out, &error));
    EXPECT_NOTHING(NULLARG, csign_text, csign_key_sign(key, NULL, 1, NULL, 0, NULL, 0, CSIGN_TEXT("{}"), &out, &error));
    EXPECT_NOTHING(NULLARG, csign_text, csign_key_sign(key, NULL, 0, NULL, 1, NULL, 0, CSIGN_TEXT("{}"), &out, &error));
    EXPECT_NOTHING(NULLARG, csign_text, csign_key_sign(key, NULL, 0, NULL, 0, NULL, 1, CSIGN_TEXT("{}"), &out, &error));
    EXPECT_NOTHING(NULLARG, csign_text, csign_key_sign(key, NULL, 0, NULL, 0, NULL, 0, NULL, 1, &out, &error));
    EXPECT_NOTHING(CSIGN_STATUS_BAD_ARGUMENT, csign_text,
                   csign_key_sign(key, NULL, 0, NULL, 0, NULL, 0, NULL, 0, &out, &error));
    EXPECT(NULLARG, csign_key_sign(key, NULL, 0, NULL, 0, NULL, 0, CSIGN_TEXT("{}"), NULL, &error));
    CHECK(csign_key_sign(NULL, NULL, 0, NULL, 0, NULL, 0, NULL, 0, NULL, NULL) == NULLARG);

    EXPECT(NULLARG, csign_key_sign_bytes(NULL, NULL, 0, NULL, 0, signature, sizeof signature, &length, &error));
    EXPECT(NULLARG, csign_key_sign_bytes(key, NULL, 1, NULL, 0, signature, sizeof signature, &length, &error));
    EXPECT(NULLARG, csign_key_sign_bytes(key, NULL, 0, NULL, 1, signature, sizeof signature, &length, &error));
    EXPECT(NULLARG, csign_key_sign_bytes(key, NULL, 0, NULL, 0, NULL, sizeof signature, &length, &error));
    EXPECT(NULLARG, csign_key_sign_bytes(key, NULL, 0, NULL, 0, signature, sizeof signature, NULL, &error));
    CHECK(csign_key_sign_bytes(NULL, NULL, 0, NULL, 0, NULL, 0, NULL, NULL) == NULLARG);

    EXPECT_NOTHING(NULLARG, csign_text, csign_key_verify(NULL, NULL, 0, CSIGN_TEXT("x"), &out, &error));
    EXPECT_NOTHING(NULLARG, csign_text, csign_key_verify(key, NULL, 1, CSIGN_TEXT("x"), &out, &error));
    EXPECT_NOTHING(NULLARG, csign_text, csign_key_verify(key, NULL, 0, NULL, 1, &out, &error));
    EXPECT_NOTHING(CSIGN_STATUS_VERIFICATION, csign_text, csign_key_verify(key, NULL, 0, NULL, 0, &out, &error));
    EXPECT(NULLARG, csign_key_verify(key, NULL, 0, CSIGN_TEXT("x"), NULL, &error));
    CHECK(csign_key_verify(NULL, NULL, 0, NULL, 0, NULL, NULL) == NULLARG);

    EXPECT_NOTHING(NULLARG, csign_text, csign_key_info(NULL, &out, &error));
    EXPECT(NULLARG, csign_key_info(key, NULL, &error));
    CHECK(csign_key_info(NULL, NULL, NULL) == NULLARG);
}

/* A getter of a string returns NULL and length 0 for NULL, and accepts NULL for the length. */
#define LOOKS_AT_NULL(looker, live)            \
    do {                                       \
        size_t length = 7;                     \
        CHECK(looker(NULL, &length) == NULL);  \
        CHECK(length == 0);                    \
        CHECK(looker(NULL, NULL) == NULL);     \
        (void)looker(live, NULL);              \
    } while (0)

static void lookers(struct alive *alive)
{
    size_t length = 7;
    CHECK(csign_error_status(NULL) == CSIGN_STATUS_BAD_HANDLE);
    CHECK(csign_error_verdict(NULL) == CSIGN_VERDICT_UNEXPECTED);
    CHECK(csign_error_http_status(NULL) == 0);
    CHECK(csign_error_retry_after_ms(NULL) == -1);
    CHECK(csign_error_callback_status(NULL) == 0);
    CHECK(csign_error_cause(NULL) == NULL);
    CHECK(csign_error_cause(alive->error) == NULL);
    /* No callback is running, so the cause is freed at once. */
    csign_callback_set_cause(NULL, NULL);
    LOOKS_AT_NULL(csign_error_kind, alive->error);
    LOOKS_AT_NULL(csign_error_message, alive->error);
    LOOKS_AT_NULL(csign_error_hint, alive->error);
    LOOKS_AT_NULL(csign_error_setting, alive->error);
    LOOKS_AT_NULL(csign_error_oauth_error, alive->error);
    LOOKS_AT_NULL(csign_error_oauth_description, alive->error);
    LOOKS_AT_NULL(csign_error_url, alive->error);
    LOOKS_AT_NULL(csign_error_trace_id, alive->error);
    LOOKS_AT_NULL(csign_error_provider, alive->error);
    LOOKS_AT_NULL(csign_login_url, alive->login);
    LOOKS_AT_NULL(csign_login_state, alive->login);
    LOOKS_AT_NULL(csign_text_value, alive->text);
    LOOKS_AT_NULL(csign_token_value, alive->token);
    LOOKS_AT_NULL(csign_token_authorization, alive->token);
    LOOKS_AT_NULL(csign_token_type, alive->token);
    LOOKS_AT_NULL(csign_token_scope, alive->token);
    LOOKS_AT_NULL(csign_token_extra_json, alive->token);
    CHECK(csign_token_extra(NULL, CSIGN_TEXT("x"), &length) == NULL && length == 0);
    CHECK(csign_token_extra(alive->token, NULL, 0, &length) == NULL);
    CHECK(csign_token_extra(alive->token, NULL, 1, NULL) == NULL);
    EXPECT(NULLARG, csign_token_header_count(NULL, &length, &error));
    EXPECT(NULLARG, csign_token_header_count(alive->token, NULL, &error));
    CHECK(csign_token_header_count(NULL, NULL, NULL) == NULLARG);
    CHECK(csign_token_header_name(NULL, 0, &length) == NULL && length == 0);
    CHECK(csign_token_header_name(alive->token, 0, NULL) != NULL);
    CHECK(csign_token_header_name(alive->token, (size_t)-1, NULL) == NULL);
    CHECK(csign_token_header_value(NULL, 0, &length) == NULL && length == 0);
    CHECK(csign_token_header_value(alive->token, 0, NULL) != NULL);
    CHECK(csign_token_header_value(alive->token, (size_t)-1, NULL) == NULL);
    CHECK(csign_text_field(NULL, CSIGN_TEXT("x"), &length) == NULL && length == 0);
    CHECK(csign_text_field(alive->text, CSIGN_TEXT("x"), &length) == NULL && length == 0);
    CHECK(csign_text_field(alive->text, NULL, 1, NULL) == NULL);
    CHECK(csign_token_expires_at(NULL) == -1);
    CHECK(csign_token_share(NULL) == NULL);
    CHECK(csign_token_source(NULL) == CSIGN_SOURCE_CACHE);

    CHECK(csign_abi_version() == CSIGN_ABI_VERSION);
    CHECK(strlen(csign_version()) > 0);
    CHECK(strcmp(csign_status_name(0), "OK") == 0);
    CHECK(strcmp(csign_status_name(-1), "UNKNOWN") == 0);
    CHECK(strcmp(csign_status_name(INT32_MAX), "UNKNOWN") == 0);
    CHECK(csign_status_verdict(CSIGN_STATUS_NO_TOKEN) == CSIGN_VERDICT_REAUTHORIZE);
    CHECK(csign_status_verdict(INT32_MIN) == CSIGN_VERDICT_UNEXPECTED);
    CHECK(strcmp(csign_verdict_name(CSIGN_VERDICT_RETRY), "retry") == 0);
    CHECK(strcmp(csign_verdict_name(INT32_MIN), "unknown") == 0);
}

/* Frees NULL twice, and closes it. */
static void freeing(void)
{
    int round;
    for (round = 0; round < 2; ++round) {
        csign_config_free(NULL);
        csign_registry_free(NULL);
        csign_client_close(NULL);
        csign_client_free(NULL);
        csign_token_free(NULL);
        csign_error_free(NULL);
        csign_key_free(NULL);
        csign_login_free(NULL);
        csign_cancel_free(NULL);
    csign_result_free(NULL);
    csign_text_free(NULL);
    }
}

static int32_t sign(void *data, const uint8_t *input, size_t length, uint8_t *signature, size_t capacity, size_t *written)
{
    (void)data, (void)input, (void)length, (void)signature, (void)capacity, (void)written;
    return 1;
}

static void take(void *data, csign_log_level level, const char *line, size_t length)
{
    (void)data, (void)level, (void)line, (void)length;
}

static int32_t tell(void *data, int64_t *unix_ms, uint64_t *boot_ms)
{
    (void)data, (void)unix_ms, (void)boot_ms;
    return 1;
}

static void hear(void *data, csign_change change, const csign_token *token)
{
    (void)data, (void)change, (void)token;
}
