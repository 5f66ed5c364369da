/* The sections of a report on one run, each in a file of its own. Those with nothing to say leave themselves out. */
#ifndef BIT_CTL_RUN_SECTIONS_H
#define BIT_CTL_RUN_SECTIONS_H

#include "ctl/report/section.h"

/** What it is and what became of it, in figures. */
void bit_section_overview(struct bit_page_section *s);
/** Loss, norms, rate and the rest over its steps. */
void bit_section_curves(struct bit_page_section *s);
/** What the switch cost the training loss. */
void bit_section_switch(struct bit_page_section *s);
/** Losses of the held-out sets in both precisions, what the switch cost, and each part of 1.58 bits alone. */
void bit_section_evaluations(struct bit_page_section *s);
/** Downstream tasks. */
void bit_section_tasks(struct bit_page_section *s);
/** What people asked for while it was there. */
void bit_section_changes(struct bit_page_section *s);
/** What happened to it: launches, losses, restarts, spikes, rewinds, its ends. */
void bit_section_events(struct bit_page_section *s);
/** How fast it was, and where the time went. */
void bit_section_speed(struct bit_page_section *s);
/** Where it ran, launch by launch. */
void bit_section_machines(struct bit_page_section *s);
/** The files that it was trained and evaluated on. */
void bit_section_data(struct bit_page_section *s);
/** Its checkpoints, and the digests that tell it from every other run. */
void bit_section_digests(struct bit_page_section *s);
/** Its specification: what somebody chose, and all of it. */
void bit_section_spec(struct bit_page_section *s);
/** The fork that it is, the run that it comes from and the forks of it; `all` are the runs that bitd has. */
void bit_section_family(struct bit_page_section *s, const Bit__ListReply *all);

#endif
