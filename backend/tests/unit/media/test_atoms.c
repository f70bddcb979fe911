/* The boxes of films: private data in them is found, and malformed files are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "media/atoms.h"

/* A file under construction. */
struct film {
    unsigned char data[8192];
    size_t size;
};

static void add(struct film *film, const void *data, size_t size)
{
    assert_true(film->size + size <= sizeof(film->data));
    memcpy(film->data + film->size, data, size);
    film->size += size;
}

static void add_zeros(struct film *film, size_t count)
{
    static const char zeros[256];
    add(film, zeros, count);
}

static size_t begin(struct film *film, const char *type)
{
    size_t at = film->size;
    add_zeros(film, 4);
    add(film, type, 4);
    return at;
}

static void set_size(struct film *film, size_t at, uint32_t size)
{
    unsigned char big[4] = {(unsigned char)(size >> 24), (unsigned char)(size >> 16),
                            (unsigned char)(size >> 8), (unsigned char)size};
    memcpy(film->data + at, big, 4);
}

static void end(struct film *film, size_t at)
{
    set_size(film, at, (uint32_t)(film->size - at));
}

static void add_box(struct film *film, const char *type, const void *content, size_t size)
{
    size_t at = begin(film, type);
    add(film, content, size);
    end(film, at);
}

static void add_empty_box(struct film *film, const char *type, size_t zeros)
{
    size_t at = begin(film, type);
    add_zeros(film, zeros);
    end(film, at);
}

static void add_track(struct film *film, const char *handler, const char *tag)
{
    size_t trak = begin(film, "trak"), mdia, minf, stbl, stsd, hdlr;
    add_empty_box(film, "tkhd", 84);
    mdia = begin(film, "mdia");
    add_empty_box(film, "mdhd", 24);
    hdlr = begin(film, "hdlr");
    add_zeros(film, 8);
    add(film, handler, 4);
    add_zeros(film, 13);
    end(film, hdlr);
    minf = begin(film, "minf");
    stbl = begin(film, "stbl");
    stsd = begin(film, "stsd");
    add_zeros(film, 7);
    add(film, "\1", 1);
    add_empty_box(film, tag, 8);
    end(film, stsd);
    end(film, stbl);
    end(film, minf);
    end(film, mdia);
    end(film, trak);
}

/* A film as the media pipeline writes it; `more` (may be NULL) adds something to the end of moov. */
static void make(struct film *film, void (*more)(struct film *film))
{
    size_t moov;
    film->size = 0;
    add_box(film, "ftyp", "isom\0\0\2\0isommp41", 16);
    moov = begin(film, "moov");
    add_empty_box(film, "mvhd", 100);
    add_track(film, "vide", "hvc1");
    add_track(film, "soun", "mp4a");
    if (more)
        more(film);
    end(film, moov);
    add_empty_box(film, "free", 0);
    add_box(film, "mdat", "0123456789", 10);
}

static int read_film(void *context, int64_t offset, void *buffer, size_t size)
{
    const struct film *film = context;
    assert_true(offset >= 0 && (size_t)offset + size <= film->size);
    memcpy(buffer, film->data + offset, size);
    return 0;
}

static int scan(struct film *film, struct vb_atoms *ret)
{
    return vb_atoms_scan(
        &(struct vb_atoms_file){.size = (int64_t)film->size, .read = read_film, .context = film}, ret);
}

static struct vb_atoms scanned(struct film *film)
{
    struct vb_atoms atoms;
    assert_int_equal(scan(film, &atoms), 0);
    return atoms;
}

static void output_of_the_pipeline_is_canonical(void **state)
{
    struct film film;
    struct vb_atoms atoms;
    (void)state;
    make(&film, NULL);
    atoms = scanned(&film);
    assert_true(vb_atoms_are_canonical(&atoms));
    assert_true(atoms.moov_first);
    assert_int_equal(atoms.tracks, 2);
    assert_int_equal(atoms.data_bytes, 10);
    assert_int_equal(atoms.user_data.end, 0);
}

static void add_apple_position(struct film *film)
{
    size_t udta = begin(film, "udta");
    add_box(film, "\xa9xyz", "\0\x0f\x15\xc7+52.5200+013.4050/", 21);
    add_zeros(film, 4); /* as QuickTime ends it */
    end(film, udta);
}

static void add_3gpp_position(struct film *film)
{
    size_t udta = begin(film, "udta");
    add_empty_box(film, "loci", 24);
    end(film, udta);
}

static void add_metadata_position(struct film *film)
{
    static const char key[] = "com.apple.quicktime.location.ISO6709";
    size_t meta = begin(film, "meta"), keys;
    add_empty_box(film, "hdlr", 24);
    keys = begin(film, "keys");
    add_zeros(film, 7);
    add(film, "\1", 1);
    add_box(film, "mdta", key, strlen(key));
    end(film, keys);
    end(film, meta);
}

static void positions_are_found_in_every_place_that_cameras_use(void **state)
{
    void (*const all[])(struct film * film) = {add_apple_position, add_3gpp_position, add_metadata_position};
    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(all); i++) {
        struct film film;
        struct vb_atoms atoms;
        make(&film, all[i]);
        atoms = scanned(&film);
        assert_true(atoms.has_position && atoms.has_private);
        assert_false(vb_atoms_are_canonical(&atoms));
    }
}

static void add_time(struct film *film)
{
    size_t mvhd = begin(film, "mvhd");
    add_zeros(film, 4);
    add(film, "\xe1\x23\x45\x67", 4);
    add_zeros(film, 92);
    end(film, mvhd);
}

static void add_uuid(struct film *film)
{
    add_empty_box(film, "uuid", 32);
}

static void add_name(struct film *film)
{
    add_box(film, "\xa9nam", "Zoe at home", 11);
}

static void add_filled_filler(struct film *film)
{
    add_box(film, "free", "geo:52.52,13.40", 15);
}

static void add_large_filler(struct film *film)
{
    for (int i = 0; i < 3; i++)
        add_empty_box(film, "skip", 200);
    size_t at = begin(film, "free");
    add_zeros(film, 256);
    add_zeros(film, 44);
    end(film, at);
}

static void add_timed_metadata(struct film *film)
{
    add_track(film, "meta", "mebx");
}

static void add_old_tag(struct film *film)
{
    add_track(film, "vide", "hev1");
}

static void add_third_track(struct film *film)
{
    add_track(film, "soun", "mp4a");
}

static void private_data_and_foreign_tracks_are_not_canonical(void **state)
{
    void (*const all[])(struct film * film) = {add_time,          add_uuid,         add_name,
                                               add_filled_filler, add_large_filler, add_timed_metadata,
                                               add_old_tag,       add_third_track};
    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(all); i++) {
        struct film film;
        struct vb_atoms atoms;
        make(&film, all[i]);
        atoms = scanned(&film);
        if (vb_atoms_are_canonical(&atoms))
            fail_msg("addition %zu was not seen", i);
    }
}

static void stray_boxes_after_the_film_are_not_canonical(void **state)
{
    static const char *const types[] = {"moof", "udta", "meta", "uuid", "GPS ", "mdat"};
    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(types); i++) {
        struct film film;
        struct vb_atoms atoms;
        make(&film, NULL);
        add_empty_box(&film, types[i], 40);
        atoms = scanned(&film);
        if (vb_atoms_are_canonical(&atoms))
            fail_msg("%s was not seen", types[i]);
    }
}

static void user_data_is_located_by_its_content(void **state)
{
    struct film film;
    struct vb_atoms atoms;
    (void)state;
    make(&film, add_apple_position);
    atoms = scanned(&film);
    assert_memory_equal(film.data + atoms.user_data.at - 4, "udta", 4);
    assert_int_equal(atoms.user_data.end - atoms.user_data.at, 8 + 21 + 4);
}

static void an_index_behind_the_data_is_noticed(void **state)
{
    struct film film = {0};
    struct vb_atoms atoms;
    size_t moov;
    (void)state;
    add_box(&film, "mdat", "0123456789", 10);
    moov = begin(&film, "moov");
    add_track(&film, "vide", "avc1");
    end(&film, moov);
    atoms = scanned(&film);
    assert_false(atoms.moov_first);
}

/* A film that is truncated, or has a wrong size in it, is refused or read within its bounds: read_film()
 * checks. */
static void a_damaged_film_is_refused_or_read_within_its_bounds(void **state)
{
    struct film whole, film;
    struct vb_atoms atoms;
    unsigned refused = 0;
    (void)state;
    make(&whole, add_metadata_position);
    for (size_t size = 0; size < whole.size; size++) {
        film = whole;
        film.size = size;
        if (scan(&film, &atoms) == 0 && vb_atoms_are_canonical(&atoms))
            fail_msg("the first %zu bytes are no film", size);
    }
    for (size_t at = 0; at + 4 <= whole.size; at++) {
        film = whole;
        set_size(&film, at,
                 (uint32_t)rand() % 3 ? 0xffffffffu - (uint32_t)rand() % 100 : (uint32_t)rand() % 16);
        refused += scan(&film, &atoms) < 0;
    }
    assert_in_range(refused, 20, whole.size);
}

static void nesting_is_bounded(void **state)
{
    struct film film = {0};
    struct vb_atoms atoms;
    size_t starts[VB_ATOMS_DEPTH_MAX + 4];
    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(starts); i++)
        starts[i] = begin(&film, i ? "trak" : "moov");
    for (size_t i = VB_ARRAY_SIZE(starts); i-- > 0;)
        end(&film, starts[i]);
    assert_int_equal(scan(&film, &atoms), -EINVAL);
}

static void a_file_too_short_for_a_box_is_refused(void **state)
{
    struct film film;
    (void)state;
    make(&film, NULL);
    film.size = 4;
    assert_int_equal(scan(&film, &(struct vb_atoms){0}), -EINVAL);
    film.size = 0;
    assert_int_equal(scan(&film, &(struct vb_atoms){0}), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_of_the_pipeline_is_canonical),
        cmocka_unit_test(positions_are_found_in_every_place_that_cameras_use),
        cmocka_unit_test(private_data_and_foreign_tracks_are_not_canonical),
        cmocka_unit_test(stray_boxes_after_the_film_are_not_canonical),
        cmocka_unit_test(user_data_is_located_by_its_content),
        cmocka_unit_test(an_index_behind_the_data_is_noticed),
        cmocka_unit_test(a_damaged_film_is_refused_or_read_within_its_bounds),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(a_file_too_short_for_a_box_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
