/* Callbacks that call their own client: each call fails with CSIGN_STATUS_REENTERED, without a
 * deadlock. */

#include "check.h"
#include <time.h>
#include <unistd.h>

static csign_client *client, *other;
static int heard, signed_, reported, logged, opened;

/* The client that the other client's callbacks call. */
static const csign_client *reached;

static void reenter(const csign_client *inner);
static int32_t sign(void *data, const uint8_t *input, size_t length, uint8_t *signature, size_t capacity, size_t *written);
static void take(void *data, csign_log_level level, const char *line, size_t length);
static int32_t tell(void *data, int64_t *unix_ms, uint64_t *boot_ms);
static void hear(void *data, csign_change change, const csign_token *token);
static void hear_and_ask_another(void *data, csign_change change, const csign_token *token);
static int32_t tell_other(void *data, int64_t *unix_ms, uint64_t *boot_ms);
static int32_t open_url(void *data, const char *url, size_t length);

static void each_callback(const char *dir);
static void by_way_of_another_client(const char *dir);

int main(int argc, char **argv)
{
    if (argc != 2) return 2;
    alarm(100);
    each_callback(argv[1]);
    by_way_of_another_client(argv[1]);
    return outcome();
}

static void each_callback(const char *dir)
{
    csign_config *config = config_without_key(dir, "docusign-jwt");
    EXPECT(CSIGN_STATUS_OK, csign_config_set_signer(config, CSIGN_TEXT("RS256"), NULL, 0, sign, NULL, NULL, &error));
    EXPECT(CSIGN_STATUS_OK, csign_config_set_log(config, CSIGN_LOG_LEVEL_DEBUG, take, NULL, NULL, &error));
    EXPECT(CSIGN_STATUS_OK, csign_config_set_clock(config, tell, NULL, NULL, &error));
    EXPECT(CSIGN_STATUS_OK, csign_config_set_listener(config, hear, NULL, NULL, &error));
    client = client_from(config);
    csign_config_free(config);
    /* The signer fails after its attempt. A login needs no signer. */
    EXPECT_NOTHING(CSIGN_STATUS_SIGNING, csign_token, csign_client_token(client, 0, &out, &error));
    EXPECT_NOTHING(CSIGN_STATUS_CALLBACK, csign_token,
                   csign_client_login(client, 0, 1000, open_url, NULL, &out, &error));
    csign_client_free(client);

    config = config_of(dir, "boldsign-cc");
    EXPECT(CSIGN_STATUS_OK, csign_config_set_log(config, CSIGN_LOG_LEVEL_DEBUG, take, NULL, NULL, &error));
    EXPECT(CSIGN_STATUS_OK, csign_config_set_listener(config, hear, NULL, NULL, &error));
    client = client_from(config);
    csign_config_free(config);
    csign_token_free(token_of(client));
    EXPECT(CSIGN_STATUS_OK, csign_client_forget(client, NULL, NULL, &error));
    EXPECT(CSIGN_STATUS_OK, csign_client_force_forget(client, NULL, NULL, &error));
    csign_client_free(client);
    CHECK(signed_ > 0);
    CHECK(reported > 0);
    CHECK(logged > 0);
    CHECK(heard == 3);
    CHECK(opened == 1);
}

/* The first client's listener calls the second client, whose clock calls the first. */
static void by_way_of_another_client(const char *dir)
{
    csign_config *config = config_of(dir, "boldsign-cc");
    EXPECT(CSIGN_STATUS_OK, csign_config_set_clock(config, tell_other, NULL, NULL, &error));
    other = client_from(config);
    csign_config_free(config);
    config = config_of(dir, "docusign-jwt");
    EXPECT(CSIGN_STATUS_OK, csign_config_set_listener(config, hear_and_ask_another, NULL, NULL, &error));
    client = client_from(config);
    csign_config_free(config);
    csign_token_free(token_of(client));
    CHECK(heard == 4);
    CHECK(reached == NULL);
    csign_client_free(client);
    csign_client_free(other);
}

/* Never called. */
static void done(void *data, csign_result *result)
{
    (void)data, (void)result;
    CHECK(0);
}

/* Every function that takes a client. */
static void reenter(const csign_client *inner)
{
    const csign_status wanted = CSIGN_STATUS_REENTERED;
    char buffer[4096];
    size_t length = 0;
    uint64_t count;
    int64_t expires_at;
    csign_token *token = NULL;
    csign_status status;
    EXPECT_NOTHING(wanted, csign_token, csign_client_token(inner, 0, &out, &error));
    EXPECT(wanted, csign_client_token_start(inner, NULL, done, NULL, &error));
    EXPECT(wanted, csign_client_forget_start(inner, NULL, done, NULL, &error));
    EXPECT(wanted, csign_client_copy_token(inner, 60000, buffer, sizeof buffer, &length, &error));
    EXPECT_NOTHING(wanted, csign_token, csign_client_refresh(inner, &out, &error));
    EXPECT(wanted, csign_client_invalidate(inner, CSIGN_TEXT("x"), &error));
    EXPECT_NOTHING(wanted, csign_text, csign_client_identity(inner, &out, &error));
    EXPECT(wanted, csign_client_forget(inner, NULL, NULL, &error));
    EXPECT_NOTHING(wanted, csign_text, csign_client_events(inner, &out, &error));
    EXPECT_NOTHING(wanted, csign_token, csign_client_login(inner, 0, 1, open_url, NULL, &out, &error));
    /* These first check the cached token, which never blocks. */
    status = csign_client_copy_token(inner, 0, buffer, sizeof buffer, &length, NULL);
    CHECK(status == CSIGN_STATUS_OK || status == wanted);
    status = csign_client_peek_token(inner, buffer, sizeof buffer, &length, NULL);
    CHECK(status == CSIGN_STATUS_OK || status == wanted);
    status = csign_client_peek(inner, 60000, &token, NULL);
    CHECK(status == CSIGN_STATUS_OK || (status == wanted && token == NULL));
    csign_token_free(token);
    EXPECT(wanted, csign_client_count(inner, 1, &count, &error));
    EXPECT(wanted, csign_client_refresh_token_expires_at(inner, &expires_at, &error));
    EXPECT(wanted, csign_client_check_saved(inner, &error));
    EXPECT(wanted, csign_client_drain(inner, 0, &error));
    EXPECT_NOTHING(wanted, csign_text, csign_client_consent_url(inner, &out, &error));
    EXPECT_NOTHING(wanted, csign_login, csign_client_start_login(inner, NULL, 0, &out, &error));
    /* The client is in use, so this does nothing. */
    csign_client_free((csign_client *)(uintptr_t)inner);
    CHECK(csign_client_check_saved(inner, NULL) == wanted);
}

static int32_t sign(void *data, const uint8_t *input, size_t length, uint8_t *signature, size_t capacity, size_t *written)
{
    (void)data, (void)input, (void)length, (void)signature, (void)capacity, (void)written;
    if (signed_++ == 0) reenter(client);
    return 1;
}

static void take(void *data, csign_log_level level, const char *line, size_t length)
{
    (void)data, (void)level;
    CHECK(strlen(line) == length);
    if (logged++ == 0) reenter(client);
}

static int32_t tell(void *data, int64_t *unix_ms, uint64_t *boot_ms)
{
    struct timespec now;
    (void)data;
    timespec_get(&now, TIME_UTC);
    *unix_ms = (int64_t)now.tv_sec * 1000;
    *boot_ms = (uint64_t)now.tv_sec * 1000;
    /* The clock is also read while the client is being built. */
    if (client != NULL && reported++ == 0) reenter(client);
    return 0;
}

static void hear(void *data, csign_change change, const csign_token *token)
{
    (void)data;
    CHECK((change == CSIGN_CHANGE_FORGOTTEN) == (token == NULL));
    ++heard;
    reenter(client);
}

static int32_t open_url(void *data, const char *url, size_t length)
{
    (void)data;
    CHECK(strlen(url) == length);
    ++opened;
    reenter(client);
    return 1;
}

static void hear_and_ask_another(void *data, csign_change change, const csign_token *token)
{
    (void)data, (void)change, (void)token;
    ++heard;
    reached = client;
    csign_token_free(token_of(other));
}

static int32_t tell_other(void *data, int64_t *unix_ms, uint64_t *boot_ms)
{
    (void)data, (void)unix_ms, (void)boot_ms;
    if (reached != NULL) {
        const csign_client *first = reached;
        reached = NULL;
        reenter(first);
    }
    return 1;
}
