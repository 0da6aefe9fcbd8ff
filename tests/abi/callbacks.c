/* Callbacks that fail, and `destroy`, which is called exactly once for each callback. */

#include "check.h"
#include <pthread.h>

/* User data that counts how often it is destroyed. `here` counts calls. */
struct data {
    pthread_mutex_t lock;
    pthread_cond_t gone;
    int destroyed;
    int here;
    int result;
};

static struct data fresh = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, 1};

static int32_t sign(void *data, const uint8_t *input, size_t length, uint8_t *signature, size_t capacity, size_t *written);
static int32_t sign_too_much(void *data, const uint8_t *input, size_t length, uint8_t *signature, size_t capacity,
                             size_t *written);
static void take(void *data, csign_log_level level, const char *line, size_t length);
static int32_t tell(void *data, int64_t *unix_ms, uint64_t *boot_ms);
static void hear(void *data, csign_change change, const csign_token *token);
static int32_t open_url(void *data, const char *url, size_t length);
static void destroy(void *data);
static void wait_until_destroyed(struct data *data);

static void setters_that_fail(const char *dir);
static void setters_that_are_used(const char *dir);
static void keys(void);
static void callbacks_that_fail(const char *dir);

int main(int argc, char **argv)
{
    if (argc != 2) return 2;
    setters_that_fail(argv[1]);
    setters_that_are_used(argv[1]);
    keys();
    callbacks_that_fail(argv[1]);
    return outcome();
}

static void setters_that_fail(const char *dir)
{
    csign_config *config = config_without_key(dir, "docusign-jwt");
    csign_client *client = client_of(dir, "docusign-jwt");
    csign_registry *registry = NULL;
    csign_error *none = NULL;
    void *other = client;
    struct data d = fresh;
    int wanted = 0;
    must(csign_registry_new(&registry, &none), &none, "csign_registry_new");
#define FAILS(status, call)           \
    do {                              \
        EXPECT(status, call);         \
        CHECK(d.destroyed == ++wanted); \
    } while (0)
    FAILS(CSIGN_STATUS_NULL_ARGUMENT, csign_config_set_signer(NULL, CSIGN_TEXT("RS256"), NULL, 0, sign, &d, destroy, &error));
    FAILS(CSIGN_STATUS_NULL_ARGUMENT, csign_config_set_signer(config, CSIGN_TEXT("RS256"), NULL, 0, NULL, &d, destroy, &error));
    FAILS(CSIGN_STATUS_NULL_ARGUMENT, csign_config_set_signer(config, NULL, 1, NULL, 0, sign, &d, destroy, &error));
    FAILS(CSIGN_STATUS_BAD_HANDLE, csign_config_set_signer(other, CSIGN_TEXT("RS256"), NULL, 0, sign, &d, destroy, &error));
    FAILS(CSIGN_STATUS_BAD_UTF8, csign_config_set_signer(config, "\xff", 1, NULL, 0, sign, &d, destroy, &error));
    FAILS(CSIGN_STATUS_BAD_ARGUMENT, csign_config_set_signer(config, "x", SIZE_MAX - 1, NULL, 0, sign, &d, destroy, &error));
    FAILS(CSIGN_STATUS_SETTING, csign_config_set_signer(config, CSIGN_TEXT("RS257"), NULL, 0, sign, &d, destroy, &error));
    FAILS(CSIGN_STATUS_NULL_ARGUMENT, csign_config_set_log(NULL, 1, take, &d, destroy, &error));
    FAILS(CSIGN_STATUS_NULL_ARGUMENT, csign_config_set_log(config, 1, NULL, &d, destroy, &error));
    FAILS(CSIGN_STATUS_BAD_ARGUMENT, csign_config_set_log(config, 5, take, &d, destroy, &error));
    FAILS(CSIGN_STATUS_BAD_ARGUMENT, csign_config_set_log(config, INT32_MIN, take, &d, destroy, &error));
    FAILS(CSIGN_STATUS_BAD_HANDLE, csign_config_set_log(other, 1, take, &d, destroy, &error));
    FAILS(CSIGN_STATUS_NULL_ARGUMENT, csign_config_set_clock(NULL, tell, &d, destroy, &error));
    FAILS(CSIGN_STATUS_NULL_ARGUMENT, csign_config_set_clock(config, NULL, &d, destroy, &error));
    FAILS(CSIGN_STATUS_BAD_HANDLE, csign_config_set_clock(other, tell, &d, destroy, &error));
    FAILS(CSIGN_STATUS_NULL_ARGUMENT, csign_config_set_listener(NULL, hear, &d, destroy, &error));
    FAILS(CSIGN_STATUS_NULL_ARGUMENT, csign_config_set_listener(config, NULL, &d, destroy, &error));
    FAILS(CSIGN_STATUS_BAD_HANDLE, csign_config_set_listener(other, hear, &d, destroy, &error));
    FAILS(CSIGN_STATUS_NULL_ARGUMENT, csign_registry_set_log(NULL, 1, take, &d, destroy, &error));
    FAILS(CSIGN_STATUS_NULL_ARGUMENT, csign_registry_set_log(registry, 1, NULL, &d, destroy, &error));
    FAILS(CSIGN_STATUS_BAD_ARGUMENT, csign_registry_set_log(registry, 0, take, &d, destroy, &error));
    FAILS(CSIGN_STATUS_BAD_HANDLE, csign_registry_set_log(other, 1, take, &d, destroy, &error));
    /* A callback is destroyed when it is replaced, and the last one with the registry. */
    EXPECT(CSIGN_STATUS_OK, csign_registry_set_log(registry, 1, take, &d, destroy, &error));
    CHECK(d.destroyed == wanted);
    EXPECT(CSIGN_STATUS_OK, csign_registry_set_log(registry, 1, take, &d, destroy, &error));
    CHECK(d.destroyed == ++wanted);
    csign_registry_free(registry);
    CHECK(d.destroyed == ++wanted);
    csign_client_free(client);
    csign_config_free(config);
    CHECK(d.destroyed == wanted);
    CHECK(d.here == 0);
}

static void setters_that_are_used(const char *dir)
{
    csign_config *config = config_without_key(dir, "docusign-jwt");
    csign_client *first, *second, *none = NULL;
    struct data replaced[4] = {fresh, fresh, fresh, fresh}, kept[4] = {fresh, fresh, fresh, fresh};
    int round, index;
    for (round = 0; round < 2; ++round) {
        struct data *d = round == 0 ? replaced : kept;
        EXPECT(CSIGN_STATUS_OK, csign_config_set_signer(config, CSIGN_TEXT("RS256"), NULL, 0, sign, &d[0], destroy, &error));
        EXPECT(CSIGN_STATUS_OK, csign_config_set_log(config, 4, take, &d[1], destroy, &error));
        EXPECT(CSIGN_STATUS_OK, csign_config_set_clock(config, tell, &d[2], destroy, &error));
        EXPECT(CSIGN_STATUS_OK, csign_config_set_listener(config, hear, &d[3], destroy, &error));
        for (index = 0; index < 4; ++index) CHECK(replaced[index].destroyed == round);
    }
    first = client_from(config);
    second = client_from(config);
    /* Callbacks are also destroyed if building the client fails. */
    EXPECT(CSIGN_STATUS_OK, csign_config_set(config, CSIGN_TEXT("ca_file"), CSIGN_TEXT("/nonexistent"), &error));
    CHECK(csign_client_new(config, NULL, &none, NULL) != CSIGN_STATUS_OK && none == NULL);
    csign_config_free(config);
    EXPECT_NOTHING(CSIGN_STATUS_SIGNING, csign_token, csign_client_token(first, 0, &out, &error));
    csign_client_free(first);
    for (index = 0; index < 4; ++index) CHECK(kept[index].destroyed == 0);
    EXPECT_NOTHING(CSIGN_STATUS_SIGNING, csign_token, csign_client_token(second, 0, &out, &error));
    csign_client_free(second);
    for (index = 0; index < 4; ++index) wait_until_destroyed(&kept[index]);
    for (index = 0; index < 4; ++index) CHECK(kept[index].destroyed == 1 && replaced[index].destroyed == 1);
    CHECK(kept[0].here == 2 && kept[2].here > 0);
    CHECK(replaced[0].here == 0 && replaced[1].here == 0 && replaced[2].here == 0);
}

static void keys(void)
{
    const csign_status null = CSIGN_STATUS_NULL_ARGUMENT;
    struct data d = fresh;
    csign_key *key = NULL;
    csign_error *error = NULL;
    int wanted = 0;
    FAILS(null, csign_key_from_signer(CSIGN_TEXT("ES256"), NULL, 0, sign, &d, destroy, NULL, &error));
    FAILS(null, csign_key_from_signer(CSIGN_TEXT("ES256"), NULL, 0, NULL, &d, destroy, &key, &error));
    FAILS(null, csign_key_from_signer(NULL, 1, NULL, 0, sign, &d, destroy, &key, &error));
    FAILS(CSIGN_STATUS_SETTING, csign_key_from_signer(CSIGN_TEXT("none"), NULL, 0, sign, &d, destroy, &key, &error));
    must(csign_key_from_signer(CSIGN_TEXT("ES256"), NULL, 0, sign, &d, destroy, &key, &error), &error, "device");
    EXPECT_NOTHING(CSIGN_STATUS_SIGNING, csign_text,
                   csign_key_sign(key, NULL, 0, NULL, 0, NULL, 0, CSIGN_TEXT("{}"), &out, &error));
    CHECK(d.here == 1);
    EXPECT_NOTHING(CSIGN_STATUS_KEY, csign_text, csign_key_info(key, &out, &error));
    CHECK(d.destroyed == wanted);
    csign_key_free(key);
    CHECK(d.destroyed == wanted + 1);
}

static void callbacks_that_fail(const char *dir)
{
    csign_config *config = config_without_key(dir, "docusign-jwt");
    csign_client *client;
    csign_error *error = NULL;
    csign_token *token = NULL;
    size_t length = 0;
    struct data signer = fresh, clock = fresh, opener = fresh;
    EXPECT(CSIGN_STATUS_OK,
           csign_config_set_signer(config, CSIGN_TEXT("RS256"), NULL, 0, sign_too_much, &signer, destroy, &error));
    client = client_from(config);
    EXPECT_NOTHING(CSIGN_STATUS_SIGNING, csign_token, csign_client_token(client, 0, &out, &error));
    EXPECT_NOTHING(CSIGN_STATUS_SIGNING, csign_token, csign_client_token(client, 0, &out, &error));
    CHECK(signer.here == 2);
    CHECK(csign_client_login(client, 0, 1000, open_url, &opener, &token, &error) == CSIGN_STATUS_CALLBACK);
    /* The failed login can't be completed any more, so there is no URL to open. */
    CHECK(csign_error_url(error, &length) == NULL && length == 0);
    CHECK(opener.here == 1 && token == NULL);
    csign_error_free(error);
    csign_client_free(client);
    csign_config_free(config);
    wait_until_destroyed(&signer);

    /* If the clock callback fails, the system's clocks are used. */
    config = config_of(dir, "boldsign-cc");
    EXPECT(CSIGN_STATUS_OK, csign_config_set_clock(config, tell, &clock, destroy, &error));
    client = client_from(config);
    csign_config_free(config);
    csign_token_free(token_of(client));
    CHECK(clock.here > 0);
    csign_client_free(client);
    wait_until_destroyed(&clock);
    CHECK(clock.destroyed == 1 && signer.destroyed == 1 && opener.destroyed == 0);
}

static int32_t called(void *data)
{
    struct data *d = data;
    pthread_mutex_lock(&d->lock);
    ++d->here;
    pthread_mutex_unlock(&d->lock);
    return d->result;
}

static int32_t sign(void *data, const uint8_t *input, size_t length, uint8_t *signature, size_t capacity, size_t *written)
{
    (void)input, (void)length, (void)signature, (void)written;
    CHECK(capacity >= 1024);
    return called(data);
}

static int32_t sign_too_much(void *data, const uint8_t *input, size_t length, uint8_t *signature, size_t capacity,
                             size_t *written)
{
    (void)input, (void)length;
    memset(signature, 0x5a, capacity);
    *written = capacity + 1;
    called(data);
    return 0;
}

static void take(void *data, csign_log_level level, const char *line, size_t length)
{
    (void)level, (void)line, (void)length;
    called(data);
}

static int32_t tell(void *data, int64_t *unix_ms, uint64_t *boot_ms)
{
    *unix_ms = -1, *boot_ms = 1;
    return called(data);
}

static void hear(void *data, csign_change change, const csign_token *token)
{
    (void)change, (void)token;
    called(data);
}

static int32_t open_url(void *data, const char *url, size_t length)
{
    (void)url, (void)length;
    return called(data);
}

static void destroy(void *data)
{
    struct data *d = data;
    pthread_mutex_lock(&d->lock);
    ++d->destroyed;
    pthread_cond_broadcast(&d->gone);
    pthread_mutex_unlock(&d->lock);
}

/* The thread of a request may be the last to release a callback. run.sh stops a program that hangs. */
static void wait_until_destroyed(struct data *data)
{
    pthread_mutex_lock(&data->lock);
    while (data->destroyed == 0) pthread_cond_wait(&data->gone, &data->lock);
    pthread_mutex_unlock(&data->lock);
}
