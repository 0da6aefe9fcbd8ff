/*
 * A plugin of a major version that doesn't exist yet.
 */

#include <stdint.h>

__attribute__((visibility("default"))) const void *countersign_plugin_v2(const void *host);

const void *countersign_plugin_v2(const void *host) {
    (void)host;
    return 0;
}
