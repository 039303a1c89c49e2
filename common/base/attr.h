/* Compiler attributes, spelled once. */
#ifndef LOCKSTEP_BASE_ATTR_H
#define LOCKSTEP_BASE_ATTR_H

/* The caller must look at the result. */
#define LOCKSTEP_MUST_CHECK __attribute__((warn_unused_result))

/* Arguments are checked like printf's: FMT and FIRST count from one. */
#define LOCKSTEP_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))

#define LOCKSTEP_NORETURN __attribute__((noreturn))
#define LOCKSTEP_UNUSED   __attribute__((unused))

/* Called so often that a call of it would be felt. */
#define LOCKSTEP_INLINE static inline __attribute__((always_inline))
/* Seldom called, from code that is called often: kept out of it. */
#define LOCKSTEP_COLD __attribute__((cold, noinline))

/* May return, but only from a program that is wrong: the analyser need not look behind it. */
#ifdef __clang_analyzer__
#define LOCKSTEP_ANALYSIS_ENDS __attribute__((analyzer_noreturn))
#else
#define LOCKSTEP_ANALYSIS_ENDS
#endif

/* Number of elements of a real array (not of a pointer). */
#define LOCKSTEP_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
