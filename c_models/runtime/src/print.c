/* SPDX-License-Identifier: Apache-2.0
 * Formatted text, without division (the core has none). */
#include "internal.h"

typedef void (*put_t)(uint character);

typedef struct {
    uint width;
    bool zeros; /* pad with zeros, not blanks */
    bool left;
} field_t;

static void pad(put_t put, const field_t *field, uint used, uint character)
{
    for (uint i = used; i < field->width; i++) {
        put(character);
    }
}

/* Text with an optional sign; zeros go behind the sign, blanks before it. */
static void put_padded(put_t put, const field_t *field, uint sign,
                       const char *text, uint length)
{
    uint used = length + (sign != 0);

    if (!field->zeros && !field->left) {
        pad(put, field, used, ' ');
    }
    if (sign != 0) {
        put(sign);
    }
    if (field->zeros) {
        pad(put, field, used, '0');
    }
    for (uint i = 0; i < length; i++) {
        put((uchar) text[i]);
    }
    if (field->left) {
        pad(put, field, used, ' ');
    }
}

/* Decimal digits of `value`, at least one; returns how many. */
static uint to_decimal(uint value, char *text)
{
    static const uint powers[] = {
        1000000000, 100000000, 10000000, 1000000, 100000, 10000, 1000, 100, 10, 1
    };
    uint length = 0;

    for (uint i = 0; i < sizeof(powers) / sizeof(powers[0]); i++) {
        char digit = '0';
        while (value >= powers[i]) {
            value -= powers[i];
            digit++;
        }
        if (digit != '0' || length > 0 || powers[i] == 1) {
            text[length++] = digit;
        }
    }
    return length;
}

static uint to_hex(uint value, char *text, uint digits)
{
    uint length = 0;

    for (int shift = 28; shift >= 0; shift -= 4) {
        uint digit = value >> shift & 15;
        if (digit != 0 || length > 0 || (uint) shift < 4 * digits) {
            text[length++] = "0123456789abcdef"[digit];
        }
    }
    return length;
}

static void put_unsigned(put_t put, const field_t *field, uint value)
{
    char text[10];
    put_padded(put, field, 0, text, to_decimal(value, text));
}

static void put_signed(put_t put, const field_t *field, int value)
{
    char text[10];
    uint magnitude = value < 0 ? 0u - (uint) value : (uint) value;
    put_padded(put, field, value < 0 ? '-' : 0, text, to_decimal(magnitude, text));
}

/* s16.15 with six decimals, cut off. */
static void put_fixed(put_t put, const field_t *field, int value)
{
    char text[16];
    uint magnitude = value < 0 ? 0u - (uint) value : (uint) value;
    uint length = to_decimal(magnitude >> 15, text);
    uint fraction = magnitude & 0x7fff;

    text[length++] = '.';
    for (uint i = 0; i < 6; i++) {
        fraction *= 10;
        text[length++] = (char) ('0' + (fraction >> 15));
        fraction &= 0x7fff;
    }
    put_padded(put, field, value < 0 ? '-' : 0, text, length);
}

static void put_conversion(put_t put, uint conversion, const field_t *field, uint value)
{
    char text[8];
    const char *string = (const char *) (uintptr_t) value;
    uint length = 0;

    switch (conversion) {
    case 'd':
    case 'i':
        put_signed(put, field, (int) value);
        break;
    case 'u':
        put_unsigned(put, field, value);
        break;
    case 'x':
    case 'X':
    case 'p':
        put_padded(put, field, 0, text, to_hex(value, text, 1));
        break;
    case 'z':
        put_padded(put, field, 0, text, to_hex(value, text, field->width));
        break;
    case 'k':
        put_fixed(put, field, (int) value);
        break;
    case 'c':
        put(value);
        break;
    case 's':
        while (string[length] != 0) {
            length++;
        }
        put_padded(put, field, 0, string, length);
        break;
    default:
        put(conversion);
        break;
    }
}

void runtime_format(put_t put, const char *format, va_list arguments)
{
    for (; *format != 0; format++) {
        if (*format != '%') {
            put((uchar) *format);
            continue;
        }
        field_t field = {0, false, false};
        format++;
        for (; *format == '0' || *format == '-'; format++) {
            field.zeros |= *format == '0';
            field.left |= *format == '-';
        }
        for (; *format >= '0' && *format <= '9'; format++) {
            field.width = field.width * 10 + (uint) (*format - '0');
        }
        while (*format == 'l' || *format == '.' || (*format >= '0' && *format <= '9')) {
            format++; /* all integers have 32 bits; precisions are ignored */
        }
        if (*format == 0) {
            return;
        }
        if (*format == '%') {
            put('%');
        } else {
            put_conversion(put, (uchar) *format, &field, va_arg(arguments, uint));
        }
    }
}
