#include "ctl/export/hf.h"

#include <errno.h>

#include "ctl/export/export.h"
#include "ctl/export/hf_config.h"
#include "ctl/export/hf_vocabulary.h"
#include "ctl/export/hf_weights.h"
#include "proto/err.h"

#define OLMO_NORM_EPS 1e-5 /* fixed in OlmoLayerNorm */

int bit_hf_refuse(const struct bit_export *e)
{
    const Bit__ModelSpec *model = e->source.manifest->spec->model;

    if ((float)model->norm_eps != (float)OLMO_NORM_EPS)
        return bit_fail(-ENOTSUP,
                        "transformers' OlmoForCausalLM cannot hold model.norm_eps %g: its norms have %g; train "
                        "with model { norm_eps: 1e-5 }",
                        model->norm_eps, OLMO_NORM_EPS);
    return 0;
}

int bit_hf_write(struct bit_export *e)
{
    struct bit_hf_vocabulary vocabulary;
    int err = bit_hf_vocabulary_write(e, &vocabulary);

    if (err >= 0)
        err = bit_hf_config_write(e, &vocabulary);
    return err < 0 ? err : bit_hf_weights_write(e);
}

int bit_hf_verify(struct bit_export *e)
{
    return bit_hf_weights_verify(e);
}
