/* config.json and generation_config.json. */
#ifndef BIT_CTL_EXPORT_HF_CONFIG_H
#define BIT_CTL_EXPORT_HF_CONFIG_H

#include "ctl/export/hf_vocabulary.h"

struct bit_export;

int bit_hf_config_write(struct bit_export *e, const struct bit_hf_vocabulary *vocabulary);

#endif
