/* A failure that was noted by another thread or another rank. */
#ifndef BIT_WORKER_NOTE_H
#define BIT_WORKER_NOTE_H

/** Note `text`, which another bit_fail made, as this thread's, led by `who`. Returns err. */
int bit_note_again(int err, const char *who, const char *text);

#endif
