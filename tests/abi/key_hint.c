/* Reads a key file and prints "usable" if the key signs and verifies, or the error's hint. */

#include "check.h"

int main(int argc, char **argv)
{
    static uint8_t file[65536];
    csign_key *key = NULL;
    csign_text *token = NULL;
    csign_text *claims = NULL;
    csign_error *error = NULL;
    const char *text;
    size_t length;
    FILE *opened = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (opened == NULL)
        return 2;
    length = fread(file, 1, sizeof file, opened);
    fclose(opened);
    if (csign_key_read(file, length, NULL, 0, &key, &error) != CSIGN_STATUS_OK) {
        CHECK(csign_error_status(error) == CSIGN_STATUS_KEY);
        puts(csign_error_hint(error, NULL));
        csign_error_free(error);
        return faults;
    }
    EXPECT(CSIGN_STATUS_OK, csign_key_sign(key, NULL, 0, NULL, 0, NULL, 0, CSIGN_TEXT("{}"), &token, &error));
    text = csign_text_value(token, &length);
    EXPECT(CSIGN_STATUS_OK, csign_key_verify(key, NULL, 0, text, length, &claims, &error));
    csign_text_free(token);
    csign_text_free(claims);
    csign_key_free(key);
    if (faults == 0)
        puts("usable");
    return faults;
}
