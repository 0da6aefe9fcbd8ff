/* Handles that were freed: used again, and freed twice. The library finds that out as long as the memory has not been
 * given to something else, which is no promise; so this runs without valgrind and sanitizers, which find it out first. */

#include "check.h"

int main(int argc, char **argv)
{
    csign_config *config;
    csign_client *client;
    csign_registry *registry = NULL;
    csign_token *token;
    csign_key *key = NULL;
    csign_login *login = NULL;
    csign_text *text = NULL;
    csign_error *error = NULL, *kept = NULL;
    if (argc != 2) return 2;
    config = config_of(argv[1], "docusign-jwt");
    client = client_from(config);
    token = token_of(client);
    must(csign_registry_new(&registry, &error), &error, "registry");
    must(csign_key_from_secret((const uint8_t *)"0123456789abcdef0123456789abcdef", 32, &key, &error), &error, "key");
    must(csign_client_start_login(client, NULL, 0, &login, &error), &error, "login");
    must(csign_settings(&text, &error), &error, "settings");
    CHECK(csign_config_set(config, CSIGN_TEXT("subjekt"), CSIGN_TEXT("x"), &kept) == CSIGN_STATUS_SETTING);

    /* Each share is freed once. */
    CHECK(csign_token_share(token) == token);
    csign_token_free(token);
    CHECK(csign_token_value(token, NULL) != NULL);
    /* The last share of the token is the client's, which lets go of it in csign_client_free. */
    csign_token_free(token);
    csign_client_free(client);
    CHECK(csign_client_check_saved(client, NULL) == CSIGN_STATUS_BAD_HANDLE);
    CHECK(csign_client_drain(client, 0, NULL) == CSIGN_STATUS_BAD_HANDLE);
    csign_client_close(client);
    csign_client_free(client);
    csign_config_free(config);
    CHECK(csign_config_set_name(config, CSIGN_TEXT("x"), NULL) == CSIGN_STATUS_BAD_HANDLE);
    csign_config_free(config);
    csign_registry_free(registry);
    CHECK(csign_registry_add_profile(registry, NULL, 0, NULL) == CSIGN_STATUS_BAD_HANDLE);
    csign_registry_free(registry);
    csign_key_free(key);
    csign_text_free(text);
    CHECK(csign_key_info(key, &text, NULL) == CSIGN_STATUS_BAD_HANDLE);
    csign_key_free(key);
    csign_login_free(login);
    CHECK(csign_login_url(login, NULL) == NULL);
    CHECK(csign_login_state(login, NULL) == NULL);
    csign_login_free(login);
    csign_error_free(kept);
    CHECK(csign_error_message(kept, NULL) == NULL);
    CHECK(csign_error_status(kept) == CSIGN_STATUS_BAD_HANDLE);
    csign_error_free(kept);
    must(csign_settings(&text, &error), &error, "settings");
    csign_text_free(text);
    CHECK(csign_text_value(text, NULL) == NULL);
    csign_text_free(text);
    return outcome();
}
