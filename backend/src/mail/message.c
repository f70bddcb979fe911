/* A mail as an Internet message, RFC 5322: see mail.h. */
#include "mail/mail.h"

#include "base/encode.h"
#include "base/random.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ADDRESS_MAX    254
#define NAME_MAX_BYTES 200
#define WORD_BYTES     42 /* in one encoded word (RFC 2047), so that its line keeps to 78 characters */
#define LINE_BYTES     57 /* become a line of 76 characters in base64 */

static bool has_controls(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return true;
    return false;
}

/* Whether the address needs no quotes and cannot end the header, the path or the list it is part of. */
static bool is_address(const char *text, size_t length)
{
    const char *at = memrchr(text, '@', length);

    if (!at || at == text || at == text + length - 1 || length > ADDRESS_MAX || has_controls(text, length) ||
        !vb_utf8_valid(text, length))
        return false;
    for (size_t i = 0; i < length; i++)
        if (strchr(" <>()[]\\,;:\"", text[i]) || (text[i] == '@' && text + i != at))
            return false;
    return true;
}

struct mailbox {
    const char *name, *address;
    size_t name_length, address_length;
};

/* Reads "address" or "name <address>". */
static bool read_mailbox(const char *text, struct mailbox *ret)
{
    const char *open = strrchr(text, '<');
    size_t length = strlen(text);

    if (!open) {
        *ret = (struct mailbox){.address = text, .address_length = length};
        return is_address(text, length);
    }
    if (text[length - 1] != '>')
        return false;
    *ret = (struct mailbox){.name = text,
                            .name_length = (size_t)(open - text),
                            .address = open + 1,
                            .address_length = (size_t)(text + length - 1 - (open + 1))};
    while (ret->name_length > 0 && ret->name[ret->name_length - 1] == ' ')
        ret->name_length--;
    return ret->name_length <= NAME_MAX_BYTES && !has_controls(ret->name, ret->name_length) &&
           vb_utf8_valid(ret->name, ret->name_length) && is_address(ret->address, ret->address_length);
}

const char *vb_mail_check_from(const char *from)
{
    struct mailbox mailbox;

    if (read_mailbox(from, &mailbox))
        return NULL;
    return "must be an address such as no-reply@example.com or Vibe <no-reply@example.com>";
}

/* Text of a header as encoded words (RFC 2047), cut between characters. */
static void add_encoded_words(struct vb_strbuf *out, const char *text, size_t length)
{
    char encoded[VB_BASE64_SIZE(WORD_BYTES)];

    for (size_t at = 0, take; at < length; at += take) {
        take = length - at < WORD_BYTES ? length - at : WORD_BYTES;
        while (at + take < length && ((unsigned char)text[at + take] & 0xc0) == 0x80)
            take--;
        vb_base64_encode(text + at, take, encoded);
        vb_strbuf_addf(out, "%s=?UTF-8?B?%s?=", at > 0 ? "\r\n " : "", encoded);
    }
}

static bool is_plain(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] >= 0x7f || strchr("=?()<>[]:;@\\,.\"", text[i]))
            return false;
    return length <= 60;
}

static void add_mailbox(struct vb_strbuf *out, const char *header, const struct mailbox *mailbox)
{
    vb_strbuf_addf(out, "%s: ", header);
    if (mailbox->name_length > 0 && is_plain(mailbox->name, mailbox->name_length))
        vb_strbuf_add(out, mailbox->name, mailbox->name_length);
    else
        add_encoded_words(out, mailbox->name, mailbox->name_length);
    vb_strbuf_adds(out, mailbox->name_length > 0 ? " <" : "<");
    vb_strbuf_add(out, mailbox->address, mailbox->address_length);
    vb_strbuf_adds(out, ">\r\n");
}

/* RFC 5322 3.3, in UTC and in English whatever the locale. */
static void add_date(struct vb_strbuf *out, int64_t now_s)
{
    static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t now = (time_t)now_s;
    struct tm tm;

    gmtime_r(&now, &tm);
    vb_strbuf_addf(out, "Date: %.3s, %d %.3s %d %02d:%02d:%02d +0000\r\n", days + (ptrdiff_t)tm.tm_wday * 3,
                   tm.tm_mday, months + (ptrdiff_t)tm.tm_mon * 3, tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
                   tm.tm_sec);
}

/* Base64: long lines, leading dots and relays that garble UTF-8 do no harm then. Lines end with CR LF. */
static int add_body(struct vb_strbuf *out, const char *text)
{
    struct vb_strbuf lines;
    char encoded[VB_BASE64_SIZE(LINE_BYTES)];

    vb_strbuf_init(&lines, out->max);
    for (; *text; text++) {
        if (*text == '\n')
            vb_strbuf_addc(&lines, '\r');
        vb_strbuf_addc(&lines, *text);
    }
    for (size_t at = 0; at < lines.length; at += LINE_BYTES) {
        size_t left = lines.length - at;

        vb_base64_encode(lines.data + at, left < LINE_BYTES ? left : LINE_BYTES, encoded);
        vb_strbuf_addf(out, "%s\r\n", encoded);
    }
    if (vb_strbuf_failed(&lines))
        out->failed = true;
    vb_strbuf_release(&lines);
    return vb_strbuf_failed(out) ? -EINVAL : 0;
}

int vb_mail_write(const char *from, const struct vb_mail *mail, int64_t now_s, struct vb_strbuf *out)
{
    struct mailbox sender, recipient = {.address = mail->to, .address_length = strlen(mail->to)};
    size_t subject_length = strlen(mail->subject);
    char id[VB_UUID_SIZE];

    if (!read_mailbox(from, &sender) || !is_address(recipient.address, recipient.address_length) ||
        has_controls(mail->subject, subject_length) || !vb_utf8_valid(mail->subject, subject_length) ||
        !vb_utf8_valid(mail->text, strlen(mail->text)))
        return -EINVAL;
    add_date(out, now_s);
    add_mailbox(out, "From", &sender);
    add_mailbox(out, "To", &recipient);
    vb_strbuf_adds(out, "Subject: ");
    if (is_plain(mail->subject, subject_length))
        vb_strbuf_adds(out, mail->subject);
    else
        add_encoded_words(out, mail->subject, subject_length);
    vb_random_uuid(id);
    vb_strbuf_addf(out, "\r\nMessage-ID: <%s@", id);
    {
        const char *at = memrchr(sender.address, '@', sender.address_length);

        vb_strbuf_add(out, at + 1, (size_t)(sender.address + sender.address_length - (at + 1)));
    }
    vb_strbuf_adds(out, ">\r\nMIME-Version: 1.0\r\n"
                        "Content-Type: text/plain; charset=utf-8\r\n"
                        "Content-Transfer-Encoding: base64\r\n"
                        "Auto-Submitted: auto-generated\r\n\r\n");
    return add_body(out, mail->text);
}
