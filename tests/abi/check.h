/* What the abuse programs share: checks that count and say where, and the sandbox's connections. A program that finds
 * nothing wrong prints nothing. */

#ifndef CHECK_H
#define CHECK_H

/* The build that is tested has what provokes a panic. */
#define CSIGN_TEST_HOOKS
#include <countersign.h>
#include <dirent.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How many objects the library has; only in builds for tests, and in no header. Its tables have every object, so that no
 * leak checker finds one that a program forgot to free. */
CSIGN_API size_t csign_test_objects(void);

static int faults;

/* Something that must hold. */
#define CHECK(holds) check((holds) != 0, #holds, __FILE__, __LINE__)

/* A call with `&error` in it that must end with this status, and say why where it fails. */
#define EXPECT(wanted, call)                                          \
    do {                                                              \
        csign_error *error = NULL;                                    \
        csign_status got = (call);                                    \
        check_status((wanted), got, &error, #call, __FILE__, __LINE__); \
    } while (0)

/* As EXPECT, for a call that gives a handle: it must be NULL after a failure, whatever was there before. */
#define EXPECT_NOTHING(wanted, type, call)                            \
    do {                                                              \
        type *out = (type *)(void *)&faults;                          \
        EXPECT((wanted), (call));                                     \
        check(out == NULL, #call " left its output as it was", __FILE__, __LINE__); \
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
        printf("%s:%d: %s gave %s and not %s: %s\n", file, line, call, csign_status_name(got),
               csign_status_name(wanted), why != NULL ? why : "");
        ++faults;
    }
    if (got == CSIGN_STATUS_OK) {
        check(*error == NULL, "an error beside success", file, line);
    } else {
        size_t length = 0;
        const char *message = csign_error_message(*error, &length);
        check(*error != NULL, "a failure without its error", file, line);
        check(csign_error_status(*error) == got, "the error has another status", file, line);
        check(message != NULL && length > 0 && strlen(message) == length, "the error says nothing", file, line);
    }
    csign_error_free(*error);
    *error = NULL;
}

/* A call that the program cannot go on without. */
static inline void must(csign_status status, csign_error **error, const char *what)
{
    if (status != CSIGN_STATUS_OK) {
        const char *message = csign_error_message(*error, NULL);
        printf("%s: %s: %s\n", what, csign_status_name(status), message != NULL ? message : "");
        exit(2);
    }
}

/* A connection of the sandbox whose folder is DIR, kept in memory only. */
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

/* As config_of, but without the private key, for a signer callback. */
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

/* Reads the cached token as often as it takes for the library to have a copy where the next call finds it first. */
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

/* Waits until the threads that carried requests are gone: they may outlive their client for a moment, and what they
 * still hold then would look lost to a leak checker. run.sh ends a program that waits for ever. */
static inline void wait_for_threads(void)
{
/* ThreadSanitizer has a thread of its own. */
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
