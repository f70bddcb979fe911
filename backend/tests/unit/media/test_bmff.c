/* The boxes of HEIF and MP4 in all forms that the standard allows; those of usual files are in
 * test_dimensions.c. */
#include "media/bmff.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

/* A file under construction. */
struct file {
    unsigned char data[4096];
    size_t size;
};

static void add(struct file *file, const void *data, size_t size)
{
    assert_true(file->size + size <= sizeof(file->data));
    memcpy(file->data + file->size, data, size);
    file->size += size;
}

static void add_number(struct file *file, uint64_t number, unsigned bytes)
{
    while (bytes-- > 0)
        add(file, &(unsigned char){(unsigned char)(number >> 8 * bytes)}, 1);
}

/* How a box says its size. */
enum form { SHORT, LONG, TO_THE_END };

static size_t begin(struct file *file, const char *type, enum form form)
{
    size_t at = file->size;

    add_number(file, form == LONG ? 1 : 0, 4);
    add(file, type, 4);
    if (form == LONG)
        add_number(file, 0, 8);
    return at;
}

static void end(struct file *file, size_t at, enum form form)
{
    struct file head = {.size = 0};

    if (form == TO_THE_END)
        return;
    add_number(&head, file->size - at, form == LONG ? 8 : 4);
    memcpy(file->data + at + (form == LONG ? 8 : 0), head.data, head.size);
}

static void add_ispe(struct file *file, uint32_t width, uint32_t height)
{
    size_t ispe = begin(file, "ispe", SHORT);

    add_number(file, 0, 4);
    add_number(file, width, 4);
    add_number(file, height, 4);
    end(file, ispe, SHORT);
}

struct heif {
    unsigned version;   /* of pitm and ipma: 1 has item numbers of 32 bits */
    bool wide;          /* property numbers of 15 bits */
    enum form form;     /* of meta, which TO_THE_END lets no box follow */
    unsigned preceding; /* properties of nobody */
};

/* Item 7 is the primary one: 4032 x 3024, turned. Item 3 is a thumbnail of 320 x 240, not turned. */
static void make_heif(struct file *file, const struct heif *heif)
{
    size_t meta, box, iprp, ipco, ipma;
    unsigned id_size = heif->version ? 4 : 2, place_size = heif->wide ? 2 : 1;

    file->size = 0;
    box = begin(file, "ftyp", SHORT);
    add(file, "heic\0\0\0\0mif1heic", 16);
    end(file, box, SHORT);
    meta = begin(file, "meta", heif->form);
    add_number(file, 0, 4);
    box = begin(file, "hdlr", SHORT); /* one that does not matter */
    add(file, "\0\0\0\0\0\0\0\0pict", 12);
    end(file, box, SHORT);
    box = begin(file, "pitm", SHORT);
    add_number(file, (uint64_t)heif->version << 24, 4);
    add_number(file, 7, id_size);
    end(file, box, SHORT);
    iprp = begin(file, "iprp", LONG);
    ipco = begin(file, "ipco", SHORT);
    for (unsigned i = 0; i < heif->preceding; i++)
        add_ispe(file, 1, 1);
    add_ispe(file, 320, 240);
    add_ispe(file, 4032, 3024);
    box = begin(file, "irot", SHORT);
    add_number(file, 3, 1);
    end(file, box, SHORT);
    end(file, ipco, SHORT);
    ipma = begin(file, "ipma", SHORT);
    add_number(file, (uint64_t)heif->version << 24 | heif->wide, 4);
    add_number(file, 2, 4);
    add_number(file, 3, id_size);
    add_number(file, 1, 1);
    add_number(file, heif->preceding + 1, place_size);
    add_number(file, 7, id_size);
    add_number(file, 2, 1);
    add_number(file, (heif->preceding + 2) | 1u << (8 * place_size - 1), place_size); /* essential */
    add_number(file, (heif->preceding + 3) | 1u << (8 * place_size - 1), place_size);
    end(file, ipma, SHORT);
    end(file, iprp, LONG);
    end(file, meta, heif->form);
}

static void heif_is_read_in_every_form(void **state)
{
    static const struct heif all[] = {{0, false, SHORT, 0}, {1, false, SHORT, 0},  {0, true, SHORT, 0},
                                      {1, true, LONG, 0},   {0, false, LONG, 100}, {1, true, SHORT, 190}};

    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct vb_dimensions found = {0};
        struct file file;
        uint64_t needed = 0;

        make_heif(&file, &all[i]);
        assert_int_equal(vb_bmff_heif_dimensions(file.data, file.size, &found, &needed), 0);
        assert_int_equal(found.width, 3024);
        assert_int_equal(found.height, 4032);
    }
}

static void heif_asks_for_all_of_its_metadata(void **state)
{
    struct vb_dimensions found;
    struct file file;

    (void)state;
    make_heif(&file, &(struct heif){.form = SHORT});
    for (size_t size = 32; size < file.size; size++) {
        uint64_t needed = 0;

        assert_int_equal(vb_bmff_heif_dimensions(file.data, size, &found, &needed), -EAGAIN);
        assert_true(needed > size && needed <= file.size + 16);
    }
}

/* Metadata "up to the end" of a file whose end nobody knows can never be whole. */
static void metadata_without_an_end_asks_for_more_bytes(void **state)
{
    struct vb_dimensions found;
    struct file file;
    uint64_t needed = 0;

    (void)state;
    make_heif(&file, &(struct heif){.form = TO_THE_END});
    assert_int_equal(vb_bmff_heif_dimensions(file.data, file.size, &found, &needed), -EAGAIN);
    assert_true(needed > file.size);
}

static void add_track(struct file *file, unsigned version, bool turned, uint32_t width, uint32_t height)
{
    size_t trak = begin(file, "trak", SHORT), tkhd = begin(file, "tkhd", SHORT);

    add_number(file, (uint64_t)version << 24 | 7, 4);
    for (unsigned i = 0; i < (version ? 8 : 5); i++) /* times, number and duration */
        add_number(file, 0, 4);
    for (int i = 0; i < 4; i++) /* layer and volume */
        add_number(file, 0, 4);
    add_number(file, turned ? 0 : 0x10000, 4);
    add_number(file, turned ? 0x10000 : 0, 4);
    add_number(file, 0, 4);
    add_number(file, turned ? 0xffff0000 : 0, 4);
    add_number(file, turned ? 0 : 0x10000, 4);
    for (int i = 0; i < 3; i++)
        add_number(file, 0, 4);
    add_number(file, 0x40000000, 4);
    add_number(file, (uint64_t)width << 16, 4);
    add_number(file, (uint64_t)height << 16, 4);
    end(file, tkhd, SHORT);
    end(file, trak, SHORT);
}

static void mp4_is_read_in_every_form(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        struct vb_dimensions found = {0};
        struct file file = {.size = 0};
        bool turned = i & 1;
        unsigned version = i >> 1 & 1;
        enum form form = i & 4 ? LONG : SHORT;
        uint64_t needed = 0;
        size_t moov;

        moov = begin(&file, "moov", form);
        add_track(&file, version, false, 0, 0); /* sound */
        add_track(&file, version, turned, 1920, 1080);
        end(&file, moov, form);
        assert_int_equal(vb_bmff_mp4_dimensions(file.data, file.size, &found, &needed), 0);
        assert_int_equal(found.width, turned ? 1080 : 1920);
        assert_int_equal(found.height, turned ? 1920 : 1080);
    }
}

/* A size is 64 bits wide: added to an offset it must not wrap around. */
static void a_size_near_the_largest_number_is_damage(void **state)
{
    static const unsigned char sizes[][8] = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
                                             {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xf0},
                                             {0x80, 0, 0, 0, 0, 0, 0, 0},
                                             {0, 0, 0, 0, 0, 0, 0, 15}};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct vb_dimensions found;
        struct file file = {.size = 0};
        uint64_t needed = 0;

        add(&file, "\0\0\0\1free", 8);
        add(&file, sizes[i], 8);
        add(&file, "\0\0\0\x08moov", 8);
        assert_int_equal(vb_bmff_mp4_dimensions(file.data, file.size, &found, &needed), -EINVAL);
        assert_int_equal(vb_bmff_heif_dimensions(file.data, file.size, &found, &needed), -EINVAL);
    }
}

/* It leads back to a moov that is hidden in the content of an earlier box. */
static void a_size_that_wraps_around_is_damage(void **state)
{
    struct vb_dimensions found;
    struct file file = {.size = 0};
    size_t skip = begin(&file, "skip", SHORT), hidden = file.size, moov = begin(&file, "moov", SHORT);
    uint64_t needed = 0;

    (void)state;
    add_track(&file, 0, false, 1920, 1080);
    end(&file, moov, SHORT);
    end(&file, skip, SHORT);
    add(&file, "\0\0\0\1free", 8);
    add_number(&file, (uint64_t)hidden - (file.size - 8), 8);
    assert_int_equal(vb_bmff_mp4_dimensions(file.data, file.size, &found, &needed), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heif_is_read_in_every_form),
        cmocka_unit_test(heif_asks_for_all_of_its_metadata),
        cmocka_unit_test(metadata_without_an_end_asks_for_more_bytes),
        cmocka_unit_test(mp4_is_read_in_every_form),
        cmocka_unit_test(a_size_near_the_largest_number_is_damage),
        cmocka_unit_test(a_size_that_wraps_around_is_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
