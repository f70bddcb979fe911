/* High dynamic range to sRGB: against figures of ITU-R BT.2100 and BT.2408, and against the way back. */
#include "jail/hdr.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void convert(const double signal[3], enum vb_image_hdr transfer, uint8_t out[3])
{
    uint16_t in[3];

    for (int i = 0; i < 3; i++)
        in[i] = (uint16_t)lrint(signal[i] * 65535);
    assert_int_equal(vb_image_hdr_to_srgb(in, 1, transfer, out), 0);
}

static int grey(double signal, enum vb_image_hdr transfer)
{
    uint8_t out[3];

    convert((double[]){signal, signal, signal}, transfer, out);
    assert_in_range(out[1], out[0] ? out[0] - 1 : 0, out[0] + 1);
    assert_in_range(out[2], out[0] ? out[0] - 1 : 0, out[0] + 1);
    return out[0];
}

/* BT.2408, table 1: paper is 75 % of HLG, 58 % of PQ; an 18 % grey card is 38 % of both. */
static void greys_match_bt2408(void **state)
{
    (void)state;
    assert_int_equal(grey(0, VB_IMAGE_HDR_HLG), 0);
    assert_int_equal(grey(0, VB_IMAGE_HDR_PQ), 0);
    assert_int_equal(grey(1, VB_IMAGE_HDR_HLG), 255);
    assert_int_equal(grey(1, VB_IMAGE_HDR_PQ), 255);
    assert_in_range(grey(0.75, VB_IMAGE_HDR_HLG), 220, 232);
    assert_in_range(grey(0.58, VB_IMAGE_HDR_PQ), 220, 232);
    assert_in_range(grey(0.38, VB_IMAGE_HDR_HLG), 100, 122);
    assert_in_range(grey(0.38, VB_IMAGE_HDR_PQ), 100, 122);
}

static void the_curve_never_falls(void **state)
{
    int before[2] = {0, 0};

    (void)state;
    for (int i = 0; i <= 1000; i++)
        for (int transfer = VB_IMAGE_HDR_HLG; transfer <= VB_IMAGE_HDR_PQ; transfer++) {
            int now = grey(i / 1000.0, (enum vb_image_hdr)transfer);

            assert_in_range(now, before[transfer], before[transfer] + 3);
            before[transfer] = now;
        }
}

static double srgb_to_light(int value)
{
    double signal = value / 255.0;

    return signal <= 0.04045 ? signal / 12.92 : pow((signal + 0.055) / 1.055, 2.4);
}

/* cd/m² to a signal of PQ (BT.2100, table 4). */
static double pq(double light)
{
    double y = pow(light / 10000, 0.1593017578125);

    return pow((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y), 78.84375);
}

/* Colours of sRGB that are not bright, sent through PQ with BT.2020's primaries (BT.2087), come back as they
 * were. */
static void colours_of_srgb_survive_the_round_trip(void **state)
{
    static const uint8_t colours[][3] = {{180, 20, 20},  {20, 150, 20}, {20, 20, 160}, {128, 128, 128},
                                         {150, 110, 80}, {5, 5, 5},     {40, 90, 120}, {180, 180, 0}};
    static const double to_2020[3][3] = {
        {0.6274, 0.3293, 0.0433}, {0.0691, 0.9195, 0.0114}, {0.0164, 0.0880, 0.8956}};

    (void)state;
    for (size_t c = 0; c < sizeof(colours) / sizeof(colours[0]); c++) {
        double signal[3];
        uint8_t out[3];

        for (int i = 0; i < 3; i++) {
            double light = 0;

            for (int j = 0; j < 3; j++)
                light += to_2020[i][j] * srgb_to_light(colours[c][j]);
            signal[i] = pq(203 * light);
        }
        convert(signal, VB_IMAGE_HDR_PQ, out);
        for (int i = 0; i < 3; i++)
            assert_in_range(out[i] + 4, colours[c][i], colours[c][i] + 8);
    }
}

/* A colour that is far too bright is one of its kind, not white. */
static void a_colour_that_is_too_bright_keeps_its_hue(void **state)
{
    uint8_t out[3];

    (void)state;
    convert((double[]){0.95, 0.75, 0.60}, VB_IMAGE_HDR_HLG, out);
    assert_int_equal(out[0], 255);
    assert_in_range(out[1], 100, 200);
    assert_true(out[2] < out[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greys_match_bt2408),
        cmocka_unit_test(the_curve_never_falls),
        cmocka_unit_test(colours_of_srgb_survive_the_round_trip),
        cmocka_unit_test(a_colour_that_is_too_bright_keeps_its_hue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
