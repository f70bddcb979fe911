/* The rules for accounts: see account.h. */
#include "api/auth/account.h"

#include "api/auth/password.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define LOCAL_MAX 64
#define LABEL_MAX 63

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* RFC 5322's atext, with '.' and, by RFC 6531, every character outside ASCII. Quoted forms are refused. */
static bool is_local_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (unsigned char)c >= 0x80 || (c && strchr("!#$%&'*+-/=?^_`{|}~.", c));
}

static bool is_local_part(const char *text, size_t length)
{
    if (length == 0 || length > LOCAL_MAX || text[0] == '.' || text[length - 1] == '.')
        return false;
    for (size_t i = 0; i < length; i++)
        if (!is_local_character(text[i]) || (text[i] == '.' && text[i + 1] == '.'))
            return false;
    return true;
}

/* Labels of letters, digits and inner hyphens, at least two of them. */
static bool is_domain(const char *text)
{
    size_t labels = 0;

    for (;;) {
        size_t length = strcspn(text, ".");

        if (length == 0 || length > LABEL_MAX || text[0] == '-' || text[length - 1] == '-')
            return false;
        for (size_t i = 0; i < length; i++) {
            char c = text[i];

            if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || (unsigned char)c >= 0x80))
                return false;
        }
        labels++;
        if (!text[length])
            return labels >= 2;
        text += length + 1;
    }
}

const char *vb_account_check_email(const char *text, char ret_email[VB_EMAIL_SIZE])
{
    static const char problem[] = "This is not an e-mail address: it must look like name@example.com";
    size_t length;
    char *at;

    while (is_space(*text))
        text++;
    length = strlen(text);
    while (length > 0 && is_space(text[length - 1]))
        length--;
    if (length >= VB_EMAIL_SIZE)
        return "An e-mail address must have at most 254 bytes";
    memcpy(ret_email, text, length);
    ret_email[length] = '\0';
    at = strrchr(ret_email, '@');
    if (!at || !is_local_part(ret_email, (size_t)(at - ret_email)))
        return problem;
    for (char *c = at + 1; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    return is_domain(at + 1) ? NULL : problem;
}

const char *vb_account_check_name(const char *text)
{
    const unsigned char *c = (const unsigned char *)text;
    size_t characters = 0;
    bool visible = false;

    for (; *c; c++) {
        if (*c < 0x20 || *c == 0x7f || (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0))
            return "A name must not contain control characters, such as line breaks";
        if ((*c & 0xc0) != 0x80)
            characters++;
        visible = visible || !is_space((char)*c);
    }
    if (!visible || characters > VB_NAME_MAX)
        return "A name must have 1 to 100 characters, not all of them spaces";
    return NULL;
}

const char *vb_account_check_password(const char *text)
{
    size_t length = strlen(text);

    if (length < VB_PASSWORD_MIN || length > VB_PASSWORD_MAX)
        return "A password must have 8 to 256 bytes (a letter outside a-z takes more than one)";
    return NULL;
}
