/* The section with the tree of forks that a run belongs to. */
#include <inttypes.h>
#include <string.h>

#include "ctl/report/run_sections.h"
#include "ctl/show/print.h"

#define DEPTH_MAX 10 /* of the printed tree */

static const Bit__RunStatus *find(const Bit__ListReply *all, const char *run)
{
    for (size_t i = 0; i < all->n_run; i++)
        if (strcmp(all->run[i]->run, run) == 0)
            return all->run[i];
    return NULL;
}

static const Bit__RunStatus *parent_of(const Bit__ListReply *all, const Bit__RunStatus *run)
{
    return run->fork != NULL ? find(all, run->fork->origin->run) : NULL;
}

static bool has_child(const Bit__ListReply *all, const Bit__RunStatus *run)
{
    for (size_t i = 0; i < all->n_run; i++)
        if (parent_of(all, all->run[i]) == run)
            return true;
    return false;
}

static void tell(struct bit_page_section *s, const Bit__RunStatus *m)
{
    const bool self = strcmp(m->run, s->run->status->run) == 0;

    bit_html_element(s->h, self ? "strong" : "span", "%s", m->name);
    bit_html_text(s->h, " (%s", m->run);
    if (m->fork != NULL)
        bit_html_text(s->h, ", from %s after step %" PRIu64, m->fork->origin->run, m->fork->origin->step);
    bit_html_text(s->h, "): %s, step %" PRIu64 " of %" PRIu64, bit_text_state(m->state), m->step, m->steps);
    if (m->has_switch_after)
        bit_html_text(s->h, ", 1.58-bit after step %" PRIu64, m->switch_after);
    if (m->last != NULL)
        bit_html_text(s->h, ", loss %.4f", m->last->loss);
}

static void tell_children(struct bit_page_section *s, const Bit__ListReply *all, const Bit__RunStatus *of, int depth)
{
    if (!has_child(all, of))
        return;
    if (depth == DEPTH_MAX) {
        bit_html_text(s->h, ", with forks of its own");
        return;
    }
    bit_html_begin(s->h, "ul");
    for (size_t i = 0; i < all->n_run; i++) {
        if (parent_of(all, all->run[i]) != of)
            continue;
        bit_html_begin(s->h, "li");
        tell(s, all->run[i]);
        tell_children(s, all, all->run[i], depth + 1);
        bit_html_end(s->h, "li");
    }
    bit_html_end(s->h, "ul");
}

void bit_section_family(struct bit_page_section *s, const Bit__ListReply *all)
{
    const Bit__RunStatus *root = find(all, s->run->status->run), *up;

    if (root == NULL || (root->fork == NULL && !has_child(all, root)))
        return;
    for (size_t i = 0; i < all->n_run && (up = parent_of(all, root)) != NULL; i++)
        root = up;
    bit_section_begin(s, "family", "Family of forks");
    if (root->fork != NULL)
        bit_section_paragraph(s, "%s, from which %s was forked, no longer exists.", root->fork->origin->run, root->run);
    bit_html_begin(s->h, "ul");
    bit_html_attribute(s->h, "class", "tree");
    bit_html_begin(s->h, "li");
    tell(s, root);
    tell_children(s, all, root, 1);
    bit_html_end(s->h, "li");
    bit_html_end(s->h, "ul");
    bit_section_end(s);
}
