/* Messages of any type with random content, for tests of code that handles all types alike. */
#ifndef BIT_TESTS_MESSAGE_H
#define BIT_TESTS_MESSAGE_H

#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

/** The next number of a seeded sequence (splitmix64). */
uint64_t test_random(uint64_t *state);

/** A valid message: required fields are set, optional ones with probability 1/2, repeated ones have up to three
 * elements, a oneof has one member. On the heap; the caller frees it with bit_msg_free. The same seed gives the same
 * message. */
ProtobufCMessage *test_message(const ProtobufCMessageDescriptor *desc, uint64_t *state);

#endif
