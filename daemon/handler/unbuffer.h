/*
 * Programs that keep their output back when it goes to a pipe (`handler { unbuffer }`): what is put
 * before the command, or in the place of the pipe, so that each reply comes at once.
 */
#ifndef FRAMED_HANDLER_UNBUFFER_H
#define FRAMED_HANDLER_UNBUFFER_H

struct handler_config;

/* The words to start HANDLER with: its command, behind stdbuf(1) where that is wanted. Allocated in
 * one piece, for free(); the words stay HANDLER's. NULL without memory. */
char **unbuffer_words(const struct handler_config *handler);

/*
 * A pseudo-terminal in the place of a pipe: what is written to *THEIRS is read from *OURS (which
 * does not block) byte for byte; EIO is its end. It is nobody's controlling terminal. 0, or a
 * negative errno; both, where not -1, are the caller's to close all the same.
 */
int unbuffer_open_terminal(int *ours, int *theirs);

#endif
