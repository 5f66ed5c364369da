/* The config.json of a model, and the model's fields that are filled from it. */
#include <string.h>

#include "proto/err.h"
#include "proto/spec/model_config.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct bit_problems problems;
    struct bit_model_config config;
    Bit__ModelSpec model = BIT__MODEL_SPEC__INIT;

    problems = (struct bit_problems){.count = 0};
    int err = bit_model_config_parse((const char *)data, bytes, "config.json", "model.from", &config, &problems);
    FUZZ_CHECK(err == 0 || err == BIT_ESPEC || err == BIT_ECORRUPT || err == BIT_ELIMIT);
    FUZZ_CHECK((err == BIT_ESPEC) == (problems.count > 0));
    if (err < 0)
        return 0;
    FUZZ_CHECK(config.says.layers >= 1 && config.says.width >= 1 && config.says.mlp_hidden >= 1);
    FUZZ_CHECK(bit_model_config_fill(&config, "config.json", &model, &problems) == 0);
    bit_model_config_compare(&config, "config.json", &model, &problems);
    FUZZ_CHECK(problems.count == 0);
    return 0;
}
