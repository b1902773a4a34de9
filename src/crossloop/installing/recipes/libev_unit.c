/* The libev that pyev bundles (4.04, 2011), compiled with what its configure would find on today's systems.

   EV_COMPAT3 0 and EV_VERIFY 0 are what pyev.h asks for; both units must agree, or the structures differ.
   The clock comes from the C library (vDSO, no system call), not from syscall(2), which libev would take
   on Linux by itself because clock_gettime was in librt in 2011. EV_ATOMIC_T is set for both units by the
   build: see the recipe. */

#define EV_STANDALONE 1
#define EV_COMPAT3 0
#define EV_VERIFY 0

#define EV_USE_CLOCK_SYSCALL 0
#define EV_USE_MONOTONIC 1
#define EV_USE_REALTIME 0
#define EV_USE_NANOSLEEP 1

#if defined(__APPLE__) || defined(__FreeBSD__) || defined(__NetBSD__) || defined(__OpenBSD__)
#define EV_USE_KQUEUE 1
#endif

#include "ev.c"
