/* Writes bitd_export.json, which records what the export was made from. */
#ifndef BIT_CTL_EXPORT_MARK_H
#define BIT_CTL_EXPORT_MARK_H

struct bit_export;

/** Must be the last file of every export. */
int bit_mark_write(struct bit_export *e);

#endif
