/* The search for the fastest products, dispatched to the back end. */
#include "kernels/exec/product_search.h"

#include "kernels/exec/backend.h"

static const struct bit_product_search_ops *ops_of(const struct bit_exec *exec)
{
    return bit_backend_find(exec->backend)->products;
}

bool bit_products_have_choice(const struct bit_exec *exec)
{
    return ops_of(exec) != NULL;
}

int bit_products_card(const struct bit_exec *exec, struct bit_product_card *out)
{
    return ops_of(exec)->card(exec, out);
}

int bit_products_search(const struct bit_exec *exec, bool on)
{
    return ops_of(exec)->search(exec, on);
}

int bit_products_rows(const struct bit_exec *exec, const struct bit_product_choice **out)
{
    return ops_of(exec)->rows(exec, out);
}

int bit_products_take(const struct bit_exec *exec, const struct bit_product_choice *rows, int count)
{
    return ops_of(exec)->take(exec, rows, count);
}
