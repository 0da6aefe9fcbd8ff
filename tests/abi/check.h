/* Helpers of the abuse programs: checks that count failures and print their location, and the
 * sandbox's connections. A program without failures prints nothing. */

#ifndef CHECK_H
#define CHECK_H

/* The tested build has the function that panics. */
#define CSIGN_TEST_HOOKS
#include <countersign.h>
#include <dirent.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The number of the library's objects, in test builds only. The library's tables refer to every
 * object, so no leak checker reports one that a program didn't free. */
CSIGN_API size_t csign_test_objects(void);

static int faults;

/* Checks a condition. */
#define CHECK(holds) check((holds) != 0, #holds, __FILE__, __LINE__)

/* Checks that a call, which passes `&error`, returns this status, and an error if it fails. */
#define EXPECT(wanted, call)                                          \
    do {                                                              \
        csign_error *error = NULL;                                    \
        csign_status got = (call);                                    \
        check_status((wanted), got, &error, #call, __FILE__, __LINE__); \
    } while (0)

/* Like EXPECT, for a call that returns a handle in `out`: after a failure, the handle must be NULL. */
#define EXPECT_NOTHING(wanted, type, call)                            \
    do {                                                              \
        type *out = (type *)(void *)&faults;                          \
        EXPECT((wanted), (call));                                     \
        check(out == NULL, #call " did not set its output to NULL", __FILE__, __LINE__); \
    } while (0)

static inline void check(int holds, const char *what, const char *file, int line)
{
    if (!holds) {
        printf("%s:%d: %s\n", file, line, what);
        ++faults;
    }
}

static inline void check_status(csign_status wanted, csign_status got, csign_error **error, const char *call,
                                const char *file, int line)
{
    if (got != wanted) {
        size_t length = 0;
        const char *why = csign_error_message(*error, &length);
        printf("%s:%d: %s returned %s instead of %s: %s\n", file, line, call, csign_status_name(got),
               csign_status_name(wanted), why != NULL ? why : "");
        ++faults;
    }
    if (got == CSIGN_STATUS_OK) {
        check(*error == NULL, "success with an error", file, line);
    } else {
        size_t length = 0;
        const char *message = csign_error_message(*error, &length);
        check(*error != NULL, "a failure without an error", file, line);
        check(csign_error_status(*error) == got, "the error has a different status", file, line);
        check(message != NULL && length > 0 && strlen(message) == length, "the error has no message", file, line);
    }
    csign_error_free(*error);
    *error = NULL;
}

/* Ends the program if a call fails. */
static inline void must(csign_status status, csign_error **error, const char *what)
{
    if (status != CSIGN_STATUS_OK) {
        const char *message = csign_error_message(*error, NULL);
        printf("%s: %s: %s\n", what, csign_status_name(status), message != NULL ? message : "");
        exit(2);
    }
}

/* Loads a connection of the sandbox whose folder is DIR, with the memory store. */
static inline csign_config *config_of(const char *dir, const char *name)
{
    csign_config *config = NULL;
    csign_error *error = NULL;
    char path[4096];
    int length = snprintf(path, sizeof path, "%s/connections.toml", dir);
    must(csign_config_new(&config, &error), &error, "csign_config_new");
    must(csign_config_load(config, path, (size_t)length, name, strlen(name), &error), &error, name);
    must(csign_config_set(config, CSIGN_TEXT("store"), CSIGN_TEXT("memory"), &error), &error, "store");
    return config;
}

/* Like config_of, but without the private key, for a signer callback. */
static inline csign_config *config_without_key(const char *dir, const char *name)
{
    csign_config *config = config_of(dir, name);
    csign_error *error = NULL;
    must(csign_config_unset(config, CSIGN_TEXT("private_key"), &error), &error, "csign_config_unset");
    return config;
}

static inline csign_client *client_from(const csign_config *config)
{
    csign_client *client = NULL;
    csign_error *error = NULL;
    must(csign_client_new(config, NULL, &client, &error), &error, "csign_client_new");
    return client;
}

static inline csign_client *client_of(const char *dir, const char *name)
{
    csign_config *config = config_of(dir, name);
    csign_client *client = client_from(config);
    csign_config_free(config);
    return client;
}

static inline csign_token *token_of(const csign_client *client)
{
    csign_token *token = NULL;
    csign_error *error = NULL;
    must(csign_client_token(client, 0, &token, &error), &error, "csign_client_token");
    return token;
}

/* Reads the cached token several times, so that the library's next call finds its own copy of it. */
static inline void read_cached_token(const csign_client *client)
{
    char buffer[4096];
    size_t length = 0;
    int round;
    for (round = 0; round < 3; ++round) {
        CHECK(csign_client_peek_token(client, buffer, sizeof buffer, &length, NULL) == CSIGN_STATUS_OK);
        CHECK(length > 0);
    }
}

/* Waits until the threads of requests have ended. They may outlive their client for a moment, and a
 * leak checker would report their memory. run.sh stops a program that hangs. */
static inline void wait_for_threads(void)
{
/* ThreadSanitizer has its own thread. */
#if !defined(__SANITIZE_THREAD__)
    int threads;
    do {
        DIR *tasks = opendir("/proc/self/task");
        const struct dirent *task;
        sched_yield();
        for (threads = 0; tasks != NULL && (task = readdir(tasks)) != NULL;) threads += task->d_name[0] != '.';
        if (tasks != NULL) closedir(tasks);
    } while (threads > 1);
#endif
}

/* For a program that leaves objects behind, as a child of fork() must. */
static inline int outcome_with_objects(void)
{
    wait_for_threads();
    fflush(stdout);
    return faults == 0 ? 0 : 1;
}

static inline int outcome(void)
{
    CHECK(csign_test_objects() == 0);
    return outcome_with_objects();
}

#endif
