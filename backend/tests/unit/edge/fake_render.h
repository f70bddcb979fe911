/* What test_render.c and its fake worker agree on. */
#ifndef VB_TESTS_FAKE_RENDER_H
#define VB_TESTS_FAKE_RENDER_H

/* A source: a JPEG's header for its dimensions, of 640 x 480 pixels, then one byte of enum fake_order. */
#define FAKE_JPEG      "\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"
#define FAKE_JPEG_SIZE "\xff\xc0\0\x0b\x08\x01\xe0\x02\x80\1\1\x11\0"

enum fake_order {
    FAKE_WORKS = 'w',
    FAKE_WRITES_MUCH = 'm',     /* more than memory keeps of one body */
    FAKE_WRITES_TOO_MUCH = 'M', /* more than any variant has */
    FAKE_WRITES_ANOTHER_FORMAT = 'f',
    FAKE_WRITES_NOTHING = 'n',
    FAKE_SAYS_BAD = 'b',
    FAKE_SAYS_TROUBLE = 't',
    FAKE_TALKS_NONSENSE = '?',
    FAKE_CRASHES = 'c',
    FAKE_HANGS = 'h'
};

#define FAKE_SIZE           1000
#define FAKE_LARGE_SIZE     (600 * 1024)
#define FAKE_TOO_LARGE_SIZE (16 * 1024 * 1024 + 1)

#endif
