/* Obtains tokens with every grant from the sandbox.
 *
 * Start a sandbox with a new folder for each run, and pass that folder to this program. Install the
 * library with `cargo xtask dist --prefix PREFIX` first.
 *
 *     PREFIX/bin/countersign-sandbox --tls --dir sandbox &
 *     export PKG_CONFIG_PATH=PREFIX/lib/pkgconfig
 *     cc five_jobs.c $(pkg-config --cflags --libs countersign) -Wl,-rpath,PREFIX/lib -o five_jobs
 *     ./five_jobs sandbox
 *
 * curl takes the place of a person with a browser.
 */

#define _POSIX_C_SOURCE 200809L

#include <countersign.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { DAY_S = 24 * 3600 };

/* The sandbox's folder, and its CA certificate. */
static const char *folder;
static char ca_file[4096];

/* How far the clock is ahead, and the number of refresh token rotations. */
static atomic_int ahead_s;
static atomic_int rotated;

static void docusign_jwt(void);
static void docusign_consent(void);
static void salesforce_three_hosts(void);
static void boldsign_login_and_refresh(void);
static void docusign_rotation(void);

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s SANDBOX_FOLDER\n", argv[0]);
        return 2;
    }
    folder = argv[1];
    snprintf(ca_file, sizeof ca_file, "%s/ca.pem", folder);
    docusign_jwt();
    docusign_consent();
    salesforce_three_hosts();
    boldsign_login_and_refresh();
    docusign_rotation();
    puts("all five jobs done");
    return 0;
}

/* Exits if a call failed, and prints the reason and what to do. */
static void check(csign_status status, csign_error **error, const char *what)
{
    const char *hint;
    if (status == CSIGN_STATUS_OK) return;
    hint = csign_error_hint(*error, NULL);
    fprintf(stderr, "%s: %s (%s)%s%s\n", what, csign_error_message(*error, NULL),
            csign_verdict_name(csign_error_verdict(*error)), hint != NULL ? "; " : "", hint != NULL ? hint : "");
    csign_error_free(*error);
    exit(1);
}

static void ensure(int holds, const char *what)
{
    if (holds) return;
    fprintf(stderr, "unexpected: not true that %s\n", what);
    exit(1);
}

/* Reads the system's clocks and advances them. */
static int32_t read_clocks(void *user_data, int64_t *unix_ms, uint64_t *boot_ms)
{
    struct timespec wall, boot;
    const int64_t ahead_ms = (int64_t)atomic_load((const atomic_int *)user_data) * 1000;
    if (clock_gettime(CLOCK_REALTIME, &wall) != 0 || clock_gettime(CLOCK_MONOTONIC, &boot) != 0) return 1;
    *unix_ms = (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000 + ahead_ms;
    *boot_ms = (uint64_t)((int64_t)boot.tv_sec * 1000 + boot.tv_nsec / 1000000 + ahead_ms);
    return 0;
}

static void on_change(void *user_data, csign_change change, const csign_token *token)
{
    (void)token;
    if (change == CSIGN_CHANGE_ROTATED) atomic_fetch_add((atomic_int *)user_data, 1);
}

/* Builds a client for a connection in the sandbox's connections.toml. */
static csign_client *client_of(const char *connection)
{
    csign_config *config = NULL;
    csign_client *client = NULL;
    csign_error *error = NULL;
    char path[4096];
    snprintf(path, sizeof path, "%s/connections.toml", folder);
    check(csign_config_new(&config, &error), &error, connection);
    check(csign_config_load(config, path, strlen(path), connection, strlen(connection), &error), &error, connection);
    check(csign_config_set_clock(config, read_clocks, &ahead_s, NULL, &error), &error, connection);
    check(csign_config_set_listener(config, on_change, &rotated, NULL, &error), &error, connection);
    check(csign_client_new(config, NULL, &client, &error), &error, connection);
    csign_config_free(config);
    return client;
}

static csign_token *token_of(const csign_client *client)
{
    csign_token *token = NULL;
    csign_error *error = NULL;
    check(csign_client_token(client, 0, &token, &error), &error, "token");
    return token;
}

/* Prints one line about a token, without the token itself. */
static void show(const char *connection, const csign_token *token)
{
    static const char *const sources[] = {"", "minted", "refreshed", "cache", "store"};
    const int64_t expires_at = csign_token_expires_at(token);
    size_t length = 0;
    csign_token_value(token, &length);
    printf("%-26s %-9s %4zu chars  ", connection, sources[csign_token_source(token)], length);
    if (expires_at < 0) printf("no expiry       ");
    else printf("%5lld s         ", (long long)(expires_at - (int64_t)time(NULL)));
    puts(csign_token_extra_json(token, NULL));
}

/* Prints the identity of the token's user, which takes another request. */
static void show_identity(const csign_client *client)
{
    csign_text *json = NULL;
    csign_error *error = NULL;
    check(csign_client_identity(client, &json, &error), &error, "identity");
    ensure(csign_text_field(json, CSIGN_TEXT("account_id"), NULL) != NULL, "the identity has the account");
    printf("%-26s %s\n", "", csign_text_value(json, NULL));
    csign_text_free(json);
}

/* Starts curl, as the browser or to control the sandbox. */
static pid_t start_curl(const char *url, const char *option, const char *value)
{
    extern char **environ;
    char *arguments[] = {"curl", "--silent", "--show-error", "--fail", "--output", "/dev/null", "--max-time", "20",
                         "--cacert", ca_file, (char *)(uintptr_t)url, (char *)(uintptr_t)option,
                         (char *)(uintptr_t)value, NULL};
    pid_t pid;
    ensure(posix_spawnp(&pid, "curl", NULL, NULL, arguments, environ) == 0, "curl is installed");
    return pid;
}

static void end_curl(pid_t pid)
{
    int status = -1;
    ensure(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0, "curl succeeded");
}

/* `_sandbox=allow` makes the sandbox act as if the user had pressed "Allow". */
static char *allowed(const char *url)
{
    static char page[8192];
    snprintf(page, sizeof page, "%s&_sandbox=allow", url);
    return page;
}

/* Opens the login page. The browser follows the redirect to the library's loopback server. */
static int32_t open_browser(void *user_data, const char *url, size_t length)
{
    (void)length;
    *(pid_t *)user_data = start_curl(allowed(url), "--location", NULL);
    return 0;
}

static csign_token *login(const csign_client *client)
{
    csign_token *token = NULL;
    csign_error *error = NULL;
    pid_t browser = 0;
    check(csign_client_login(client, 0, 20000, open_browser, &browser, &token, &error), &error, "login");
    end_curl(browser);
    return token;
}

static csign_token *refresh(const csign_client *client)
{
    csign_token *token = NULL;
    csign_error *error = NULL;
    check(csign_client_refresh(client, &token, &error), &error, "refresh");
    ensure(csign_token_source(token) == CSIGN_SOURCE_REFRESHED, "the token was refreshed");
    return token;
}

/* Sets how far the vendor's clock and this program's are ahead. `url` is any URL of the sandbox. */
static void set_clocks_ahead(const char *url, int seconds)
{
    char address[256], body[64];
    const char *end = strchr(strstr(url, "://") + 3, '/');
    snprintf(address, sizeof address, "%.*s/_sandbox/clock", (int)(end - url), url);
    snprintf(body, sizeof body, "{\"offset_s\": %d}", seconds);
    end_curl(start_curl(address, "--json", body));
    ahead_s = seconds;
}

/* Job 1: assertions signed with RS256, RS384 and RS512. A second client finds the token in the
 * store. */
static void docusign_jwt(void)
{
    static const char *const connections[] = {"docusign-jwt", "docusign-jwt-rs384", "docusign-jwt-rs512"};
    size_t index;
    for (index = 0; index < 3; ++index) {
        csign_client *client = client_of(connections[index]);
        csign_client *other = client_of(connections[index]);
        csign_token *token = token_of(client);
        csign_token *again = token_of(other);
        show(connections[index], token);
        ensure(csign_token_source(token) == CSIGN_SOURCE_MINTED,
               "the token is new: the sandbox's folder is empty");
        ensure(csign_token_expires_at(token) > 0, "DocuSign returns when a token expires");
        ensure(csign_token_source(again) == CSIGN_SOURCE_STORE, "another client finds the token in the store");
        show_identity(client);
        csign_token_free(again);
        csign_token_free(token);
        csign_client_free(other);
        csign_client_free(client);
    }
}

/* Job 2: before consent, the error has the URL to open. After consent, there is a token. */
static void docusign_consent(void)
{
    csign_client *client = client_of("docusign-jwt-unconsented");
    csign_token *token = NULL;
    csign_error *error = NULL;
    const csign_status status = csign_client_token(client, 0, &token, &error);
    ensure(status == CSIGN_STATUS_CONSENT_REQUIRED, "there is no token before consent");
    ensure(csign_error_verdict(error) == CSIGN_VERDICT_REAUTHORIZE, "a person must act");
    printf("%-26s %s: open %s\n", "docusign-jwt-unconsented", csign_error_kind(error, NULL),
           csign_error_url(error, NULL));
    end_curl(start_curl(allowed(csign_error_url(error, NULL)), NULL, NULL));
    csign_error_free(error);
    token = token_of(client);
    show("docusign-jwt-unconsented", token);
    csign_token_free(token);
    csign_client_free(client);
}

/* Job 3: the login host, a My Domain, and an Experience Cloud site. */
static void salesforce_three_hosts(void)
{
    static const char *const connections[] = {"salesforce-jwt", "salesforce-mydomain-jwt", "salesforce-site-jwt"};
    size_t index;
    for (index = 0; index < 3; ++index) {
        csign_client *client = client_of(connections[index]);
        csign_token *token = token_of(client);
        show(connections[index], token);
        ensure(csign_token_expires_at(token) == -1, "Salesforce does not return when a token expires");
        ensure(csign_token_extra(token, CSIGN_TEXT("instance_url"), NULL) != NULL, "Salesforce returns its API's URL");
        csign_token_free(token);
        csign_client_free(client);
    }
}

/* Job 4: a login, two refreshes, and client credentials. */
static void boldsign_login_and_refresh(void)
{
    csign_client *client = client_of("boldsign-code");
    csign_token *token = login(client);
    int round;
    show("boldsign-code", token);
    csign_token_free(token);
    for (round = 0; round < 2; ++round) {
        token = refresh(client);
        show("boldsign-code", token);
        csign_token_free(token);
    }
    csign_client_free(client);

    client = client_of("boldsign-cc");
    token = token_of(client);
    show("boldsign-cc", token);
    csign_token_free(token);
    csign_client_free(client);
}

/* Job 5: a login, three refreshes that each rotate the refresh token, and then 31 idle days. */
static void docusign_rotation(void)
{
    csign_client *client = client_of("docusign-code");
    csign_token *token = login(client);
    csign_error *error = NULL;
    csign_login *again = NULL;
    csign_status status;
    const char *login_url;
    int round;
    show("docusign-code", token);
    csign_token_free(token);
    show_identity(client);
    rotated = 0;
    for (round = 0; round < 3; ++round) {
        token = refresh(client);
        show("docusign-code", token);
        csign_token_free(token);
    }
    ensure(rotated == 3, "each refresh returned a new refresh token");

    /* An unused refresh token expires after 30 days. */
    check(csign_client_start_login(client, NULL, 0, &again, &error), &error, "login URL");
    login_url = csign_login_url(again, NULL);
    set_clocks_ahead(login_url, 31 * DAY_S);
    token = NULL;
    status = csign_client_token(client, 0, &token, &error);
    set_clocks_ahead(login_url, 0);
    csign_login_free(again);
    ensure(status == CSIGN_STATUS_LOGIN_REQUIRED, "an expired refresh token requires a login");
    ensure(csign_error_verdict(error) == CSIGN_VERDICT_REAUTHORIZE, "a person must act");
    printf("%-26s %s: %s\n", "docusign-code", csign_error_kind(error, NULL), csign_error_hint(error, NULL));
    csign_error_free(error);
    csign_client_free(client);
}
