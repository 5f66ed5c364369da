/* `bitctl tokenize --requests`. */
#ifndef BIT_CTL_TOKENIZE_REQUESTS_H
#define BIT_CTL_TOKENIZE_REQUESTS_H

#include "ctl/cli/verb.h"
#include "ctl/tokenize/inputs.h"
#include "ctl/tokenize/requests.h"

/** A request file of each input; a line is printed of each. All inputs are tried. The exit code is the first failure's.
 */
int bit_tokenize_requests(struct bit_cli *cli, const struct bit_requests_options *options,
                          const struct bit_inputs *inputs);

#endif
