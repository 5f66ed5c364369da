/* The sections of a report on one run, each in its own file. A section without content prints nothing. */
#ifndef BIT_CTL_RUN_SECTIONS_H
#define BIT_CTL_RUN_SECTIONS_H

#include "ctl/report/section.h"

/** What the run is and how it went, in figures. */
void bit_section_overview(struct bit_page_section *s);
/** Loss, norms, learning rate and other curves over its steps. */
void bit_section_curves(struct bit_page_section *s);
/** What the switch cost the training loss. */
void bit_section_switch(struct bit_page_section *s);
/** Losses of the held-out sets in both precisions, what the switch cost, and each part of 1.58 bits alone. */
void bit_section_evaluations(struct bit_page_section *s);
/** Downstream tasks. */
void bit_section_tasks(struct bit_page_section *s);
/** Changes that users requested during the run. */
void bit_section_changes(struct bit_page_section *s);
/** Its events: launches, losses, restarts, spikes, rewinds, ends. */
void bit_section_events(struct bit_page_section *s);
/** Its speed, and where the time went. */
void bit_section_speed(struct bit_page_section *s);
/** The machines it ran on, launch by launch. */
void bit_section_machines(struct bit_page_section *s);
/** The files that it was trained and evaluated on. */
void bit_section_data(struct bit_page_section *s);
/** Its checkpoints, and the digests that identify it. */
void bit_section_digests(struct bit_page_section *s);
/** Its specification: the settings that the user chose, and the whole. */
void bit_section_spec(struct bit_page_section *s);
/** Its place among forks: its parent, and the forks of it; `all`: every run that bitd has. */
void bit_section_family(struct bit_page_section *s, const Bit__ListReply *all);

#endif
