/* The search for the fastest products: the back end's, where it has a choice. */
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

int bit_products_search(const struct bit_exec *exec, bool on)
{
    return ops_of(exec) == NULL ? 0 : ops_of(exec)->search(exec, on);
}

int bit_products_export(const struct bit_exec *exec, void **out, size_t *bytes)
{
    *out = NULL;
    *bytes = 0;
    return ops_of(exec) == NULL ? 0 : ops_of(exec)->export_table(exec, out, bytes);
}

int bit_products_import(const struct bit_exec *exec, const void *table, size_t bytes)
{
    return ops_of(exec) == NULL ? 0 : ops_of(exec)->import_table(exec, table, bytes);
}

struct bit_product_count bit_products_count(const struct bit_exec *exec)
{
    struct bit_product_count count = {0};

    if (ops_of(exec) != NULL)
        ops_of(exec)->count(exec, &count);
    return count;
}
