/* CRC-32C: by the processor's instruction where the compiler and the machine have it. */
#include "nnefx_reader.h"

#if defined(__GNUC__) && defined(__x86_64__) && !defined(NNEFX_PLAIN_CRC)
#define HAS_INSTRUCTION 1

__attribute__((target("sse4.2"))) static uint32_t crc_fast(const unsigned char *at, size_t steps,
                                                           uint32_t crc)
{
    unsigned long long wide = crc;
    for (; steps; steps--, at += 8)
        wide = __builtin_ia32_crc32di(wide, nnefx_u64(at));
    return (uint32_t)wide;
}

static int has_instruction(void)
{
    return __builtin_cpu_supports("sse4.2");
}
#endif

/* What is short goes four bits a step; for what is long, eight bytes a step, the tables are made
 * first. Nothing is shared between threads. */
static uint32_t crc_short(const unsigned char *at, size_t size, uint32_t crc)
{
    static const uint32_t table[16] = {
        0x00000000u, 0x105EC76Fu, 0x20BD8EDEu, 0x30E349B1u,
        0x417B1DBCu, 0x5125DAD3u, 0x61C69362u, 0x7198540Du,
        0x82F63B78u, 0x92A8FC17u, 0xA24BB5A6u, 0xB21572C9u,
        0xC38D26C4u, 0xD3D3E1ABu, 0xE330A81Au, 0xF36E6F75u};
    for (; size; size--, at++) {
        crc ^= *at;
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return crc;
}

static void make_tables(uint32_t table[8][256])
{
    uint32_t i, j;
    for (i = 0; i < 256; i++) {
        const unsigned char octet = (unsigned char)i;
        table[0][i] = crc_short(&octet, 1, 0);
    }
    for (j = 1; j < 8; j++)
        for (i = 0; i < 256; i++)
            table[j][i] = table[j - 1][i] >> 8 ^ table[0][table[j - 1][i] & 0xFF];
}

static uint32_t crc_long(const unsigned char *at, size_t steps, uint32_t crc)
{
    uint32_t table[8][256];
    make_tables(table);
    for (; steps; steps--, at += 8) {
        uint32_t low = crc ^ nnefx_u32(at), high = nnefx_u32(at + 4);
        crc = table[7][low & 0xFF] ^ table[6][low >> 8 & 0xFF] ^ table[5][low >> 16 & 0xFF] ^
              table[4][low >> 24] ^ table[3][high & 0xFF] ^ table[2][high >> 8 & 0xFF] ^
              table[1][high >> 16 & 0xFF] ^ table[0][high >> 24];
    }
    return crc;
}

uint32_t nnefx_crc32c(const void *data, size_t size, uint32_t crc)
{
    const unsigned char *at = data;
    crc = ~crc;
#ifdef HAS_INSTRUCTION
    if (has_instruction()) {
        crc = crc_fast(at, size / 8, crc);
        at += size / 8 * 8;
        size %= 8;
    }
#endif
    if (size >= 8192) {
        crc = crc_long(at, size / 8, crc);
        at += size / 8 * 8;
        size %= 8;
    }
    return ~crc_short(at, size, crc);
}
