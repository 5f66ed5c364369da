/* bitd_export.json: what an export was made of. */
#ifndef BIT_CTL_EXPORT_MARK_H
#define BIT_CTL_EXPORT_MARK_H

struct bit_export;

/** The last file of every export. */
int bit_mark_write(struct bit_export *e);

#endif
