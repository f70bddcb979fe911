/*
 * The rules for an account's e-mail address, name and password. Pure and thread-safe.
 */
#ifndef VB_API_AUTH_ACCOUNT_H
#define VB_API_AUTH_ACCOUNT_H

#define VB_EMAIL_SIZE 255 /* RFC 5321 leaves 254 bytes for an address; with the final NUL */
#define VB_NAME_MAX   100 /* characters */

/* Each returns NULL when the text keeps the rules, or a sentence with the rule it breaks. Texts are UTF-8. */

/* Writes the address without surrounding white space and with its domain in lower case. */
const char *vb_account_check_email(const char *text, char ret_email[VB_EMAIL_SIZE]);
const char *vb_account_check_name(const char *text);
const char *vb_account_check_password(const char *text);

#endif
