/*
 * A plugin whose tables have one mistake, which -D selects. The host must reject it.
 */

#include "countersign_plugin.h"

#ifndef MODULE_SIZE
#define MODULE_SIZE sizeof(csign_plugin_module)
#endif
#ifndef VTABLE_SIZE
#define VTABLE_SIZE sizeof(csign_provider_vtable)
#endif
#ifndef NAME
#define NAME "misshapen"
#endif
#ifndef ID
#define ID "misshapen"
#endif
#ifndef FUNCTION
#define FUNCTION profile
#endif
#ifndef COUNT
#define COUNT 1
#endif
#ifndef TABLES
#define TABLES PROVIDERS
#endif
#ifndef TABLE
#define TABLE &VTABLE
#endif
#ifndef RETURNED
#define RETURNED &MODULE
#endif
#ifndef WRITTEN
#define WRITTEN                                                      \
    "id = \"misshapen\"\n"                                           \
    "name = \"Misshapen\"\n"                                         \
    "documentation = \"https://plugins.example/misshapen\"\n"        \
    "environments.production.base_url = \"https://plugins.example\"\n" \
    "endpoints.token = \"{base_url}/token\"\n"                       \
    "grants.client-credentials.client_auth = [\"post\"]\n"
#endif
#ifndef STATUS
#define STATUS CSIGN_PLUGIN_STATUS_OK
#endif

int32_t profile(const csign_plugin_host *host, csign_plugin_call call);

int32_t profile(const csign_plugin_host *host, csign_plugin_call call) {
    static const char text[] = WRITTEN;
    if (sizeof text > 1) {
        host->set(call, "profile", 7, text, sizeof text - 1);
    }
    return STATUS;
}

const csign_provider_vtable VTABLE = {.struct_size = VTABLE_SIZE, .id = ID, .profile = FUNCTION};

const csign_provider_vtable *const PROVIDERS[] = {TABLE};

const csign_plugin_module MODULE = {
    .struct_size = MODULE_SIZE,
    .name = NAME,
    .version = "1.0",
    .provider_count = COUNT,
    .providers = TABLES,
};

CSIGN_PLUGIN_EXPORT const csign_plugin_module *countersign_plugin_v1(const csign_plugin_host *host) {
    (void)host;
    return RETURNED;
}
