#ifndef CUTHERE_MATH_H
#define CUTHERE_MATH_H
#define HUGE_VAL (1e300 * 1e300)
#define INFINITY ((float)(1e300 * 1e300))
#define NAN (INFINITY - INFINITY)
#define M_PI 3.14159265358979323846
#define isnan(x) ((x) != (x))
#define isinf(x) ((x) == HUGE_VAL || (x) == -HUGE_VAL)
#define isfinite(x) ((x) - (x) == 0)
static inline double fabs(double x)
{
	return x < 0 ? -x : x;
}
static inline float fabsf(float x)
{
	return x < 0 ? -x : x;
}
static inline double fmin(double a, double b)
{
	return b < a || a != a ? b : a;
}
static inline double fmax(double a, double b)
{
	return b > a || a != a ? b : a;
}
static inline double trunc(double x)
{
	return x > -9007199254740992.0 && x < 9007199254740992.0 ? (double)(long)x : x;
}
static inline double floor(double x)
{
	double whole = trunc(x);
	return whole > x ? whole - 1 : whole;
}
static inline double ceil(double x)
{
	double whole = trunc(x);
	return whole < x ? whole + 1 : whole;
}
#endif
