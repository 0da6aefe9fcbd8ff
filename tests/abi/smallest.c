/* A minimal program, to test linking. */

#include <countersign.h>

int main(void)
{
    csign_config *config = NULL;
    csign_status status = csign_config_new(&config, NULL);
    csign_config_free(config);
    return status == CSIGN_STATUS_OK && csign_abi_version() == CSIGN_ABI_VERSION ? 0 : 1;
}
