/* Commands one after the other on a queue of either kind: the first waits for the caller's events, the last gives its
 * event. */
#ifndef CLOSS_ENQUEUE_CHAIN_H
#define CLOSS_ENQUEUE_CHAIN_H

#include <stdbool.h>

#include "closs/opencl.h"

typedef struct closs_chain {
  const closs_opencl *cl;
  cl_command_queue queue;
  bool out_of_order;
  cl_uint wait_count; /* the caller's events, before the first command */
  const cl_event *wait;
  bool wants_event;
  bool started;
  cl_event last; /* of the last command; NULL where nobody needs it */
} closs_chain;

/* What the next command waits for, and where its event goes: NULL, or &next. */
cl_uint closs_chain_wait(const closs_chain *chain, const cl_event **wait);
cl_event *closs_chain_event(const closs_chain *chain, bool is_last, cl_event *next);

/* The command was enqueued: its event, if any, takes the place of the one before. */
void closs_chain_advance(closs_chain *chain, cl_event next);

#endif
