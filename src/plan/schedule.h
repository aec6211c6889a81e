/* Which schedule a plan has, and the numbers of schedule groups. */
#ifndef CLOSS_PLAN_SCHEDULE_H
#define CLOSS_PLAN_SCHEDULE_H

#include "plan/layout.h"
#include "plan/tuning.h"

/* The caller's choice, or the table's. */
closs_status closs_schedule_choose(const closs_plan_options *options, const closs_tuning *tuning, closs_layout *layout,
                                   closs_error *error);

/*
 * The numbers of schedule groups: the caller's, or the table's brought within what the device has. Where nothing fits,
 * and nothing was asked for, the schedule becomes lanes, with the row's other numbers.
 */
closs_status closs_schedule_size(const closs_plan_options *options, const closs_request *request,
                                 const closs_caps *caps, const closs_tuning *tuning, closs_layout *layout,
                                 closs_error *error);

#endif
