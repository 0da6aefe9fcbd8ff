/* A test plugin: its provider's token endpoint is configurable, and it logs a line. */

#include <countersign_plugin.h>

static const char PROFILE[] =
    "id = \"acme\"\n"
    "name = \"Acme\"\n"
    "documentation = \"https://acme.test/docs\"\n"
    "[environments.main]\n"
    "base_url = \"https://acme.test\"\n"
    "[endpoints]\n"
    "token = \"{base_url}/connect/token\"\n"
    "[grants.client-credentials]\n"
    "client_auth = [\"post\"]\n";

static int32_t profile(const csign_plugin_host *host, csign_plugin_call call)
{
    static const char line[] = "acme was asked for its profile";
    host->log(call, CSIGN_PLUGIN_LEVEL_INFO, line, sizeof line - 1);
    return host->set(call, "profile", 7, PROFILE, sizeof PROFILE - 1);
}

static const csign_provider_vtable acme = {.struct_size = sizeof acme, .id = "acme", .profile = profile};
static const csign_provider_vtable *const providers[] = {&acme};
static const csign_plugin_module module = {
    .struct_size = sizeof module,
    .abi_minor = CSIGN_PLUGIN_ABI_MINOR,
    .name = "acme",
    .version = "1.0",
    .provider_count = 1,
    .providers = providers,
};

CSIGN_PLUGIN_EXPORT const csign_plugin_module *countersign_plugin_v1(const csign_plugin_host *host)
{
    (void)host;
    return &module;
}
