/*
 * A plugin that is newer than the host: its header's structs have all grown. It checks for new
 * fields before it uses them.
 */

#include <string.h>

#include "countersign_plugin.h"

static const char PROFILE[] =
    "id = \"newer\"\n"
    "name = \"Newer\"\n"
    "documentation = \"https://plugins.example/newer\"\n"
    "environments.production.base_url = \"https://login.plugins.example\"\n"
    "endpoints.token = \"{base_url}/token\"\n"
    "grants.client-credentials.client_auth = [\"post\"]\n";

static int32_t profile(const csign_plugin_host *host, csign_plugin_call call) {
    return host->set(call, "profile", 7, PROFILE, sizeof PROFILE - 1);
}

/* Rejects with a struct that is longer than the host's. */
static int32_t check(const csign_plugin_host *host, csign_plugin_call call) {
    csign_plugin_refusal refusal;
    const char *text = NULL;
    size_t len = 0;
    host->text(call, "client_id", 9, &text, &len);
    if (len != 4 || memcmp(text, "nope", 4) != 0) {
        return CSIGN_PLUGIN_STATUS_OK;
    }
    memset(&refusal, 0, sizeof refusal);
    refusal.struct_size = sizeof refusal;
    refusal.kind = CSIGN_PLUGIN_KIND_SETTING;
    refusal.message = "`client_id` is nope";
    refusal.message_len = strlen(refusal.message);
    refusal.severity = 9;
    host->refuse(call, &refusal);
    return CSIGN_PLUGIN_STATUS_REFUSED;
}

/* Uses the host's new function if it exists. */
static int32_t parameters(const csign_plugin_host *host, csign_plugin_call call) {
    uint8_t byte = 0;
    int there = host->struct_size >= offsetof(csign_plugin_host, random) + sizeof host->random && host->random != NULL;
    if (there) {
        host->random(call, &byte, 1);
    }
    return host->set(call, "random", 6, there ? "yes" : "no", there ? 3 : 2);
}

static int32_t revoke(const csign_plugin_host *host, csign_plugin_call call) {
    (void)host;
    (void)call;
    return CSIGN_PLUGIN_STATUS_FAILED;
}

static const csign_provider_vtable NEWER = {
    .struct_size = sizeof NEWER,
    .flags = 0x80000000u,
    .id = "newer",
    .profile = profile,
    .check = check,
    .parameters = parameters,
    .revoke = revoke,
};

static const csign_provider_vtable *const PROVIDERS[] = {&NEWER};

static const csign_plugin_module MODULE = {
    .struct_size = sizeof MODULE,
    .abi_minor = CSIGN_PLUGIN_ABI_MINOR,
    .name = "newer",
    .version = NULL,
    .provider_count = 1,
    .providers = PROVIDERS,
    .homepage = "https://plugins.example/newer",
};

CSIGN_PLUGIN_EXPORT const csign_plugin_module *countersign_plugin_v1(const csign_plugin_host *host) {
    (void)host;
    return &MODULE;
}
