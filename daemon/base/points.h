/*
 * Points where the fault tests let a process die or stop that nothing outside could hit: with a
 * lock in hand, between two system calls. Only the program that they build for themselves has them.
 */
#ifndef FRAMED_BASE_POINTS_H
#define FRAMED_BASE_POINTS_H

#ifdef FRAMED_TEST_POINTS
void test_point(const char *name);
#define TEST_POINT(name) test_point(name)
#else
#define TEST_POINT(name) ((void)0)
#endif

#endif
