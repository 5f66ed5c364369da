#include "worker/model/init.h"

#include <math.h>

#include "proto/check.h"

#define CUT 3.0 /* standard deviations */

/* ---- Philox 4x32-10: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011) */

#define PHILOX_ROUNDS 10
#define PHILOX_M0     0xd2511f53u
#define PHILOX_M1     0xcd9e8d57u
#define PHILOX_W0     0x9e3779b9u
#define PHILOX_W1     0xbb67ae85u

static void philox(uint64_t key, uint32_t counter[4])
{
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);

    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        uint64_t p0 = (uint64_t)PHILOX_M0 * counter[0], p1 = (uint64_t)PHILOX_M1 * counter[2];
        uint32_t c1 = counter[1], c3 = counter[3];

        counter[0] = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        counter[1] = (uint32_t)p1;
        counter[2] = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        counter[3] = (uint32_t)p0;
        k0 += PHILOX_W0;
        k1 += PHILOX_W1;
    }
}

/* In (0, 1): never 0, whose logarithm is infinite. */
static double uniform(uint32_t bits)
{
    return (bits + 0.5) * 0x1p-32;
}

/* A truncated normal value from the element's own stream, four words at a time, by Box-Muller. */
static double cut_normal(uint64_t seed, uint64_t element)
{
    for (uint32_t draw = 0;; draw++) {
        uint32_t w[4] = {(uint32_t)element, (uint32_t)(element >> 32), draw, 0};

        philox(seed, w);
        for (int pair = 0; pair < 4; pair += 2) {
            double radius = sqrt(-2.0 * log(uniform(w[pair]))), angle = 2.0 * M_PI * uniform(w[pair + 1]);
            double z = radius * cos(angle);

            if (fabs(z) > CUT)
                z = radius * sin(angle);
            if (fabs(z) <= CUT)
                return z;
        }
    }
}

/* ---- tensors */

double bit_init_std(const struct bit_worker_plan *plan, int index)
{
    const double width = (double)plan->width, hidden = (double)plan->hidden;

    if (plan->init == BIT__INIT__NORMAL)
        return plan->init_std;
    for (int i = 0; i < plan->linear_count; i++) {
        double depth = i / BIT_SITES + 1;

        if (plan->linears[i].tensor != index)
            continue;
        if (i % BIT_SITES == BIT_SITE_ATTN_OUT)
            return 1.0 / sqrt(2.0 * width * depth);
        if (i % BIT_SITES == BIT_SITE_FF_OUT)
            return 1.0 / sqrt(2.0 * hidden * depth);
    }
    return 1.0 / sqrt(width);
}

static void fill(uint64_t seed, double std, int64_t begin, int64_t end, float *out, int threads)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t i = begin; i < end; i++)
        out[i - begin] = (float)(std * cut_normal(seed, (uint64_t)i));
}

void bit_init_range(const struct bit_worker_plan *plan, int64_t begin, int64_t end, float *master)
{
    for (int t = 0; t < plan->tensor_count; t++) {
        const struct bit_tensor *tensor = &plan->tensors[t];
        int64_t from = BIT_MAX(begin, tensor->offset);
        int64_t to = BIT_MIN(end, tensor->offset + tensor->rows * tensor->cols);

        if (from < to)
            fill(plan->init_seed, bit_init_std(plan, t), from, to, master + (from - begin), plan->threads);
    }
}
