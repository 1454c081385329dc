/* What a scenario says beyond ordinary C. Described in docs/scenarios.md. */
#ifndef CUTHERE_H
#define CUTHERE_H
void cuthere_task(int cpu, void *function, void *argument);
void cuthere_softirq(int cpu, void *function, void *argument);
void cuthere_hardirq(int cpu, void *function, void *argument);
void cuthere_finally(void *function, void *argument);
void cuthere_assert(int condition);
int cuthere_choose(int ways);
#endif
