/*
 * A plugin that breaks the rule named by `extra.how` in the function named by `extra.where`.
 */

#include <string.h>

#include "countersign_plugin.h"

static const char PROFILE[] =
    "id = \"rude\"\n"
    "name = \"Rude\"\n"
    "documentation = \"https://plugins.example/rude\"\n"
    "environments.production.base_url = \"https://login.plugins.example\"\n"
    "endpoints.token = \"{base_url}/token\"\n"
    "grants.client-credentials.client_auth = [\"post\"]\n"
    "extra.how = \"the rule to break\"\n"
    "extra.where = \"the function that breaks it\"\n";

/* A call that outlives its function, which is not allowed. */
static csign_plugin_call kept;

static char large[(1 << 20) + 1];

static int says(const csign_plugin_host *host, csign_plugin_call call, const char *name, const char *word) {
    const char *text = NULL;
    size_t len = 0;
    host->text(call, name, strlen(name), &text, &len);
    return text != NULL && len == strlen(word) && memcmp(text, word, len) == 0;
}

static int how(const csign_plugin_host *host, csign_plugin_call call, const char *word) {
    return says(host, call, "extra.how", word);
}

static void reject(const csign_plugin_host *host, csign_plugin_call call, uint32_t kind, const char *message) {
    csign_plugin_rejection rejection;
    memset(&rejection, 0, sizeof rejection);
    rejection.struct_size = sizeof rejection;
    rejection.kind = kind;
    rejection.message = message;
    rejection.message_len = strlen(message);
    host->reject(call, &rejection);
}

static int32_t be_rude(const csign_plugin_host *host, csign_plugin_call call, const char *function) {
    const char *text = NULL;
    size_t len = 0;
    if (!says(host, call, "extra.where", function)) {
        return CSIGN_PLUGIN_STATUS_OK;
    }
    if (how(host, call, "fail")) {
        return CSIGN_PLUGIN_STATUS_FAILED;
    }
    if (how(host, call, "fail-with-reason")) {
        reject(host, call, CSIGN_PLUGIN_KIND_SETTING, "a file\n\tis\x1b missing");
        return CSIGN_PLUGIN_STATUS_FAILED;
    }
    if (how(host, call, "unknown-status")) {
        return -77;
    }
    if (how(host, call, "unknown-kind")) {
        reject(host, call, 4711, "of a future kind");
        return CSIGN_PLUGIN_STATUS_REJECTED;
    }
    if (how(host, call, "reject-in-silence")) {
        return CSIGN_PLUGIN_STATUS_REJECTED;
    }
    if (how(host, call, "reject-without-message")) {
        reject(host, call, CSIGN_PLUGIN_KIND_SETTING, "");
        return CSIGN_PLUGIN_STATUS_REJECTED;
    }
    if (how(host, call, "reject-and-say-ok")) {
        reject(host, call, CSIGN_PLUGIN_KIND_SETTING, "rejected despite OK");
        return CSIGN_PLUGIN_STATUS_OK;
    }
    if (how(host, call, "short-rejection")) {
        uint32_t struct_size = 4;
        host->reject(call, (const csign_plugin_rejection *)(const void *)&struct_size);
    }
    if (how(host, call, "null-rejection")) {
        host->reject(call, NULL);
    }
    if (how(host, call, "not-utf8")) {
        host->set(call, "name", 4, "\xff\xfe", 2);
    }
    if (how(host, call, "name-not-utf8")) {
        host->set(call, "\xff", 1, "value", 5);
    }
    if (how(host, call, "null-with-length")) {
        host->set(call, "name", 4, NULL, 5);
    }
    if (how(host, call, "no-name")) {
        host->set(call, "", 0, "value", 5);
    }
    if (how(host, call, "long-name")) {
        memset(large, 'a', sizeof large);
        host->set(call, large, 257, "value", 5);
    }
    if (how(host, call, "large-value")) {
        memset(large, 'a', sizeof large);
        host->set(call, "name", 4, large, sizeof large);
    }
    if (how(host, call, "huge-length")) {
        host->set(call, "name", 4, large, SIZE_MAX);
    }
    if (how(host, call, "null-places")) {
        host->text(call, "grant", 5, NULL, &len);
        host->text(call, "grant", 5, &text, NULL);
        host->now_unix_s(call, NULL);
    }
    if (how(host, call, "log-not-utf8")) {
        host->log(call, CSIGN_PLUGIN_LEVEL_INFO, "\xff", 1);
    }
    if (how(host, call, "many-names")) {
        int i;
        for (i = 0; i < 1001; i++) {
            char name[4] = {(char)('a' + i % 26), (char)('a' + i / 26 % 26), (char)('a' + i / 676), 0};
            host->set(call, name, 3, "x", 1);
        }
    }
    if (how(host, call, "secret-parameter")) {
        host->set(call, "client_secret", 13, "another", 7);
    }
    if (how(host, call, "write-anything")) {
        host->set(call, "name", 4, "value", 5);
    }
    if (how(host, call, "bad-url")) {
        host->set(call, "url", 3, "http://plugins.example/", 23);
    }
    if (how(host, call, "tell-the-token")) {
        host->text(call, "/access_token", 13, &text, &len);
        host->log(call, CSIGN_PLUGIN_LEVEL_INFO, text, len);
        reject(host, call, CSIGN_PLUGIN_KIND_UNREADABLE, text);
        return CSIGN_PLUGIN_STATUS_REJECTED;
    }
    if (how(host, call, "keep")) {
        kept = call;
    }
    if (how(host, call, "use-what-was-kept")) {
        int64_t now = 0;
        text = "untouched";
        if (host->text(kept, "grant", 5, &text, &len) != CSIGN_PLUGIN_STATUS_STALE ||
            host->set(kept, "name", 4, "value", 5) != CSIGN_PLUGIN_STATUS_STALE ||
            host->log(kept, CSIGN_PLUGIN_LEVEL_INFO, "late", 4) != CSIGN_PLUGIN_STATUS_STALE ||
            host->now_unix_s(kept, &now) != CSIGN_PLUGIN_STATUS_STALE || strcmp(text, "untouched") != 0) {
            return CSIGN_PLUGIN_STATUS_FAILED;
        }
    }
    return CSIGN_PLUGIN_STATUS_OK;
}

static int32_t profile(const csign_plugin_host *host, csign_plugin_call call) {
    return host->set(call, "profile", 7, PROFILE, sizeof PROFILE - 1);
}

static int32_t check(const csign_plugin_host *host, csign_plugin_call call) {
    return be_rude(host, call, "check");
}

static int32_t parameters(const csign_plugin_host *host, csign_plugin_call call) {
    return be_rude(host, call, "parameters");
}

static int32_t translate(const csign_plugin_host *host, csign_plugin_call call) {
    return be_rude(host, call, "translate");
}

static int32_t read_response(const csign_plugin_host *host, csign_plugin_call call) {
    return be_rude(host, call, "read");
}

static int32_t identity(const csign_plugin_host *host, csign_plugin_call call) {
    return be_rude(host, call, "identity");
}

static const csign_provider_vtable RUDE = {
    .struct_size = sizeof RUDE,
    .id = "rude",
    .profile = profile,
    .check = check,
    .parameters = parameters,
    .translate = translate,
    .read = read_response,
    .identity = identity,
};

static const csign_provider_vtable *const PROVIDERS[] = {&RUDE};

static const csign_plugin_module MODULE = {
    .struct_size = sizeof MODULE,
    .name = "rude",
    .version = "1.0",
    .provider_count = 1,
    .providers = PROVIDERS,
};

CSIGN_PLUGIN_EXPORT const csign_plugin_module *countersign_plugin_v1(const csign_plugin_host *host) {
    (void)host;
    return &MODULE;
}
