#ifndef CUTHERE_ASSERT_H
#define CUTHERE_ASSERT_H
void assert(int condition);
#endif
