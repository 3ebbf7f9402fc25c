/* reference: the CPU time that the unavoidable part of a G.711 call takes on this machine now.
 *
 * Encodes and decodes a call's audio both ways (8000 samples a second each) and copies it four times, as any
 * gateway must. Prints {"millicores": M}: thousandths of a core for one such call. Table look-ups on purpose,
 * as codecs do it.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { SAMPLES = 160, PACKETS_A_SECOND = 50, CALL_SECONDS = 4000 };

static int16_t decode_table[256];
static uint8_t encode_table[16384];

static double cpu_s(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void make_tables(void) {
    for (int code = 0; code < 256; code++) {
        int inverted = ~code & 0xFF;
        int magnitude = (((inverted & 0x0F) << 3) + 0x84) << ((inverted & 0x70) >> 4);
        decode_table[code] = (int16_t)(inverted & 0x80 ? 0x84 - magnitude : magnitude - 0x84);
    }
    for (int i = 0; i < 16384; i++) encode_table[i] = (uint8_t)(i * 31 >> 6);
}

int main(void) {
    static int16_t linear[SAMPLES], copies[4][SAMPLES];
    static uint8_t packet[SAMPLES];
    make_tables();
    for (int i = 0; i < SAMPLES; i++) packet[i] = (uint8_t)(i * 37);
    double started = cpu_s();
    for (int n = 0; n < PACKETS_A_SECOND * CALL_SECONDS; n++) {
        for (int i = 0; i < SAMPLES; i++) linear[i] = decode_table[packet[i]];
        for (int copy = 0; copy < 4; copy++) {
            memcpy(copies[copy], copy ? copies[copy - 1] : linear, sizeof linear);
            __asm__ volatile("" : : "r"(copies[copy]) : "memory");
        }
        for (int i = 0; i < SAMPLES; i++) packet[i] = encode_table[(uint16_t)copies[3][i] >> 2];
        __asm__ volatile("" : : "r"(packet) : "memory");
    }
    printf("{\"millicores\": %.4f}\n", (cpu_s() - started) / CALL_SECONDS * 1000);
    return 0;
}
