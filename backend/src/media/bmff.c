/* Boxes of ISO base media files: see bmff.h. */
#include "media/bmff.h"

#include "media/bytes.h"

#include <errno.h>
#include <string.h>

#define PROPERTIES_MAX 64 /* associations looked at; a picture has a handful */
#define TRACKS_MAX     64
#define BOXES_MAX      100000

/* A part of the file that holds boxes. Offsets count from the start of the file; data ends at `size`. */
struct span {
    const unsigned char *data;
    uint64_t at, end; /* end may lie beyond size */
    uint64_t size;    /* bytes of the file that we have */
};

struct box {
    char type[4];
    struct span content;
};

/* Takes the next box off the span. Returns 0, -ENOENT at its end, -EAGAIN when the header of the box is not
 * in the data, -EINVAL. */
static int next_box(struct span *span, struct box *ret_box, uint64_t *ret_needed)
{
    uint64_t length, header = 8;

    if (span->at >= span->end)
        return -ENOENT;
    if (span->end - span->at < 8)
        return -EINVAL;
    if (span->at > span->size || span->size - span->at < 8) {
        *ret_needed = span->at + 16; /* enough for either form of the header */
        return -EAGAIN;
    }
    length = vb_big32(span->data + span->at);
    memcpy(ret_box->type, span->data + span->at + 4, 4);
    if (length == 1) {
        if (span->size - span->at < 16) {
            *ret_needed = span->at + 16;
            return -EAGAIN;
        }
        length = vb_big64(span->data + span->at + 8);
        header = 16;
    } else if (length == 0) {
        length = span->end - span->at; /* up to the end */
    }
    if (length < header || length > span->end - span->at)
        return -EINVAL;
    ret_box->content = (struct span){span->data, span->at + header, span->at + length, span->size};
    span->at += length;
    return 0;
}

/* Finds the first box of a type. */
static int find_box(struct span span, const char *type, struct span *ret_content, uint64_t *ret_needed)
{
    struct box box;
    int r = 0;

    for (unsigned i = 0; i < BOXES_MAX; i++) {
        r = next_box(&span, &box, ret_needed);
        if (r < 0)
            return r;
        if (memcmp(box.type, type, 4) == 0) {
            *ret_content = box.content;
            return 0;
        }
    }
    return -EINVAL;
}

/* Makes sure that the whole content is in the data. */
static int whole(const struct span *span, uint64_t *ret_needed)
{
    if (span->end <= span->size)
        return 0;
    *ret_needed = span->end;
    return -EAGAIN;
}

static uint64_t left(const struct span *span)
{
    return span->end - span->at;
}

/* Skips version and flags of a "full box"; returns the version or -EINVAL. The content must be whole. */
static int full_box(struct span *span)
{
    int version;

    if (left(span) < 4)
        return -EINVAL;
    version = span->data[span->at];
    span->at += 4;
    return version;
}

static int read_primary_item(struct span meta, uint32_t *ret_item)
{
    struct span pitm;
    uint64_t unused;
    int version;

    if (find_box(meta, "pitm", &pitm, &unused) < 0)
        return -EINVAL;
    version = full_box(&pitm);
    if (version < 0 || left(&pitm) < (version ? 4 : 2))
        return -EINVAL;
    *ret_item = version ? vb_big32(pitm.data + pitm.at) : vb_big16(pitm.data + pitm.at);
    return 0;
}

/* Which properties (1-based places in ipco) belong to the item. Returns their number or -EINVAL. */
static int read_associations(struct span iprp, uint32_t item, uint16_t places[PROPERTIES_MAX])
{
    struct span ipma;
    uint64_t unused;
    uint32_t entries;
    bool wide;
    int version;

    if (find_box(iprp, "ipma", &ipma, &unused) < 0 || left(&ipma) < 8)
        return -EINVAL;
    wide = ipma.data[ipma.at + 3] & 1;
    version = full_box(&ipma);
    entries = vb_big32(ipma.data + ipma.at);
    ipma.at += 4;
    for (; entries > 0; entries--) {
        size_t id_size = version < 1 ? 2 : 4;
        uint32_t id, count;

        if (left(&ipma) < id_size + 1)
            return -EINVAL;
        id = id_size == 2 ? vb_big16(ipma.data + ipma.at) : vb_big32(ipma.data + ipma.at);
        count = ipma.data[ipma.at + id_size];
        ipma.at += id_size + 1;
        if (left(&ipma) < count * (wide ? 2u : 1u))
            return -EINVAL;
        if (id != item) {
            ipma.at += count * (wide ? 2u : 1u);
            continue;
        }
        if (count > PROPERTIES_MAX)
            count = PROPERTIES_MAX;
        for (uint32_t i = 0; i < count; i++) /* the top bit says whether the property is essential */
            places[i] = wide ? vb_big16(ipma.data + ipma.at + 2 * i) & 0x7fff : ipma.data[ipma.at + i] & 0x7f;
        return (int)count;
    }
    return -EINVAL;
}

static bool is_among(uint16_t place, const uint16_t *places, int count)
{
    for (int i = 0; i < count; i++)
        if (places[i] == place)
            return true;
    return false;
}

/* Reads size (ispe) and rotation (irot) among the item's properties. */
static int read_properties(struct span iprp, uint32_t item, struct vb_dimensions *ret)
{
    uint16_t places[PROPERTIES_MAX];
    struct vb_dimensions found = {0};
    uint64_t unused;
    struct span ipco;
    struct box box;
    bool turned = false;
    int count = read_associations(iprp, item, places);

    if (count < 0 || find_box(iprp, "ipco", &ipco, &unused) < 0)
        return -EINVAL;
    for (uint16_t place = 1; place < 0x8000 && next_box(&ipco, &box, &unused) == 0; place++) {
        const unsigned char *content = box.content.data + box.content.at;

        if (!is_among(place, places, count))
            continue;
        if (memcmp(box.type, "ispe", 4) == 0 && left(&box.content) >= 12)
            found = (struct vb_dimensions){vb_big32(content + 4), vb_big32(content + 8)};
        else if (memcmp(box.type, "irot", 4) == 0 && left(&box.content) >= 1)
            turned = content[0] & 1; /* quarter turns */
    }
    if (found.width == 0 || found.height == 0)
        return -EINVAL;
    *ret = turned ? (struct vb_dimensions){found.height, found.width} : found;
    return 0;
}

int vb_bmff_heif_dimensions(const unsigned char *data, size_t size, struct vb_dimensions *ret_dimensions,
                            uint64_t *ret_needed)
{
    struct span file = {data, 0, UINT64_MAX / 2, size}, meta, iprp;
    uint64_t unused;
    uint32_t item;
    int r;

    r = find_box(file, "meta", &meta, ret_needed);
    if (r == 0)
        r = whole(&meta, ret_needed);
    if (r < 0)
        return r == -EAGAIN ? r : -EINVAL;
    if (full_box(&meta) < 0 || read_primary_item(meta, &item) < 0 ||
        find_box(meta, "iprp", &iprp, &unused) < 0)
        return -EINVAL;
    return read_properties(iprp, item, ret_dimensions);
}

/* Track header: sizes are 16.16 fixed point, the matrix before them says how the picture is turned. */
static int read_track(struct span trak, struct vb_dimensions *ret)
{
    const unsigned char *p;
    struct span tkhd;
    uint64_t unused;
    uint32_t width, height;
    size_t skip;

    if (find_box(trak, "tkhd", &tkhd, &unused) < 0 || left(&tkhd) < 84)
        return -EINVAL;
    p = tkhd.data + tkhd.at;
    skip = p[0] == 1 ? 52 : 40; /* up to the matrix: 64-bit times in version 1 */
    if (left(&tkhd) < skip + 36 + 8)
        return -EINVAL;
    width = vb_big32(p + skip + 36) >> 16;
    height = vb_big32(p + skip + 40) >> 16;
    if (width == 0 || height == 0)
        return -EINVAL; /* sound */
    /* {a b u, c d v, x y w}: a quarter turn has nothing on the diagonal a-d */
    if (vb_big32(p + skip) == 0 && vb_big32(p + skip + 4) != 0)
        *ret = (struct vb_dimensions){height, width};
    else
        *ret = (struct vb_dimensions){width, height};
    return 0;
}

int vb_bmff_mp4_dimensions(const unsigned char *data, size_t size, struct vb_dimensions *ret_dimensions,
                           uint64_t *ret_needed)
{
    struct span file = {data, 0, UINT64_MAX / 2, size}, moov;
    struct box box;
    uint64_t unused;
    int r;

    r = find_box(file, "moov", &moov, ret_needed);
    if (r == 0)
        r = whole(&moov, ret_needed);
    if (r < 0)
        return r == -EAGAIN ? r : -EINVAL;
    for (unsigned tracks = 0; tracks < TRACKS_MAX && next_box(&moov, &box, &unused) == 0;) {
        if (memcmp(box.type, "trak", 4) != 0)
            continue;
        tracks++;
        if (read_track(box.content, ret_dimensions) == 0)
            return 0;
    }
    return -EINVAL;
}
