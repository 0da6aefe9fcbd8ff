/*
 * Xero as a countersign plugin, in C99: https://developer.xero.com/documentation/guides/oauth2/token-types/
 *
 * The profile describes almost everything: Basic authentication, rotating refresh tokens, and that
 * the last one may be sent again for 30 minutes if its response was lost. It can't express that
 * extra.tenant_id fits one grant but not the other.
 *
 *     cc -std=c99 -shared -fPIC -I include -o xero.so examples/plugins/xero/xero.c
 */

#include <string.h>

#include "countersign_plugin.h"

static const char PROFILE[] =
    "id = \"xero\"\n"
    "name = \"Xero\"\n"
    "documentation = \"https://developer.xero.com/documentation/guides/oauth2/token-types/\"\n"
    "\n"
    "[environments.production]\n"
    "base_url = \"https://identity.xero.com\"\n"
    "\n"
    "[endpoints]\n"
    "token = \"{base_url}/connect/token\"\n"
    "\n"
    "# Custom connections: one app, one organisation.\n"
    "[grants.client-credentials]\n"
    "client_auth = [\"basic\"]\n"
    "send_scope = true\n"
    "\n"
    "[grants.refresh-token]\n"
    "client_auth = [\"basic\"]\n"
    "\n"
    "[refresh]\n"
    "rotation = \"always\"\n"
    "grace_s = 1800\n"
    "idle_days = 60\n"
    "\n"
    "[extra]\n"
    "tenant_id = \"the organisation: the value of the Xero-Tenant-Id header in API calls\"\n"
    "\n"
    "[[errors]]\n"
    "grants = [\"refresh-token\"]\n"
    "error = \"invalid_grant\"\n"
    "kind = \"login_required\"\n"
    "hint = \"log in again: the refresh token was replaced more than 30 minutes ago, or not used for 60 days\"\n"
    "\n"
    "[[errors]]\n"
    "error = \"invalid_client\"\n"
    "kind = \"rejected\"\n"
    "setting = \"client_secret\"\n"
    "hint = \"check client_id and client_secret in the app's configuration at Xero\"\n";

static int32_t profile(const csign_plugin_host *host, csign_plugin_call call) {
    return host->set(call, "profile", strlen("profile"), PROFILE, sizeof PROFILE - 1);
}

/* Returns a setting, or NULL. It is valid until the plugin's function returns. */
static const char *setting(const csign_plugin_host *host, csign_plugin_call call, const char *name) {
    const char *text = NULL;
    size_t len = 0;
    if (host->text(call, name, strlen(name), &text, &len) != CSIGN_PLUGIN_STATUS_OK || len == 0) {
        return NULL;
    }
    return text;
}

static int32_t reject(const csign_plugin_host *host, csign_plugin_call call, const char *message, const char *hint) {
    csign_plugin_rejection rejection;
    memset(&rejection, 0, sizeof rejection);
    rejection.struct_size = sizeof rejection;
    rejection.kind = CSIGN_PLUGIN_KIND_SETTING;
    rejection.message = message;
    rejection.message_len = strlen(message);
    rejection.hint = hint;
    rejection.hint_len = strlen(hint);
    rejection.setting = "extra.tenant_id";
    rejection.setting_len = strlen(rejection.setting);
    host->reject(call, &rejection);
    return CSIGN_PLUGIN_STATUS_REJECTED;
}

/* A custom connection belongs to one organisation, so its API calls have no Xero-Tenant-Id header. */
static int32_t check(const csign_plugin_host *host, csign_plugin_call call) {
    const char *grant = setting(host, call, "grant");
    int is_custom = grant != NULL && strcmp(grant, "client-credentials") == 0;
    if (is_custom && setting(host, call, "extra.tenant_id") != NULL) {
        return reject(host, call, "`extra.tenant_id` is not allowed for a custom connection",
                      "remove it: API calls of custom connections have no Xero-Tenant-Id header");
    }
    return CSIGN_PLUGIN_STATUS_OK;
}

/* Adds the organisation to each token, so that API callers get both from one place. */
static int32_t read_response(const csign_plugin_host *host, csign_plugin_call call) {
    const char *tenant = setting(host, call, "extra.tenant_id");
    if (tenant == NULL) {
        return CSIGN_PLUGIN_STATUS_OK;
    }
    return host->set(call, "tenant_id", strlen("tenant_id"), tenant, strlen(tenant));
}

static const csign_provider_vtable XERO = {
    .struct_size = sizeof XERO,
    .id = "xero",
    .profile = profile,
    .check = check,
    .read = read_response,
};

static const csign_provider_vtable *const PROVIDERS[] = {&XERO};

static const csign_plugin_module MODULE = {
    .struct_size = sizeof MODULE,
    .abi_minor = CSIGN_PLUGIN_ABI_MINOR,
    .name = "xero",
    .version = "0.1.0",
    .provider_count = 1,
    .providers = PROVIDERS,
};

CSIGN_PLUGIN_EXPORT const csign_plugin_module *countersign_plugin_v1(const csign_plugin_host *host) {
    (void)host;
    return &MODULE;
}
