#include "enqueue/chain.h"

#include <stddef.h>

cl_uint closs_chain_wait(const closs_chain *chain, const cl_event **wait) {
  if (!chain->started) {
    *wait = chain->wait_count > 0 ? chain->wait : NULL;
    return chain->wait_count;
  }
  *wait = chain->last != NULL ? &chain->last : NULL;
  return chain->last != NULL ? 1 : 0;
}

cl_event *closs_chain_event(const closs_chain *chain, bool is_last, cl_event *next) {
  *next = NULL;
  return (is_last ? chain->wants_event : chain->out_of_order) ? next : NULL;
}

void closs_chain_advance(closs_chain *chain, cl_event next) {
  if (chain->last != NULL) {
    chain->cl->ReleaseEvent(chain->last);
  }
  chain->last = next;
  chain->started = true;
}
