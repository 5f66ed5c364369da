/* Files of ours read by the safetensors package, and files of its own read by us. $BIT_PYTHON is the interpreter that
 * the build found. */
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/ckpt/checkpoint.h"
#include "proto/err.h"
#include "tests/test.h"

extern char **environ;

static char path[256]; /* the file that both sides read and write */

static int python(const char *script)
{
    char *program = getenv("BIT_PYTHON"), *text = strdup(script);
    char option[] = "-c", *const argv[] = {program, option, text, path, NULL};
    int status = -1;
    pid_t pid;

    if (program != NULL && posix_spawnp(&pid, program, NULL, NULL, argv, environ) == 0)
        waitpid(pid, &status, 0);
    free(text);
    return status;
}

static bool has_package(void)
{
    return python("import sys\n"
                  "try:\n"
                  "    import numpy, safetensors.numpy\n"
                  "except ImportError:\n"
                  "    sys.exit(1)\n") == 0;
}

static const char no_package[] = "no python with numpy and safetensors in $BIT_PYTHON";

/* Element i of the flat vector is i. */
static void write_ours(const Bit__ModelSpec *model)
{
    struct bit_tensor *tensors;
    int count = bit_checkpoint_tensors(model, &tensors);
    int64_t elements = bit_checkpoint_elements(tensors, count);
    uint8_t *header;
    size_t bytes;
    FILE *f = fopen(path, "wb");

    BIT_ASSERT(f != NULL && bit_safetensors_header(tensors, count, NULL, &header, &bytes) == 0);
    fwrite(header, 1, bytes, f);
    for (int64_t i = 0; i < elements; i++)
        fwrite(&(float){(float)i}, 4, 1, f);
    BIT_ASSERT(fclose(f) == 0);
    free(header);
    free(tensors);
}

TEST(the_package_reads_ours)
{
    Bit__ModelSpec model = BIT__MODEL_SPEC__INIT;

    if (!has_package())
        SKIP(no_package);
    model.layers = 2;
    model.width = 4;
    model.mlp_hidden = 10;
    model.vocab_padded = 7;
    write_ours(&model);
    EXPECT_EQ(python("import sys, numpy as np, safetensors.numpy as st\n"
                     "t = st.load_file(sys.argv[1])\n"
                     "p = 'transformer.'\n"
                     "names = [p + 'wte.weight']\n"
                     "for i in range(2):\n"
                     "    names += [f'{p}blocks.{i}.{n}.weight' for n in ('att_proj','attn_out','ff_proj','ff_out')]\n"
                     "names.append(p + 'ff_out.weight')\n"
                     "assert sorted(t) == sorted(names), list(t)\n"
                     "assert all(v.dtype == np.float32 for v in t.values())\n"
                     "shapes = [t[n].shape for n in names[:5]]\n"
                     "assert shapes == [(7, 4), (12, 4), (4, 4), (20, 4), (4, 10)], shapes\n"
                     "flat = np.concatenate([t[n].ravel() for n in names])\n"
                     "assert (flat == np.arange(424)).all()\n"),
              0);
}

TEST(we_read_the_packages)
{
    struct bit_safetensors s;
    int fd;

    if (!has_package())
        SKIP(no_package);
    EXPECT_EQ(python("import sys, numpy as np, safetensors.numpy as st\n"
                     "st.save_file({'b': np.zeros((2, 3), np.float64), 'a': np.zeros((5,), np.float16),\n"
                     "              'scalar': np.array(3, np.int64), 'empty': np.zeros((4, 0), np.uint8),\n"
                     "              'gr\\u00fc\\u00dfe': np.zeros((1, 1, 1), np.bool_)},\n"
                     "             sys.argv[1], metadata={'format': 'np'})\n"),
              0);
    fd = open(path, O_RDONLY);
    if (!EXPECT_EQ(bit_safetensors_read(fd, path, &s), 0)) {
        fprintf(stderr, "    %s\n", bit_fail_text());
        close(fd);
        return;
    }
    EXPECT_EQ(s.count, 5u);
    const struct bit_safetensors_entry *b = bit_safetensors_find(&s, "b"), *flag = bit_safetensors_find(&s, "grüße");
    if (EXPECT(b != NULL && flag != NULL)) {
        EXPECT_STREQ(b->dtype, "F64");
        EXPECT_EQ(b->shape[1], 3);
        EXPECT_STREQ(flag->dtype, "BOOL");
    }
    bit_safetensors_finish(&s);
    close(fd);
}

int main(int argc, char **argv)
{
    snprintf(path, sizeof path, "%s", test_path("peer.safetensors"));
    return test_run_all(argc, argv);
}
