/* The int8 codes of the activations, as the operators that make them hand them to the products. */
#ifndef BIT_TESTS_CODES_H
#define BIT_TESTS_CODES_H

#include <stdio.h>

/* Where codes are written as they are made; NULL: nowhere. For programs linked with --wrap=bit_quantise and
 * --wrap=bit_swiglu_quantise. */
extern FILE *codes_to;

#endif
