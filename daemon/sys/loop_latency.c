#include "daemon/sys/loop_latency.h"

const struct bit_loop_latency_bound bit_loop_latency_bounds[BIT_LOOP_LATENCY_BOUNDS] = {
    {0.0001, "0.0001"}, {0.001, "0.001"}, {0.005, "0.005"}, {0.01, "0.01"},
    {0.05, "0.05"},     {0.1, "0.1"},     {0.5, "0.5"},     {1, "1.0"},
};

void bit_loop_latency_note(struct bit_loop_latency *l, uint64_t now_ns, uint64_t idle_ns)
{
    const uint64_t passed = now_ns - l->before_ns, idle = idle_ns - l->idle_ns;
    const double s = passed > idle ? (double)(passed - idle) * 1e-9 : 0;
    int at = 0;

    if (l->before_ns != 0) {
        while (at < BIT_LOOP_LATENCY_BOUNDS && s > bit_loop_latency_bounds[at].s)
            at++;
        l->count[at]++;
        l->turns++;
        l->sum_s += s;
    }
    l->before_ns = now_ns;
    l->idle_ns = idle_ns;
}

/* Called once in each turn, right before the loop polls for events. */
static void on_prepare(uv_prepare_t *prepare)
{
    bit_loop_latency_note(prepare->data, uv_hrtime(), uv_metrics_idle_time(prepare->loop));
}

int bit_loop_latency_init(struct bit_loop_latency *l, uv_loop_t *loop)
{
    int err = uv_loop_configure(loop, UV_METRICS_IDLE_TIME);

    *l = (struct bit_loop_latency){0};
    uv_prepare_init(loop, &l->prepare);
    l->prepare.data = l;
    uv_prepare_start(&l->prepare, on_prepare);
    uv_unref((uv_handle_t *)&l->prepare);
    return err;
}

void bit_loop_latency_close(struct bit_loop_latency *l)
{
    uv_close((uv_handle_t *)&l->prepare, NULL);
}
