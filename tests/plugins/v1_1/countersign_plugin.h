/*
 * The plugin ABI of countersign, major version 1: how a shared library describes a provider of tokens.
 *
 * A plugin is native code that runs with the full rights of the process that loads it.
 *
 * A plugin describes; the host signs, posts, keeps and wipes. It exports one function, `countersign_plugin_v1`, which
 * returns a constant table of its providers. The host copies each table by the size it says, so that plugin and host
 * may be of different minor versions. Texts cross as pointer and length, are UTF-8, and are copied; no memory
 * changes its owner, and nothing has to be freed. No function may unwind, throw or `longjmp` across the border.
 *
 * The smallest plugin:
 *
 *     static int32_t profile(const csign_plugin_host *host, csign_plugin_call call) {
 *         static const char text[] = "id = \"acme\"\n" "name = \"Acme\"\n" ...;
 *         return host->set(call, "profile", 7, text, sizeof text - 1);
 *     }
 *     static const csign_provider_vtable acme = {
 *         .struct_size = sizeof acme, .id = "acme", .profile = profile,
 *     };
 *     static const csign_provider_vtable *const providers[] = {&acme};
 *     static const csign_plugin_module module = {
 *         .struct_size = sizeof module, .abi_minor = CSIGN_PLUGIN_ABI_MINOR,
 *         .name = "acme", .version = "1.0", .provider_count = 1, .providers = providers,
 *     };
 *     CSIGN_PLUGIN_EXPORT const csign_plugin_module *countersign_plugin_v1(const csign_plugin_host *host) {
 *         (void)host;
 *         return &module;
 *     }
 *
 * docs/plugins.md has the rules for loading and the promise of this ABI; examples/plugins/ whole plugins.
 */

#ifndef COUNTERSIGN_PLUGIN_H
#define COUNTERSIGN_PLUGIN_H

/* A header of a version 1.1 that there never was, made by hand from that of 1.0: each struct has grown. */

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define CSIGN_PLUGIN_EXPORT __declspec(dllexport)
#elif defined(__GNUC__)
#define CSIGN_PLUGIN_EXPORT __attribute__((visibility("default")))
#else
#define CSIGN_PLUGIN_EXPORT
#endif

#ifdef __cplusplus
extern "C" {
#endif

struct csign_plugin_host;
struct csign_plugin_module;

/**
 * The one function a plugin exports: cheap, without side effects, and good for being called again. NULL declines. The
 * major version of the ABI is in its name: a library may export several.
 *
 * @param host  the host's table, which lives as long as the process
 * @return what the plugin is made of: constant, and there as long as the process
 */
CSIGN_PLUGIN_EXPORT const struct csign_plugin_module *countersign_plugin_v1(const struct csign_plugin_host *host);

#ifdef __cplusplus
}
#endif

/**
 * The minor version of this header. A minor version only adds: fields at the end of structs, values of enums,
 * names that `text` knows. The major version is part of the entry function's name.
 */
#define CSIGN_PLUGIN_ABI_MINOR 1

/**
 * What a function answers, the plugin's and the host's alike. Any other value is a failure.
 */
enum csign_plugin_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Done.
     */
    CSIGN_PLUGIN_STATUS_OK = 0,
    /**
     * From a plugin: the request cannot be, for the reason it gave by `refuse`.
     */
    CSIGN_PLUGIN_STATUS_REFUSED = 1,
    /**
     * The function failed for a reason of its own; a plugin may have given one by `refuse`.
     */
    CSIGN_PLUGIN_STATUS_FAILED = 2,
    /**
     * From a plugin: it panicked, and caught that. Marks the plugin as suspect.
     */
    CSIGN_PLUGIN_STATUS_PANICKED = 3,
    /**
     * From the host: there is nothing of this name.
     */
    CSIGN_PLUGIN_STATUS_ABSENT = 10,
    /**
     * From the host: an argument is NULL, too long, not UTF-8, or not for this function. The request fails.
     */
    CSIGN_PLUGIN_STATUS_MISUSE = 11,
    /**
     * From the host: the call is over.
     */
    CSIGN_PLUGIN_STATUS_STALE = 12,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum csign_plugin_status csign_plugin_status;
#else
typedef int32_t csign_plugin_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What a refusal is, which decides what the caller is told to do. An unknown kind is a failure of the plugin.
 */
enum csign_plugin_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * A setting is missing, malformed or contradicts another: fix the configuration.
     */
    CSIGN_PLUGIN_KIND_SETTING = 1,
    /**
     * What the server sent does not verify: fix the configuration.
     */
    CSIGN_PLUGIN_KIND_VERIFICATION = 2,
    /**
     * The server refused: fix the configuration.
     */
    CSIGN_PLUGIN_KIND_REFUSED = 3,
    /**
     * The server asks to slow down: try again later.
     */
    CSIGN_PLUGIN_KIND_THROTTLED = 4,
    /**
     * The server is not able to answer now: try again later.
     */
    CSIGN_PLUGIN_KIND_UNAVAILABLE = 5,
    /**
     * The answer is not one of this vendor's: unexpected.
     */
    CSIGN_PLUGIN_KIND_UNREADABLE = 6,
    /**
     * A person has to log in again.
     */
    CSIGN_PLUGIN_KIND_LOGIN_REQUIRED = 7,
    /**
     * A person has to consent, or an administrator to approve.
     */
    CSIGN_PLUGIN_KIND_CONSENT_REQUIRED = 8,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum csign_plugin_kind csign_plugin_kind;
#else
typedef uint32_t csign_plugin_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * How much a line of log matters.
 */
enum csign_plugin_level
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Something is wrong.
     */
    CSIGN_PLUGIN_LEVEL_ERROR = 1,
    /**
     * Something may be wrong.
     */
    CSIGN_PLUGIN_LEVEL_WARNING = 2,
    /**
     * Something happened.
     */
    CSIGN_PLUGIN_LEVEL_INFO = 3,
    /**
     * For whoever develops the plugin.
     */
    CSIGN_PLUGIN_LEVEL_DEBUG = 4,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum csign_plugin_level csign_plugin_level;
#else
typedef uint32_t csign_plugin_level;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * One call of one function of a plugin: what the host shows it and where the plugin writes.
 *
 * It is a number, not a pointer, and never used again: it means something until the function that was called
 * with it returns. A host function that gets it later answers `CSIGN_PLUGIN_STATUS_STALE`, changes nothing,
 * and the plugin is marked as suspect. Threads that a function starts and joins may use its call.
 */
typedef uint64_t csign_plugin_call;

/**
 * Why a request cannot be. Texts are UTF-8, need no NUL, and are copied before `refuse` returns; NULL with
 * length 0 where there is none. Never put a token or a secret into one.
 */
typedef struct csign_plugin_refusal {
    /**
     * `sizeof(csign_plugin_refusal)` of the header the plugin was compiled with.
     */
    uint32_t struct_size;
    /**
     * A `csign_plugin_kind`.
     */
    uint32_t kind;
    /**
     * One sentence on what is wrong. Required.
     */
    const char *message;
    /**
     * Its length in bytes.
     */
    size_t message_len;
    /**
     * One sentence on what to do about it.
     */
    const char *hint;
    /**
     * Its length in bytes.
     */
    size_t hint_len;
    /**
     * The setting to look at, such as `extra.account_id`.
     */
    const char *setting;
    /**
     * Its length in bytes.
     */
    size_t setting_len;
    /**
     * The seconds to wait before trying again; 0 where that is not known.
     */
    uint64_t retry_after_s;
    /**
     * Of version 1.1.
     */
    uint64_t severity;
} csign_plugin_refusal;

/**
 * What the host does for a plugin. It lives as long as the process, and every function in it may be called by
 * any thread at any time; those with a `call` only until the function that was called with it returns.
 *
 * Test for a field that came after version 1.0 before use: it is there if `struct_size` reaches past its end
 * and it is not NULL.
 */
typedef struct csign_plugin_host {
    /**
     * The size of the host's struct in bytes; may be more or less than this header's.
     */
    uint32_t struct_size;
    /**
     * The host's `CSIGN_PLUGIN_ABI_MINOR`.
     */
    uint32_t abi_minor;
    /**
     * The host's release, for logs: NUL-terminated, never NULL.
     */
    const char *version;
    /**
     * Shows a text by name: writes where it begins and its length in bytes. It is UTF-8, followed by a NUL
     * that the length does not count, belongs to the host, and is good until the plugin's function returns.
     *
     * In every function but `profile`, names are the connection's settings: `connection` (its name),
     * `provider`, `environment`, `grant`, `client_id`, `client_auth`, `subject`, `audience`, `issuer`,
     * `scopes` (parted by blanks), `redirect_uri`, `base_url`, `token_url`, `userinfo_url`, and `extra.NAME`.
     * No secret is among them.
     *
     * In `parameters` also `request.grant`: the grant of this request, such as `refresh-token` where the
     * connection's is `authorization-code`.
     *
     * In `read` and `identity` also `token.NAME`: what came along with the token, such as members of the
     * answer that the profile lists in `response.keep`.
     *
     * In `translate` and `read_identity` also `http_status`, `header.NAME` (in any case), `body` where that is
     * UTF-8, and any JSON pointer (RFC 6901), such as `/data/0/id`: the scalar there as text, or the JSON text
     * of an object or array. Absent where it is null or the body is not JSON. A body may hold tokens.
     *
     * Answers `CSIGN_PLUGIN_STATUS_ABSENT` where there is no such text, with NULL and 0.
     */
    int32_t (*text)(csign_plugin_call call, const char *name, size_t name_len, const char **out_text, size_t *out_len);
    /**
     * Writes a text by name: what names there are, each function of the vtable says. Both are UTF-8 and copied
     * before this returns; a name has at most 256 bytes, a value 1 MiB. A name that is written again is
     * replaced.
     */
    int32_t (*set)(csign_plugin_call call, const char *name, size_t name_len, const char *value, size_t value_len);
    /**
     * Says why the request cannot be. Return `CSIGN_PLUGIN_STATUS_REFUSED` after it.
     */
    int32_t (*refuse)(csign_plugin_call call, const struct csign_plugin_refusal *refusal);
    /**
     * Tells the program that embeds the host something; `level` is a `csign_plugin_level`. Never log a token
     * or a secret.
     */
    int32_t (*log)(csign_plugin_call call, uint32_t level, const char *text, size_t text_len);
    /**
     * The host's clock, in seconds since 1970-01-01T00:00:00Z. Use it instead of the machine's, which a test
     * may not share.
     */
    int32_t (*now_unix_s)(csign_plugin_call call, int64_t *out_unix_s);
    /**
     * An optional part of the host by its id, such as `countersign.revoke/1`, NUL-terminated; NULL where it
     * has none. Version 1.0 defines no extension. Third parties put a prefix of theirs before their ids.
     */
    const void *(*get_extension)(const char *id);
    /**
     * Of version 1.1.
     */
    int32_t (*random)(csign_plugin_call call, uint8_t *out, size_t len);
} csign_plugin_host;

/**
 * One provider: a profile, and functions for what a profile cannot say.
 *
 * All functions are called by any thread, and concurrently; none may unwind, throw or `longjmp` out. All but
 * `id` and `profile` may be NULL. They get the host and a call, write by `host->set`, and return a
 * `csign_plugin_status`. A function that returns neither `CSIGN_PLUGIN_STATUS_OK` nor
 * `CSIGN_PLUGIN_STATUS_REFUSED`, or that misuses the host, fails the request with an error that names the
 * plugin.
 */
typedef struct csign_provider_vtable {
    /**
     * `sizeof(csign_provider_vtable)` of the header the plugin was compiled with.
     */
    uint32_t struct_size;
    /**
     * 0 in version 1.
     */
    uint32_t flags;
    /**
     * The word for this provider in the setting `provider`: letters, digits and `-`, NUL-terminated. The same
     * as in the profile, and no other provider's.
     */
    const char *id;
    /**
     * Writes `profile`: the provider as TOML, as in the profiles that users bring. Called whenever the plugin is
     * loaded. A field that came with a later minor version is refused by a host that is older: look at
     * `host->abi_minor`.
     */
    int32_t (*profile)(const struct csign_plugin_host *host, csign_plugin_call call);
    /**
     * Checks a connection's settings beyond what the profile says. Writes nothing.
     */
    int32_t (*check)(const struct csign_plugin_host *host, csign_plugin_call call);
    /**
     * Writes the parameters of a token request besides the grant's own, each by its name; one that the grant
     * has already (`grant_type`, `scope`) is replaced. `client_*`, `assertion`, `code`, `code_verifier` and
     * `refresh_token` are the host's alone.
     */
    int32_t (*parameters)(const struct csign_plugin_host *host, csign_plugin_call call);
    /**
     * Puts an answer of the token endpoint into the words of RFC 6749, for a vendor that has its own: writes
     * `access_token`, `token_type`, `expires_in` (seconds, in digits), `refresh_token`, `id_token`, `scope`, and
     * whatever the profile lists in `response.keep`; or `error` and `error_description`. Writes nothing where the
     * answer can be read as it is.
     *
     * Where the server refused, write `error`: then it is known that nothing was spent, and the profile's table of
     * errors decides. To refuse here means that the answer is not one of this vendor's.
     */
    int32_t (*translate)(const struct csign_plugin_host *host, csign_plugin_call call);
    /**
     * Adds to what comes along with a new token (`extra`), each by its name, or refuses the answer.
     */
    int32_t (*read)(const struct csign_plugin_host *host, csign_plugin_call call);
    /**
     * Writes `url`: where the host asks, with the access token as Bearer, whom it stands for. Nothing where
     * nobody can be asked.
     */
    int32_t (*identity)(const struct csign_plugin_host *host, csign_plugin_call call);
    /**
     * Reads the answer to that, where it is a success: writes what goes along with the token, each by its
     * name.
     */
    int32_t (*read_identity)(const struct csign_plugin_host *host, csign_plugin_call call);
    /**
     * An optional part of this provider by its id, NUL-terminated; NULL where it has none.
     */
    const void *(*get_extension)(const char *id);
    /**
     * Of version 1.1.
     */
    int32_t (*revoke)(const struct csign_plugin_host *host, csign_plugin_call call);
} csign_provider_vtable;

/**
 * What a plugin is made of. It and all it points to are constant and live as long as the process.
 */
typedef struct csign_plugin_module {
    /**
     * `sizeof(csign_plugin_module)` of the header the plugin was compiled with.
     */
    uint32_t struct_size;
    /**
     * `CSIGN_PLUGIN_ABI_MINOR` of the header the plugin was compiled with.
     */
    uint32_t abi_minor;
    /**
     * The plugin's name, for messages: NUL-terminated.
     */
    const char *name;
    /**
     * The plugin's version, for messages: NUL-terminated, or NULL.
     */
    const char *version;
    /**
     * How many providers it has, from 1 to 64.
     */
    size_t provider_count;
    /**
     * They.
     */
    const struct csign_provider_vtable *const *providers;
    /**
     * An optional part of the plugin by its id, NUL-terminated; NULL where it has none.
     */
    const void *(*get_extension)(const char *id);
    /**
     * Of version 1.1.
     */
    const char *homepage;
} csign_plugin_module;

#endif  /* COUNTERSIGN_PLUGIN_H */
