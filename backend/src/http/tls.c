/* Certificate and key of a TLS listener: see tls.h. */
#include "http/tls.h"

#include "base/file.h"
#include "base/memory.h"

#include <errno.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PEM_MAX ((size_t)256 * 1024)

static int read_pem(const char *path, char **ret_pem, struct vb_error *err)
{
    struct vb_strbuf text;
    int r;

    vb_strbuf_init(&text, PEM_MAX);
    vb_strbuf_adds(&text, "");
    r = vb_file_read(path, &text, err);
    if (r < 0) {
        vb_strbuf_release(&text);
        return vb_error_hint(
            err, "give the paths of a certificate and its key as PEM files that this user may read");
    }
    *ret_pem = vb_strbuf_detach(&text);
    return 0;
}

static BIO *open_pem(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);

    vb_assert(bio);
    return bio;
}

/* OpenSSL would ask the terminal. */
static int refuse_passphrase(char *buffer, int size, int writing, void *asked)
{
    (void)buffer, (void)size, (void)writing;
    *(bool *)asked = true;
    return -1;
}

static int parse_certificate(const char *pem, const char *path, X509 **ret_certificate, struct vb_error *err)
{
    BIO *bio = open_pem(pem);

    *ret_certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    if (*ret_certificate)
        return 0;
    vb_error_set(err, EINVAL, "%s holds no certificate in PEM form", path);
    return vb_error_hint(err, "it must begin a block with -----BEGIN CERTIFICATE-----");
}

static int parse_key(const char *pem, const char *path, EVP_PKEY **ret_key, struct vb_error *err)
{
    BIO *bio = open_pem(pem);
    bool asked = false;

    *ret_key = PEM_read_bio_PrivateKey(bio, NULL, refuse_passphrase, &asked);
    BIO_free(bio);
    if (*ret_key)
        return 0;
    if (asked) {
        vb_error_set(err, EINVAL, "the key in %s is locked with a passphrase", path);
        return vb_error_hint(err, "unlock it: openssl pkey -in LOCKED -out UNLOCKED");
    }
    vb_error_set(err, EINVAL, "%s holds no private key in PEM form", path);
    return vb_error_hint(err, "it must begin a block with -----BEGIN PRIVATE KEY-----");
}

static int check(struct vb_tls *tls, const char *certificate_path, const char *key_path, struct vb_error *err)
{
    X509 *certificate = NULL;
    EVP_PKEY *key = NULL;
    int days = 0, seconds = 0;
    int r = parse_certificate(tls->certificate_pem, certificate_path, &certificate, err);

    if (r == 0)
        r = parse_key(tls->key_pem, key_path, &key, err);
    if (r == 0 && X509_check_private_key(certificate, key) != 1) {
        vb_error_set(err, EINVAL, "the key in %s is not that of the certificate in %s", key_path,
                     certificate_path);
        r = vb_error_hint(err, "in a file of several, the server's own certificate comes first");
    }
    if (r == 0) {
        ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(certificate));
        tls->seconds_left = (int64_t)days * 86400 + seconds;
    }
    X509_free(certificate);
    EVP_PKEY_free(key);
    return r;
}

int vb_tls_load(const char *certificate_path, const char *key_path, struct vb_tls **ret_tls,
                struct vb_error *err)
{
    struct vb_tls *tls = vb_xcalloc(1, sizeof(*tls));
    int r = read_pem(certificate_path, &tls->certificate_pem, err);

    if (r == 0)
        r = read_pem(key_path, &tls->key_pem, err);
    if (r == 0)
        r = check(tls, certificate_path, key_path, err);
    if (r < 0) {
        vb_tls_free(tls);
        return r;
    }
    *ret_tls = tls;
    return 0;
}

void vb_tls_free(struct vb_tls *tls)
{
    for (struct vb_tls *older; tls; tls = older) {
        older = tls->older;
        if (tls->key_pem)
            OPENSSL_cleanse(tls->key_pem, strlen(tls->key_pem));
        free(tls->key_pem);
        free(tls->certificate_pem);
        free(tls);
    }
}
