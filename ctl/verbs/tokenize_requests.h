/* `bitctl tokenize --requests`. */
#ifndef BIT_CTL_TOKENIZE_REQUESTS_H
#define BIT_CTL_TOKENIZE_REQUESTS_H

#include "ctl/cli/verb.h"
#include "ctl/tokenize/inputs.h"
#include "ctl/tokenize/requests.h"

/**
 * Make a request file of each input, and print a line for each. All inputs are tried. Returns the exit code of the
 * first failure.
 */
int bit_tokenize_requests(struct bit_cli *cli, const struct bit_requests_options *options,
                          const struct bit_inputs *inputs);

#endif
