/*
 * The boxes of an MP4 or QuickTime file: see atoms.h.
 */
#include "media/atoms.h"

#include "media/bytes.h"

#include <errno.h>
#include <string.h>

#define KEYS_BYTES 8192 /* of metadata keys that are searched */
#define FILLER_MAX 256  /* bytes of an empty box that aligns another, or takes its place */
#define TYPE(a, b, c, d)                                                                                     \
    ((uint32_t)(uint8_t)(a) << 24 | (uint32_t)(uint8_t)(b) << 16 | (uint32_t)(uint8_t)(c) << 8 | (uint8_t)(d))

struct box {
    uint32_t type;
    int64_t at, end; /* of its content */
};

struct scan {
    const struct vb_atoms_file *file;
    struct vb_atoms *atoms;
    unsigned boxes;
    bool has_moov, has_data;
};

static int read_at(const struct scan *scan, int64_t offset, void *buffer, size_t size)
{
    return scan->file->read(scan->file->context, offset, buffer, size);
}

/* The box at an offset, which ends within `end`. */
static int read_box(struct scan *scan, int64_t offset, int64_t end, struct box *ret)
{
    unsigned char header[16];
    int64_t size, head = 8;
    int r;

    if (end - offset < 8 || ++scan->boxes > VB_ATOMS_MAX)
        return -EINVAL;
    r = read_at(scan, offset, header, 8);
    if (r < 0)
        return r;
    size = vb_big32(header);
    if (size == 1) {
        if (end - offset < 16)
            return -EINVAL;
        r = read_at(scan, offset + 8, header + 8, 8);
        if (r < 0)
            return r;
        if (header[8] & 0x80)
            return -EINVAL;
        size = (int64_t)((uint64_t)vb_big32(header + 8) << 32 | vb_big32(header + 12));
        head = 16;
    } else if (size == 0) {
        size = end - offset;
    }
    if (size < head || size > end - offset)
        return -EINVAL;
    *ret = (struct box){.type = vb_big32(header + 4), .at = offset + head, .end = offset + size};
    return 0;
}

/* Searches the names of QuickTime's metadata keys, such as "com.apple.quicktime.location.ISO6709". */
static int search_keys(struct scan *scan, const struct box *box)
{
    char text[KEYS_BYTES];
    int64_t left = box->end - box->at;
    size_t size = left < (int64_t)sizeof(text) ? (size_t)left : sizeof(text);
    int r = size ? read_at(scan, box->at, text, size) : 0;

    if (r == 0 && memmem(text, size, "location", strlen("location")))
        scan->atoms->has_position = true;
    return r;
}

/* mvhd, tkhd and mdhd: version and flags, then the times of creation and modification. */
static int read_times(struct scan *scan, const struct box *box)
{
    static const unsigned char never[16];
    unsigned char content[20];
    int64_t left = box->end - box->at;
    int r;

    if (left < (int64_t)sizeof(content))
        return -EINVAL;
    r = read_at(scan, box->at, content, sizeof(content));
    if (r == 0 && memcmp(content + 4, never, content[0] == 1 ? 16 : 8) != 0)
        scan->atoms->has_private = true;
    return r;
}

static int read_handler(struct scan *scan, const struct box *box)
{
    unsigned char content[12];
    uint32_t type;
    int r;

    if (box->end - box->at < (int64_t)sizeof(content))
        return -EINVAL;
    r = read_at(scan, box->at, content, sizeof(content));
    type = vb_big32(content + 8);
    if (r == 0 && type != TYPE('v', 'i', 'd', 'e') && type != TYPE('s', 'o', 'u', 'n'))
        scan->atoms->has_others = true;
    return r;
}

/* stsd: how many kinds of samples, and the tag of each. */
static int read_samples(struct scan *scan, const struct box *box)
{
    unsigned char content[16];
    uint32_t tag;
    int r;

    if (box->end - box->at < (int64_t)sizeof(content))
        return -EINVAL;
    r = read_at(scan, box->at, content, sizeof(content));
    if (r < 0)
        return r;
    tag = vb_big32(content + 12);
    if (vb_big32(content + 4) != 1 || (tag != TYPE('a', 'v', 'c', '1') && tag != TYPE('h', 'v', 'c', '1') &&
                                       tag != TYPE('m', 'p', '4', 'a')))
        scan->atoms->has_others = true;
    return 0;
}

/* free, skip and wide: padding, in which something could be hidden. */
static int read_filler(struct scan *scan, const struct box *box)
{
    static const unsigned char nothing[FILLER_MAX];
    unsigned char content[FILLER_MAX];
    int64_t size = box->end - box->at;
    int r = size > 0 && size <= FILLER_MAX ? read_at(scan, box->at, content, (size_t)size) : 0;

    if (r == 0 && size > 0 && (size > FILLER_MAX || memcmp(content, nothing, (size_t)size) != 0))
        scan->atoms->has_strays = true;
    return r;
}

static int walk(struct scan *scan, int64_t at, int64_t end, unsigned depth);

static int look_into(struct scan *scan, const struct box *box, unsigned depth)
{
    switch (box->type) {
    case TYPE('u', 'd', 't', 'a'):
        if (depth == 1)
            scan->atoms->user_data = (struct vb_atoms_place){box->at, box->end};
        scan->atoms->has_private = true;
        break;
    case TYPE('u', 'u', 'i', 'd'):
    case TYPE('m', 'e', 't', 'a'):
        scan->atoms->has_private = true;
        break;
    case TYPE('l', 'o', 'c', 'i'):
        scan->atoms->has_private = scan->atoms->has_position = true;
        return 0;
    case TYPE('f', 'r', 'e', 'e'):
    case TYPE('s', 'k', 'i', 'p'):
    case TYPE('w', 'i', 'd', 'e'):
        return read_filler(scan, box);
    case TYPE('k', 'e', 'y', 's'):
        return search_keys(scan, box);
    case TYPE('m', 'v', 'h', 'd'):
    case TYPE('t', 'k', 'h', 'd'):
    case TYPE('m', 'd', 'h', 'd'):
        return read_times(scan, box);
    case TYPE('h', 'd', 'l', 'r'):
        return read_handler(scan, box);
    case TYPE('s', 't', 's', 'd'):
        return read_samples(scan, box);
    case TYPE('t', 'r', 'a', 'k'):
        scan->atoms->tracks++;
        break;
    default:
        if (box->type >> 24 == 0xa9) { /* ©xyz and its kind: QuickTime's user data */
            scan->atoms->has_private = true;
            if (box->type == TYPE(0xa9, 'x', 'y', 'z'))
                scan->atoms->has_position = true;
        }
    }
    switch (box->type) {
    case TYPE('m', 'o', 'o', 'v'):
    case TYPE('t', 'r', 'a', 'k'):
    case TYPE('m', 'd', 'i', 'a'):
    case TYPE('m', 'i', 'n', 'f'):
    case TYPE('s', 't', 'b', 'l'):
        return walk(scan, box->at, box->end, depth + 1);
    default:
        return 0;
    }
}

/* Searches user data and metadata for a position, and for nothing else. Their boxes are often malformed,
 * which is harmless: QuickTime ends them with four zero bytes, and its meta is no "full box" as MP4's is. */
static int walk_private(struct scan *scan, const struct box *outer, unsigned depth)
{
    int64_t at = outer->at;
    unsigned char start[8];
    struct box box;
    int r = 0;

    if (depth > VB_ATOMS_DEPTH_MAX)
        return -EINVAL;
    if (outer->type == TYPE('m', 'e', 't', 'a') && outer->end - at >= (int64_t)sizeof(start)) {
        r = read_at(scan, at, start, sizeof(start));
        if (vb_big32(start) == 0)
            at += 4;
    }
    while (r == 0 && outer->end - at >= 8) {
        r = read_box(scan, at, outer->end, &box);
        if (r < 0)
            return scan->boxes > VB_ATOMS_MAX || r != -EINVAL ? r : 0;
        r = look_into(scan, &box, depth);
        if (r == 0 && (box.type == TYPE('u', 'd', 't', 'a') || box.type == TYPE('m', 'e', 't', 'a')))
            r = walk_private(scan, &box, depth + 1);
        at = box.end;
    }
    return r;
}

static int walk(struct scan *scan, int64_t at, int64_t end, unsigned depth)
{
    struct box box = {0};
    int r = 0;

    if (depth > VB_ATOMS_DEPTH_MAX)
        return -EINVAL;
    while (r == 0 && at < end) {
        if (end - at == 4) /* the zero that ends a list in QuickTime */
            break;
        r = read_box(scan, at, end, &box);
        if (r == 0)
            r = look_into(scan, &box, depth);
        if (r == 0 && (box.type == TYPE('u', 'd', 't', 'a') || box.type == TYPE('m', 'e', 't', 'a')))
            r = walk_private(scan, &box, depth + 1);
        at = box.end;
    }
    return r;
}

static void note_top_level(struct scan *scan, const struct box *box)
{
    struct vb_atoms *atoms = scan->atoms;

    switch (box->type) {
    case TYPE('f', 't', 'y', 'p'):
    case TYPE('f', 'r', 'e', 'e'):
    case TYPE('s', 'k', 'i', 'p'):
    case TYPE('w', 'i', 'd', 'e'):
        break;
    case TYPE('m', 'o', 'o', 'v'):
        atoms->moov_first = atoms->moov_first || !scan->has_data;
        atoms->has_strays = atoms->has_strays || scan->has_moov;
        scan->has_moov = true;
        break;
    case TYPE('m', 'd', 'a', 't'):
        atoms->has_strays = atoms->has_strays || scan->has_data;
        scan->has_data = true;
        atoms->data_bytes += box->end - box->at;
        break;
    case TYPE('m', 'o', 'o', 'f'):
        atoms->fragmented = true;
        break;
    default:
        atoms->has_strays = true;
    }
}

int vb_atoms_scan(const struct vb_atoms_file *file, struct vb_atoms *ret_atoms)
{
    struct vb_atoms atoms = {0};
    struct scan scan = {.file = file, .atoms = &atoms};
    struct box box;
    int r = 0;

    for (int64_t at = 0; r == 0 && at < file->size; at = box.end) {
        r = read_box(&scan, at, file->size, &box);
        if (r < 0)
            break;
        note_top_level(&scan, &box);
        if (box.type == TYPE('m', 'd', 'a', 't'))
            continue;
        r = look_into(&scan, &box, 0);
        if (r == 0 && (box.type == TYPE('u', 'd', 't', 'a') || box.type == TYPE('m', 'e', 't', 'a')))
            r = walk_private(&scan, &box, 1);
    }
    if (r == 0 && !scan.has_moov)
        r = -EINVAL;
    if (r == 0)
        *ret_atoms = atoms;
    return r;
}

bool vb_atoms_are_canonical(const struct vb_atoms *atoms)
{
    return atoms->moov_first && !atoms->fragmented && !atoms->has_position && !atoms->has_private &&
           !atoms->has_strays && !atoms->has_others && atoms->tracks >= 1 && atoms->tracks <= 2;
}
