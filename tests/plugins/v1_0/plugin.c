/*
 * A plugin of version 1.0 of the ABI, frozen with its copy of the header: it uses all that there was. Neither of the two files
 * is ever changed; every later host of major version 1 has to run it.
 */

#include <string.h>

#include "countersign_plugin.h"

static const char PROFILE[] =
    "id = \"frozen\"\n"
    "name = \"Frozen\"\n"
    "documentation = \"https://plugins.example/frozen\"\n"
    "environments.production.base_url = \"https://login.plugins.example\"\n"
    "endpoints.token = \"{base_url}/token\"\n"
    "grants.client-credentials.client_auth = [\"post\"]\n"
    "grants.refresh-token.client_auth = [\"post\"]\n"
    "response.keep = [\"shard\"]\n"
    "extra.tenant = \"the tenant\"\n";

struct text {
    const char *begin;
    size_t len;
};

static struct text text(const csign_plugin_host *host, csign_plugin_call call, const char *name) {
    struct text found = {NULL, 0};
    if (host->text(call, name, strlen(name), &found.begin, &found.len) == CSIGN_PLUGIN_STATUS_ABSENT) {
        found.begin = NULL;
    }
    return found;
}

static int is(struct text found, const char *word) {
    return found.begin != NULL && found.len == strlen(word) && memcmp(found.begin, word, found.len) == 0;
}

static void set(const csign_plugin_host *host, csign_plugin_call call, const char *name, struct text value) {
    if (value.begin != NULL) {
        host->set(call, name, strlen(name), value.begin, value.len);
    }
}

static int32_t refuse(const csign_plugin_host *host, csign_plugin_call call, uint32_t kind, const char *message,
                      const char *hint, const char *named, uint64_t retry_after_s) {
    csign_plugin_refusal refusal;
    memset(&refusal, 0, sizeof refusal);
    refusal.struct_size = sizeof refusal;
    refusal.kind = kind;
    refusal.message = message;
    refusal.message_len = strlen(message);
    refusal.hint = hint;
    refusal.hint_len = strlen(hint);
    refusal.setting = named;
    refusal.setting_len = strlen(named);
    refusal.retry_after_s = retry_after_s;
    host->refuse(call, &refusal);
    return CSIGN_PLUGIN_STATUS_REFUSED;
}

static int32_t profile(const csign_plugin_host *host, csign_plugin_call call) {
    return host->set(call, "profile", 7, PROFILE, sizeof PROFILE - 1);
}

static int32_t check(const csign_plugin_host *host, csign_plugin_call call) {
    static const char line[] = "looks at a connection";
    host->log(call, CSIGN_PLUGIN_LEVEL_INFO, line, sizeof line - 1);
    if (text(host, call, "client_secret").begin != NULL) {
        return refuse(host, call, CSIGN_PLUGIN_KIND_SETTING, "a secret was shown", "", "client_secret", 0);
    }
    if (is(text(host, call, "extra.tenant"), "nobody")) {
        return refuse(host, call, CSIGN_PLUGIN_KIND_SETTING, "`extra.tenant` is nobody", "name somebody", "extra.tenant", 0);
    }
    return CSIGN_PLUGIN_STATUS_OK;
}

static int32_t parameters(const csign_plugin_host *host, csign_plugin_call call) {
    int64_t now = 0;
    char digits[2] = {0, 0};
    struct text day = {digits, 1};
    host->now_unix_s(call, &now);
    digits[0] = (char)('0' + now / 86400 % 7);
    set(host, call, "day", day);
    set(host, call, "tenant", text(host, call, "extra.tenant"));
    set(host, call, "asked_by", text(host, call, "request.grant"));
    return CSIGN_PLUGIN_STATUS_OK;
}

/* {"ok":true,"data":{"token":..,"ttl":..,"next":..}} or {"ok":false,"why":..}, both with status 200. */
static int32_t translate(const csign_plugin_host *host, csign_plugin_call call) {
    static const struct text refused = {"invalid_grant", 13};
    struct text ok = text(host, call, "/ok");
    if (ok.begin == NULL) {
        return CSIGN_PLUGIN_STATUS_OK;
    }
    if (is(text(host, call, "/why"), "busy")) {
        return refuse(host, call, CSIGN_PLUGIN_KIND_THROTTLED, "busy", "", "", 7);
    }
    if (!is(ok, "true") || !is(text(host, call, "http_status"), "200")) {
        set(host, call, "error", refused);
        set(host, call, "error_description", text(host, call, "/why"));
        return CSIGN_PLUGIN_STATUS_OK;
    }
    set(host, call, "access_token", text(host, call, "/data/token"));
    set(host, call, "expires_in", text(host, call, "/data/ttl"));
    set(host, call, "refresh_token", text(host, call, "/data/next"));
    set(host, call, "shard", text(host, call, "header.X-Shard"));
    return CSIGN_PLUGIN_STATUS_OK;
}

static int32_t read_answer(const csign_plugin_host *host, csign_plugin_call call) {
    set(host, call, "region", text(host, call, "token.shard"));
    return CSIGN_PLUGIN_STATUS_OK;
}

static int32_t identity(const csign_plugin_host *host, csign_plugin_call call) {
    char url[256];
    struct text base = text(host, call, "base_url");
    struct text shard = text(host, call, "token.shard");
    struct text whole = {url, 0};
    if (base.len + shard.len + 5 > sizeof url || shard.begin == NULL) {
        return CSIGN_PLUGIN_STATUS_OK;
    }
    memcpy(url, base.begin, base.len);
    memcpy(url + base.len, "/who/", 5);
    memcpy(url + base.len + 5, shard.begin, shard.len);
    whole.len = base.len + 5 + shard.len;
    set(host, call, "url", whole);
    return CSIGN_PLUGIN_STATUS_OK;
}

static int32_t read_identity(const csign_plugin_host *host, csign_plugin_call call) {
    struct text user = text(host, call, "/users/0/id");
    if (user.begin == NULL) {
        return refuse(host, call, CSIGN_PLUGIN_KIND_UNREADABLE, "the answer names no user", "", "", 0);
    }
    set(host, call, "user_id", user);
    return CSIGN_PLUGIN_STATUS_OK;
}

static const void *extension(const char *id) {
    return strcmp(id, "example.nothing/1") == 0 ? PROFILE : NULL;
}

static const csign_provider_vtable FROZEN = {
    sizeof FROZEN, 0, "frozen", profile, check, parameters, translate, read_answer, identity, read_identity, extension,
};

static const csign_provider_vtable *const PROVIDERS[] = {&FROZEN};

static const csign_plugin_module MODULE = {
    sizeof MODULE, CSIGN_PLUGIN_ABI_MINOR, "frozen", "1.0", 1, PROVIDERS, extension,
};

CSIGN_PLUGIN_EXPORT const csign_plugin_module *countersign_plugin_v1(const csign_plugin_host *host) {
    /* A host of major version 1 has at least this much. */
    if (host->struct_size < sizeof *host || host->version == NULL || host->get_extension("example.nothing/1") != NULL) {
        return NULL;
    }
    return &MODULE;
}
