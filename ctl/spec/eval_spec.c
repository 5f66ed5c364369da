#include "ctl/spec/eval_spec.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ctl/cli/failure.h"
#include "ctl/spec/eval_subject.h"
#include "proto/check.h"
#include "proto/data/request_file.h"
#include "proto/data/sidecar.h"
#include "proto/err.h"
#include "proto/text/reflect.h"
#include "proto/wire/msg.h"

#define NEW(type) ((void *)bit_message_new(&bit__##type##__descriptor))

static int no_memory(void)
{
    return bit_fail(-ENOMEM, "the specification of an evaluation");
}

/* ---- its specification */

/*
 * The tokenizer of its ids: from the specification, else from the sidecar of the files it was trained on; heap or NULL.
 */
static char *tokenizer_of(const Bit__DataSpec *data)
{
    const char *file = data->n_train > 0                                   ? data->train[0]
                       : data->n_source > 0 && data->source[0]->n_path > 0 ? data->source[0]->path[0]
                                                                           : NULL;
    struct bit_sidecar sidecar;
    char *sha256 = NULL;

    if (data->tokenizer != NULL)
        return strdup(data->tokenizer);
    if (file != NULL && bit_sidecar_read(file, &sidecar) == 1) {
        sha256 = strdup(sidecar.sha256);
        bit_sidecar_finish(&sidecar);
    }
    return sha256;
}

static int take_data(Bit__RunSpec *spec, const Bit__DataSpec *trained)
{
    spec->data = NEW(data_spec);
    if (spec->data == NULL)
        return no_memory();
    spec->data->tokenizer = tokenizer_of(trained);
    spec->data->has_dtype = trained->has_dtype;
    spec->data->dtype = trained->dtype;
    return 0;
}

/* Takes the model, quantizer and batch from the specification that it was trained by; the launch only of a run. */
static int take_known(Bit__RunSpec *spec, struct bit_eval_subject *s)
{
    Bit__RunSpec *trained = s->spec;

    spec->model = trained->model;
    spec->quantizer = trained->quantizer;
    spec->batch = trained->batch;
    trained->model = NULL;
    trained->quantizer = NULL;
    trained->batch = NULL;
    if (spec->batch != NULL)
        spec->batch->has_instances = false; /* by default as many as fit one pass */
    if (s->is_run) {
        spec->launch = trained->launch;
        trained->launch = NULL;
    }
    return trained->data != NULL ? take_data(spec, trained->data) : 0;
}

/* Another program's folder describes its architecture itself if it has a config.json. */
static int put_model(Bit__RunSpec *spec, const struct bit_eval_subject *s)
{
    if (spec->model == NULL)
        spec->model = NEW(model_spec);
    if (spec->model == NULL)
        return no_memory();
    free(spec->model->init_from);
    free(spec->model->from);
    spec->model->init_from = s->describes_itself ? NULL : strdup(s->path);
    spec->model->from = s->describes_itself ? strdup(s->path) : NULL;
    return spec->model->init_from != NULL || spec->model->from != NULL ? 0 : no_memory();
}

static int put_basics(Bit__RunSpec *spec, const struct bit_eval_ask *ask, const struct bit_eval_subject *s)
{
    spec->schedule = NEW(schedule_spec);
    spec->eval = NEW(eval_spec);
    if (spec->schedule == NULL || spec->eval == NULL)
        return no_memory();
    spec->schedule->has_steps = true;
    spec->eval->has_damage = spec->eval->damage = ask->damage;
    spec->eval->has_precision = ask->has_precision ? !ask->both : s->ternary && !ask->damage;
    spec->eval->precision = ask->has_precision ? ask->precision : BIT__PRECISION__TERNARY;
    if (s->spec != NULL && s->spec->eval != NULL) {
        spec->eval->has_instances = s->spec->eval->has_instances;
        spec->eval->instances = s->spec->eval->instances;
    }
    return 0;
}

/* ---- tasks and sets */

/* Appends an element, which `to` owns from then on. */
static int append(ProtobufCMessage *to, const char *field, const void *element)
{
    return bit_field_add(to, bit_field_find(to->descriptor, field, strlen(field)), element);
}

/* name: `length` bytes, or NULL. */
static int add_task(Bit__EvalSpec *eval, const char *name, size_t length, const char *path)
{
    Bit__TaskSpec *task = NEW(task_spec);

    if (task == NULL)
        return no_memory();
    task->name = name != NULL ? strndup(name, length) : NULL;
    task->path = strdup(path);
    int err = task->path == NULL || (name != NULL && task->name == NULL) ? no_memory() : 0;
    if (err == 0)
        err = append(&eval->base, "task", &task);
    if (err < 0)
        bit_msg_free(task);
    return err;
}

static int is_request_file(const struct dirent *entry)
{
    static const char ending[] = BIT_REQUEST_FILE_ENDING;
    const size_t length = strlen(entry->d_name), end = sizeof ending - 1;

    return length > end && strcmp(entry->d_name + length - end, ending) == 0;
}

static int add_folder(Bit__EvalSpec *eval, const char *folder)
{
    struct dirent **entry = NULL;
    char path[BIT_PATH_MAX];
    int err = 0, count = scandir(folder, &entry, is_request_file, alphasort);

    if (count < 0)
        return bit_fail(-errno, "--task %s", folder);
    if (count == 0)
        err = bit_fail(BIT_EDATA, "--task %s: no " BIT_REQUEST_FILE_ENDING " file is in this folder", folder);
    for (int i = 0; i < count; i++) {
        if (err == 0 && snprintf(path, sizeof path, "%s/%s", folder, entry[i]->d_name) >= (int)sizeof path)
            err = bit_fail(-ENAMETOOLONG, "--task %s", folder);
        if (err == 0)
            err = add_task(eval, NULL, 0, path);
        free(entry[i]);
    }
    free(entry);
    return err;
}

/* An argument that exists as a file is a file, even if its name has a "=". */
static int add_task_argument(Bit__EvalSpec *eval, const char *arg)
{
    const char *equals = strchr(arg, '=');
    struct stat st;

    if (stat(arg, &st) == 0)
        return S_ISDIR(st.st_mode) ? add_folder(eval, arg) : add_task(eval, NULL, 0, arg);
    if (equals == NULL || equals == arg || memchr(arg, '/', (size_t)(equals - arg)) != NULL)
        return add_task(eval, NULL, 0, arg);
    return add_task(eval, arg, (size_t)(equals - arg), equals + 1);
}

static int add_set_file(Bit__EvalSet *set, const char *at, size_t length)
{
    char *path = strndup(at, length);
    int err = path != NULL ? append(&set->base, "path", &path) : no_memory();

    if (err < 0)
        free(path);
    return err;
}

static int add_set_files(Bit__EvalSet *set, const char *files)
{
    size_t length = strcspn(files, ",");
    int err = add_set_file(set, files, length);

    while (err == 0 && files[length] != '\0') {
        files += length + 1;
        length = strcspn(files, ",");
        err = add_set_file(set, files, length);
    }
    return err;
}

static int add_set_argument(Bit__EvalSpec *eval, const char *arg)
{
    const char *equals = strchr(arg, '=');

    if (equals == NULL || equals == arg)
        return bit_fail(BIT_EUSAGE, "--held-out takes NAME=FILE, not '%s'", arg);
    Bit__EvalSet *set = NEW(eval_set);
    if (set == NULL)
        return no_memory();
    set->name = strndup(arg, (size_t)(equals - arg));
    int err = set->name != NULL ? add_set_files(set, equals + 1) : no_memory();
    if (err == 0)
        err = append(&eval->base, "set", &set);
    if (err < 0)
        bit_msg_free(set);
    return err;
}

static int add_arguments(Bit__EvalSpec *eval, const struct bit_eval_ask *ask)
{
    int err = 0;

    for (size_t i = 0; i < ask->task_count && err == 0; i++)
        err = add_task_argument(eval, ask->task[i]);
    for (size_t i = 0; i < ask->held_out_count && err == 0; i++)
        err = add_set_argument(eval, ask->held_out[i]);
    return err;
}

/* Takes the tasks and sets of its own training. The files must be the same: bitd reports a digest that differs. */
static int take_own(Bit__EvalSpec *eval, const struct bit_eval_subject *s)
{
    Bit__EvalSpec *own = s->spec != NULL ? s->spec->eval : NULL;

    if (own == NULL || own->n_task + own->n_set == 0)
        return bit_fail(BIT_EUSAGE,
                        "there is nothing to evaluate: name a request file with --task FILE (`bitctl tokenize "
                        "--requests` makes them), or token files with --held-out NAME=FILE");
    eval->task = own->task;
    eval->n_task = own->n_task;
    eval->set = own->set;
    eval->n_set = own->n_set;
    own->task = NULL;
    own->set = NULL;
    own->n_task = own->n_set = 0;
    return 0;
}

static int fill(Bit__RunSpec *spec, const struct bit_eval_ask *ask, struct bit_eval_subject *s)
{
    int err = s->spec != NULL ? take_known(spec, s) : 0;

    if (err == 0)
        err = put_model(spec, s);
    if (err == 0)
        err = put_basics(spec, ask, s);
    if (err == 0)
        err = ask->task_count + ask->held_out_count > 0 ? add_arguments(spec->eval, ask) : take_own(spec->eval, s);
    return err;
}

int bit_eval_spec_make(struct bit_cli *cli, const struct bit_eval_ask *ask, struct bit_eval_spec *out)
{
    struct bit_eval_subject s;
    int code = bit_eval_subject_find(cli, ask->what, ask->has_step ? &ask->step : NULL, &s);
    Bit__RunSpec *spec = code == 0 ? NEW(run_spec) : NULL;

    if (code == 0) {
        int err = spec != NULL ? fill(spec, ask, &s) : no_memory();
        code = err < 0 ? bit_failure_print(cli, err) : 0;
    }
    if (code == 0) {
        *out = (struct bit_eval_spec){.spec = spec, .choice = s.choice, .foreign = s.spec == NULL};
        memcpy(out->name, s.name, sizeof out->name);
        spec = NULL;
    }
    bit_msg_free(spec);
    bit_eval_subject_finish(&s);
    return code;
}
