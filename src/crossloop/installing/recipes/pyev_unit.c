/* pyev 0.9.5 (2012) as it is, for CPython 3.11 and newer: this file comes before it and renames four things.

   pyev's and libev's own sources are fetched when `crossloop setup pyev` runs; no line of them is here
   and none is edited.

   - PyModule_AddType: CPython took this name in 3.10 for a function with other arguments.
   - PyInit_pyev: the package imports pyev._pyev, whose entry point must be called PyInit__pyev.
   - PyMem_Realloc, PyMem_Free: libev allocates within ev_run, where pyev has given the GIL up. Since 3.12
     the object allocator has per-interpreter state and that crashes; the raw domain may be used without. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <signal.h> /* pyev relies on ev.h for it, which includes it for its own EV_ATOMIC_T alone */

#define PyModule_AddType pyev_module_add_type
#define PyInit_pyev PyInit__pyev
#define PyMem_Realloc PyMem_RawRealloc
#define PyMem_Free PyMem_RawFree

#include "pyev.c"
