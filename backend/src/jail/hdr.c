/* High dynamic range: see hdr.h. */
#include "jail/hdr.h"

#include "base/cleanup.h"
#include "base/memory.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define PAPER    203.0f  /* cd/m²; is 1 below */
#define PEAK     1000.0f /* cd/m², of the display that the picture is made for; brighter light is cut off */
#define KNEE     0.5f  /* light up to here does not change; light from here to the peak is compressed to 1 */
#define IN_BITS  12    /* that count of a signal, which has 10 */
#define OUT_STEP 16384 /* steps of linear light; the darkest are a fifth of a step of sRGB */

struct tables {
    float light[1 << IN_BITS]; /* of a signal: scene light of HLG, display light of PQ */
    uint8_t srgb[OUT_STEP + 1];
};

/* Scene light, 0 to 1. */
static double hlg_inverse_oetf(double signal)
{
    const double a = 0.17883277, b = 1 - 4 * a, c = 0.5 - a * log(4 * a);

    return signal <= 0.5 ? signal * signal / 3 : (exp((signal - c) / a) + b) / 12;
}

/* cd/m². */
static double pq_eotf(double signal)
{
    const double m1 = 2610.0 / 16384, m2 = 2523.0 / 4096 * 128;
    const double c1 = 3424.0 / 4096, c2 = 2413.0 / 4096 * 32, c3 = 2392.0 / 4096 * 32;
    double power = pow(signal, 1 / m2), above = power - c1;

    return 10000 * pow((above > 0 ? above : 0) / (c2 - c3 * power), 1 / m1);
}

static double srgb_oetf(double light)
{
    return light <= 0.0031308 ? 12.92 * light : 1.055 * pow(light, 1 / 2.4) - 0.055;
}

static void fill(struct tables *tables, enum vb_image_hdr transfer)
{
    const int last = (1 << IN_BITS) - 1;

    for (int i = 0; i <= last; i++) {
        double signal = (double)i / last;

        tables->light[i] = (float)(transfer == VB_IMAGE_HDR_HLG ? hlg_inverse_oetf(signal)
                                                                : pq_eotf(signal) / (double)PAPER);
    }
    for (int i = 0; i <= OUT_STEP; i++)
        tables->srgb[i] = (uint8_t)lrint(255 * srgb_oetf((double)i / OUT_STEP));
}

/* HLG's display amplifies brighter parts of the scene more (BT.2100: OOTF with a gamma of 1.2). */
static float hlg_gain(const float light[3])
{
    float luminance = 0.2627f * light[0] + 0.6780f * light[1] + 0.0593f * light[2];

    return PEAK / PAPER * powf(luminance, 0.2f);
}

/* Continuous, with a slope of 1 at the knee, and 1 at the peak. */
static float compress(float light)
{
    const float peak = PEAK / PAPER, slope = (peak - KNEE) / (1 - KNEE);
    float above = (light - KNEE) / (peak - KNEE);

    if (light <= KNEE)
        return light;
    return above >= 1 ? 1 : KNEE + (1 - KNEE) * above * slope / (1 + above * (slope - 1));
}

static uint8_t encode(const struct tables *tables, float light)
{
    if (!(light > 0))
        return 0;
    return light >= 1 ? 255 : tables->srgb[lrintf(light * OUT_STEP)];
}

static void convert(const struct tables *tables, enum vb_image_hdr transfer, const uint16_t in[3],
                    uint8_t out[3])
{
    static const float to_709[3][3] = {
        {1.6605f, -0.5876f, -0.0728f}, {-0.1246f, 1.1329f, -0.0083f}, {-0.0182f, -0.1006f, 1.1187f}};
    float light[3], gain, most;

    for (int i = 0; i < 3; i++)
        light[i] = tables->light[in[i] >> (16 - IN_BITS)];
    gain = transfer == VB_IMAGE_HDR_HLG ? hlg_gain(light) : 1;
    most = gain * fmaxf(light[0], fmaxf(light[1], light[2]));
    if (most > 0)
        gain *= compress(most) / most; /* the same for all three, so that the hue stays */
    for (int i = 0; i < 3; i++)
        out[i] = encode(tables,
                        gain * (to_709[i][0] * light[0] + to_709[i][1] * light[1] + to_709[i][2] * light[2]));
}

int vb_image_hdr_to_srgb(const uint16_t *rgb, size_t pixels, enum vb_image_hdr transfer, uint8_t *ret_rgb)
{
    struct tables *tables VB_CLEANUP(vb_freep) = malloc(sizeof(*tables));

    if (!tables)
        return -ENOMEM;
    fill(tables, transfer);
    for (size_t i = 0; i < pixels; i++)
        convert(tables, transfer, rgb + 3 * i, ret_rgb + 3 * i);
    return 0;
}
