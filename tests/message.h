/* Messages of any type with random content, for tests of everything that handles all types alike. */
#ifndef BIT_TESTS_MESSAGE_H
#define BIT_TESTS_MESSAGE_H

#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

/** The next number of a seeded row (splitmix64). */
uint64_t test_random(uint64_t *state);

/** A valid message: required fields set, each optional one with even odds, up to three of the repeated, one of a oneof.
 * On the heap, freed by bit_msg_free. The same seed gives the same message. */
ProtobufCMessage *test_message(const ProtobufCMessageDescriptor *desc, uint64_t *state);

#endif
