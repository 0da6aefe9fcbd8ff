/* A panic in the library (csign_test_panic, which exists only in test builds) results in a status.
 * Its client is poisoned, but can be closed and freed, and other clients keep working. run.sh
 * checks that only Rust's panic message is printed. */

#include "check.h"

static void done(void *data, csign_result *result)
{
    ++*(int *)data;
    csign_result_free(result);
}

int main(int argc, char **argv)
{
    int ended = 0;
    const csign_status poisoned = CSIGN_STATUS_POISONED;
    csign_client *client, *other;
    csign_token *token;
    char buffer[4096];
    size_t length = 0;
    uint64_t count = 0;
    int64_t expires_at = 0;
    if (argc != 2) return 2;
    client = client_of(argv[1], "boldsign-cc");
    other = client_of(argv[1], "boldsign-cc");
    token = token_of(client);
    read_cached_token(client);
    EXPECT(CSIGN_STATUS_PANIC, csign_test_panic(client, &error));
    EXPECT(poisoned, csign_test_panic(client, &error));
    EXPECT_NOTHING(poisoned, csign_token, csign_client_token(client, 0, &out, &error));
    EXPECT_NOTHING(poisoned, csign_token, csign_client_refresh(client, &out, &error));
    EXPECT_NOTHING(poisoned, csign_token, csign_client_peek(client, 0, &out, &error));
    EXPECT(poisoned, csign_client_token_start(client, NULL, done, &ended, &error));
    EXPECT(poisoned, csign_client_copy_token(client, 0, buffer, sizeof buffer, &length, &error));
    EXPECT(poisoned, csign_client_peek_token(client, buffer, sizeof buffer, &length, &error));
    EXPECT(poisoned, csign_client_invalidate(client, CSIGN_TEXT("x"), &error));
    EXPECT(poisoned, csign_client_count(client, 1, &count, &error));
    EXPECT(poisoned, csign_client_refresh_token_expires_at(client, &expires_at, &error));
    EXPECT(poisoned, csign_client_check_saved(client, &error));
    EXPECT(poisoned, csign_client_forget(client, NULL, NULL, &error));
    EXPECT_NOTHING(poisoned, csign_text, csign_client_events(client, &out, &error));
    EXPECT_NOTHING(poisoned, csign_text, csign_client_identity(client, &out, &error));
    EXPECT_NOTHING(poisoned, csign_text, csign_client_consent_url(client, &out, &error));
    EXPECT_NOTHING(poisoned, csign_login, csign_client_start_login(client, NULL, 0, &out, &error));
    CHECK(csign_test_panic(client, NULL) == poisoned);
    csign_client_close(client);
    csign_client_free(client);
    CHECK(csign_token_value(token, NULL) != NULL);
    csign_token_free(token);

    /* The other client works. Then it panics in a call without an error pointer. */
    csign_token_free(token_of(other));
    CHECK(csign_test_panic(other, NULL) == CSIGN_STATUS_PANIC);
    csign_client_free(other);
    CHECK(ended == 0);
    return outcome();
}
