/* The int8 codes of the activations, as the quantising operators pass them to the products. */
#ifndef BIT_TESTS_CODES_H
#define BIT_TESTS_CODES_H

#include <stdio.h>

/* The file to which codes are written as they are computed; NULL: none. For programs linked with --wrap=bit_quantise
 * and --wrap=bit_swiglu_quantise. */
extern FILE *codes_to;

#endif
